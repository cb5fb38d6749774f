/* Text that grows, and the JSON forms of strings and numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

void rg_text_init(rg_text *text, rung_context *ctx) {
  *text = (rg_text){.ctx = ctx};
}

void rg_text_free(rg_text *text) {
  rg_free(text->ctx, text->data);
  text->data = NULL;
  text->length = text->capacity = 0;
}

static bool reserve(rg_text *text, size_t more) {
  if (text->failed) return false;
  size_t need = text->length + more + 1;
  if (need <= text->capacity) return true;
  size_t capacity = need < 256 ? 256 : need + need / 2;
  char *data = rg_realloc(text->ctx, text->data, capacity, 1);
  if (!data) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void rg_text_add_n(rg_text *text, const char *piece, size_t length) {
  if (!reserve(text, length)) return;
  memcpy(text->data + text->length, piece, length);
  text->length += length;
  text->data[text->length] = 0;
}

void rg_text_add(rg_text *text, const char *piece) {
  rg_text_add_n(text, piece, strlen(piece));
}

void rg_text_printf(rg_text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length >= 0 && reserve(text, (size_t)length)) {
    vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
  }
  va_end(again);
}

void rg_text_json(rg_text *text, const char *string) {
  rg_text_add(text, "\"");
  for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
    if (*c == '"' || *c == '\\')
      rg_text_printf(text, "\\%c", *c);
    else if (*c < 0x20)
      rg_text_printf(text, "\\u%04x", *c);
    else
      rg_text_add_n(text, (const char *)c, 1);
  }
  rg_text_add(text, "\"");
}

#define WHOLE 1e9

void rg_text_json_number(rg_text *text, double value) {
  if (!isfinite(value)) {
    rg_text_add(text, "null");
    return;
  }
  char number[40];
  if (value == floor(value) && fabs(value) < WHOLE) { /* 20, where %g has 2e+01 */
    rg_text_printf(text, "%.0f", value);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(number, sizeof number, "%.*g", digits, value);
    if (strtod(number, NULL) == value) break;
  }
  rg_text_add(text, number);
}

rung_status rg_text_status(const rg_text *text) {
  return text->failed ? RUNG_E_MEMORY : RUNG_OK;
}
