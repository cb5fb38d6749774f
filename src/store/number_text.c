/* Finds functions between their marks in the headers of src/num, which are part of the library as
 * text (cmake/embed.cmake), and writes out those that are needed. */
#include "store/number_text.h"

#include <stdio.h>
#include <string.h>

extern const char rg_number_single[], rg_number_double[], rg_number_quad[];

#define BEGIN "\n/* begin "
#define END "\n/* end "

typedef struct function {
  const char *name;
  size_t name_length;
  const char *needs; /* names up to the end of the comment */
  const char *text;
  size_t length;
  bool written;
} function;

typedef struct library {
  function *all;
  size_t count;
} library;

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

size_t rg_identifier_length(const char *text) {
  size_t n = 0;
  if (!is_letter(*text)) return 0;
  while (is_letter(text[n]) || (text[n] >= '0' && text[n] <= '9')) n++;
  return n;
}

static size_t count_marks(const char *text) {
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, BEGIN)); at += strlen(BEGIN)) count++;
  return count;
}

static rung_status add_functions(rung_context *ctx, library *lib, const char *text) {
  for (const char *at = text; (at = strstr(at, BEGIN));) {
    function *f = &lib->all[lib->count++];
    f->name = at + strlen(BEGIN);
    f->name_length = rg_identifier_length(f->name);
    f->needs = f->name + f->name_length;
    const char *close = strstr(f->needs, "*/\n");
    const char *end = close ? strstr(close, END) : NULL;
    if (!end || strncmp(end + strlen(END), f->name, f->name_length) != 0)
      return rg_fail(ctx, RUNG_E_INTERNAL, "the marks of %.*s do not match", (int)f->name_length,
                     f->name);
    f->text = close + 3;
    f->length = (size_t)(end - f->text) + 1;
    at = end;
  }
  return RUNG_OK;
}

static function *find(library *lib, const char *name, size_t length) {
  for (size_t i = 0; i < lib->count; i++)
    if (lib->all[i].name_length == length && memcmp(lib->all[i].name, name, length) == 0)
      return &lib->all[i];
  return NULL;
}

static void write_named(library *lib, const char *text, const char *end, rg_text *out);

static void write_function(library *lib, function *f, rg_text *out) {
  if (f->written) return;
  f->written = true;
  write_named(lib, f->needs, strstr(f->needs, "*/"), out);
  rg_text_add(out, "\n");
  rg_text_add_n(out, f->text, f->length);
}

/* Every function whose name stands between `text` and `end`. */
static void write_named(library *lib, const char *text, const char *end, rg_text *out) {
  for (const char *at = text; at < end;) {
    size_t length = rg_identifier_length(at);
    function *f = length ? find(lib, at, length) : NULL;
    if (f) write_function(lib, f, out);
    at += length ? length : 1;
  }
}

static rung_status write_all(rung_context *ctx, library *lib, const char *code, rg_text *out) {
  RG_TRY(add_functions(ctx, lib, rg_number_single));
  RG_TRY(add_functions(ctx, lib, rg_number_double));
  RG_TRY(add_functions(ctx, lib, rg_number_quad));
  function *dd = find(lib, "rung_dd", strlen("rung_dd"));
  if (dd) dd->written = true;
  write_named(lib, code, code + strlen(code), out);
  return rg_text_status(out);
}

bool rg_number_known(const char *name) {
  char mark[96];
  snprintf(mark, sizeof mark, BEGIN "%s:", name);
  return strstr(rg_number_single, mark) || strstr(rg_number_double, mark) ||
         strstr(rg_number_quad, mark);
}

rung_status rg_number_text(rung_context *ctx, const char *code, rg_text *out) {
  library lib = {0};
  size_t most =
      count_marks(rg_number_single) + count_marks(rg_number_double) + count_marks(rg_number_quad);
  lib.all = rg_calloc(ctx, most, sizeof *lib.all);
  if (!lib.all) return RUNG_E_MEMORY;
  rung_status status = write_all(ctx, &lib, code, out);
  rg_free(ctx, lib.all);
  return status;
}
