/* Putting an exported C file together. */
#include "store/c_file.h"

#include <string.h>

#include "store/export.h"
#include "store/number_text.h"

void rg_c_file_init(rg_c_file *file, rung_context *ctx, const char *name, rung_dtype dtype) {
  *file = (rg_c_file){.ctx = ctx, .name = name, .dtype = dtype};
  for (size_t i = 0; name[i] && i + 1 < sizeof file->upper; i++)
    file->upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
  rg_text_init(&file->comment, ctx);
  rg_text_init(&file->prototypes, ctx);
  rg_text_init(&file->code, ctx);
}

void rg_c_file_free(rg_c_file *file) {
  rg_text_free(&file->comment);
  rg_text_free(&file->prototypes);
  rg_text_free(&file->code);
}

/* ---- numbers ---- */

static void put_number(rg_text *t, const void *value, rung_dtype dtype, int64_t i) {
  if (dtype == RUNG_F32) {
    rg_text_hex(t, (double)((const float *)value)[i], "f");
  } else if (dtype == RUNG_F64) {
    rg_text_hex(t, ((const double *)value)[i], "");
  } else {
    rung_dd x = ((const rung_dd *)value)[i];
    rg_text_add(t, "{");
    rg_text_hex(t, x.hi, "");
    rg_text_add(t, ", ");
    rg_text_hex(t, x.lo, "");
    rg_text_add(t, "}");
  }
}

void rg_c_file_numbers(rg_c_file *file, const char *name, const void *value, int64_t count) {
  rg_text *t = &file->code;
  rg_text_printf(t, "\nstatic const $T rg_%s[%lld] = {", name, (long long)count);
  for (int64_t i = 0; i < count && !t->failed; i++) {
    rg_text_add(t, i == 0 ? "\n    " : i % 4 == 0 ? ",\n    " : ", ");
    put_number(t, value, file->dtype, i);
  }
  rg_text_add(t, "};\n");
}

/* ---- names ---- */

static const char *const type_text[] = {"float", "double", "rung_dd"};
static const char *const weight_text[] = {"float", "double", "double"};
static const char *const suffix_text[] = {"f32", "f64", "dd"};

static void put_token(const rg_c_file *file, char token, rg_text *out) {
  if (token == 'T') rg_text_add(out, type_text[file->dtype]);
  if (token == 'W') rg_text_add(out, weight_text[file->dtype]);
  if (token == 'S') rg_text_add(out, suffix_text[file->dtype]);
  if (token == 'L') rg_text_add(out, file->dtype == RUNG_DD ? "rg_dot" : "rg_long_dot");
  if (token == 'N') rg_text_add(out, file->upper);
  if (token == 'I') rg_text_printf(out, "%s_INPUTS", file->upper);
  if (token == 'O') rg_text_printf(out, "%s_OUTPUTS", file->upper);
}

static void put_tokens(const rg_c_file *file, const char *text, rg_text *out) {
  while (*text) {
    size_t plain = strcspn(text, "$");
    rg_text_add_n(out, text, plain);
    text += plain;
    if (!*text) break;
    put_token(file, text[1], out);
    text += 2;
  }
}

/* rg_x becomes NAME_x, rung_dd becomes NAME_dd. */
static void put_renamed(const rg_c_file *file, const char *text, rg_text *out) {
  while (*text) {
    size_t length = rg_identifier_length(text);
    size_t prefix = length > 3 && strncmp(text, "rg_", 3) == 0             ? 2
                    : length == 7 && strncmp(text, "rung_dd", length) == 0 ? 4
                                                                           : 0;
    if (prefix) rg_text_add(out, file->name);
    if (!length) length = 1;
    rg_text_add_n(out, text + prefix, length - prefix);
    text += length;
  }
}

/* Tokens first, then names. */
static rung_status put_final(const rg_c_file *file, const char *text, rg_text *out) {
  rg_text expanded;
  rg_text_init(&expanded, file->ctx);
  put_tokens(file, text, &expanded);
  if (expanded.data && !expanded.failed) put_renamed(file, expanded.data, out);
  rung_status status = rg_text_status(&expanded);
  rg_text_free(&expanded);
  return status;
}

/* ---- the file ---- */

static const char usage[] =
    "\n * C99; needs libm only and allocates nothing. The values have the bits of\n"
    " * Rung's own prediction where every operation is rounded as written (no\n"
    " * fast-math). Fast where the processor has fma (-march=native).\n"
    " * For the declarations alone, define $N_DECLARE before including this file. */\n"
    "#ifndef $N_DECLARED\n#define $N_DECLARED\n\n";

static const char pair_type[] =
    "typedef struct rung_dd {\n"
    "  double hi, lo; /* the number is hi + lo, with |lo| <= ulp(hi) / 2 */\n"
    "} rung_dd;\n";

static const char preamble[] =
    "#ifdef __cplusplus\n}\n#endif\n#endif\n\n#ifndef $N_DECLARE\n"
    "#include <float.h>\n#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n"
    "#include <string.h>\n\n"
    "/* 16: as 0, where the processor computes with 16 bits, too */\n"
    "#if defined(__FAST_MATH__) || \\\n"
    "    (defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16)\n"
    "#error \"this file needs arithmetic that is rounded as written\"\n#endif\n"
    "#ifdef __clang__\n#pragma STDC FP_CONTRACT OFF\n"
    "#elif defined(__GNUC__) && !defined(__STRICT_ANSI__) /* GNU C would contract */\n"
    "#pragma GCC optimize(\"fp-contract=off\")\n#endif\n";

static rung_status put_declarations(const rg_c_file *file, rg_text *out) {
  rg_text_add(out, "/* ");
  if (file->comment.data) rg_text_add(out, file->comment.data);
  put_tokens(file, usage, out);
  rg_text_printf(out, "#define %s_INPUTS %lld\n#define %s_OUTPUTS %lld\n\n", file->upper,
                 (long long)file->inputs, file->upper, (long long)file->outputs);
  rg_text_add(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
  if (file->dtype == RUNG_DD) put_renamed(file, pair_type, out);
  RG_TRY(put_final(file, file->prototypes.data ? file->prototypes.data : "", out));
  put_tokens(file, preamble, out);
  return rg_text_status(out);
}

static rung_status put_file(const rg_c_file *file, rg_text *expanded, rg_text *functions,
                            rg_text *out) {
  RG_TRY(rg_text_status(&file->comment));
  RG_TRY(rg_text_status(&file->prototypes));
  RG_TRY(rg_text_status(&file->code));
  put_tokens(file, file->code.data ? file->code.data : "", expanded);
  RG_TRY(rg_text_status(expanded));
  const char *code = expanded->data ? expanded->data : "";
  RG_TRY(rg_number_text(file->ctx, code, functions));
  RG_TRY(put_declarations(file, out));
  if (functions->data) put_renamed(file, functions->data, out);
  put_renamed(file, code, out);
  rg_text_add(out, "#endif\n");
  return rg_text_status(out);
}

rung_status rg_c_file_text(const rg_c_file *file, char **out, size_t *length) {
  rg_text expanded, functions, text;
  rg_text_init(&expanded, file->ctx);
  rg_text_init(&functions, file->ctx);
  rg_text_init(&text, file->ctx);
  rung_status status = put_file(file, &expanded, &functions, &text);
  rg_text_free(&expanded);
  rg_text_free(&functions);
  if (status != RUNG_OK) {
    rg_text_free(&text);
    return status;
  }
  *out = text.data;
  *length = text.length;
  return RUNG_OK;
}
