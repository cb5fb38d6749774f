/* JSON read where it lies: a recursive check of the grammar, then searches in checked text. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/json.h"

#define MAX_DEPTH 64

static const char *skip_value(const char *c, const char *end, int depth);

static const char *skip_space(const char *c, const char *end) {
  while (c < end && (*c == ' ' || *c == '\t' || *c == '\n' || *c == '\r')) c++;
  return c;
}

static const char *skip_digits(const char *c, const char *end) {
  const char *start = c;
  while (c < end && isdigit((unsigned char)*c)) c++;
  return c == start ? NULL : c;
}

static const char *skip_number(const char *c, const char *end) {
  if (c < end && *c == '-') c++;
  if (c < end && *c == '0')
    c++;
  else if (!(c = skip_digits(c, end)))
    return NULL;
  if (c < end && *c == '.' && !(c = skip_digits(c + 1, end))) return NULL;
  if (c < end && (*c == 'e' || *c == 'E')) {
    c++;
    if (c < end && (*c == '+' || *c == '-')) c++;
    c = skip_digits(c, end);
  }
  return c;
}

static const char *skip_string(const char *c, const char *end) {
  for (c++; c < end && *c != '"'; c++) {
    if ((unsigned char)*c < 0x20) return NULL;
    if (*c != '\\') continue;
    if (++c == end || !strchr("\"\\/bfnrtu", *c) || !*c) return NULL;
    if (*c != 'u') continue;
    for (int i = 0; i < 4; i++)
      if (++c == end || !isxdigit((unsigned char)*c)) return NULL;
  }
  return c < end ? c + 1 : NULL;
}

/* The items of an array or object, `*c` being the bracket that opens it. */
static const char *skip_items(const char *c, const char *end, int depth) {
  bool object = *c == '{';
  char close = object ? '}' : ']';
  c = skip_space(c + 1, end);
  if (c < end && *c == close) return c + 1;
  for (;;) {
    if (object) {
      if (c == end || *c != '"' || !(c = skip_string(c, end))) return NULL;
      c = skip_space(c, end);
      if (c == end || *c != ':') return NULL;
      c = skip_space(c + 1, end);
    }
    if (!(c = skip_value(c, end, depth + 1))) return NULL;
    c = skip_space(c, end);
    if (c == end) return NULL;
    if (*c == close) return c + 1;
    if (*c != ',') return NULL;
    c = skip_space(c + 1, end);
  }
}

static const char *skip_word(const char *c, const char *end, const char *word) {
  size_t length = strlen(word);
  return (size_t)(end - c) >= length && memcmp(c, word, length) == 0 ? c + length : NULL;
}

/* The first character behind the value, or NULL where there is no whole value. */
static const char *skip_value(const char *c, const char *end, int depth) {
  if (c == end || depth > MAX_DEPTH) return NULL;
  switch (*c) {
  case '{':
  case '[':
    return skip_items(c, end, depth);
  case '"':
    return skip_string(c, end);
  case 't':
    return skip_word(c, end, "true");
  case 'f':
    return skip_word(c, end, "false");
  case 'n':
    return skip_word(c, end, "null");
  default:
    return skip_number(c, end);
  }
}

bool rg_json_check(const char *text, size_t length, rg_json *out) {
  const char *end = text + length;
  const char *start = skip_space(text, end);
  const char *stop = skip_value(start, end, 0);
  if (!stop || skip_space(stop, end) != end) return false;
  *out = (rg_json){start, (size_t)(stop - start)};
  return true;
}

rg_json rg_json_member(rg_json object, const char *key) {
  if (object.length == 0 || *object.text != '{') return (rg_json){0};
  const char *end = object.text + object.length;
  size_t length = strlen(key);
  for (const char *c = skip_space(object.text + 1, end); *c == '"';) {
    const char *name = c + 1;
    c = skip_string(c, end);
    bool found = (size_t)(c - 1 - name) == length && memcmp(name, key, length) == 0;
    const char *value = skip_space(skip_space(c, end) + 1, end);
    c = skip_value(value, end, 0);
    if (found) return (rg_json){value, (size_t)(c - value)};
    c = skip_space(c, end);
    if (*c == ',') c = skip_space(c + 1, end);
  }
  return (rg_json){0};
}

bool rg_json_next(rg_json array, rg_json *item) {
  if (array.length == 0 || *array.text != '[') return false;
  const char *end = array.text + array.length;
  const char *c = item->length ? item->text + item->length : array.text + 1;
  c = skip_space(c, end);
  if (item->length && *c == ',') c = skip_space(c + 1, end);
  if (*c == ']') return false;
  *item = (rg_json){c, (size_t)(skip_value(c, end, 0) - c)};
  return true;
}

bool rg_json_number(rg_json value, double *out) {
  if (value.length == 0 || (*value.text != '-' && !isdigit((unsigned char)*value.text)))
    return false;
  *out = strtod(value.text, NULL);
  return isfinite(*out);
}

static unsigned hex4(const char *c) {
  char digits[5] = {c[0], c[1], c[2], c[3], 0};
  return (unsigned)strtoul(digits, NULL, 16);
}

static void add_utf8(rg_text *out, unsigned code) {
  char byte[4];
  size_t n = 0;
  if (code < 0x80) {
    byte[n++] = (char)code;
  } else if (code < 0x800) {
    byte[n++] = (char)(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    byte[n++] = (char)(0xE0 | code >> 12);
    byte[n++] = (char)(0x80 | (code >> 6 & 0x3F));
  } else {
    byte[n++] = (char)(0xF0 | code >> 18);
    byte[n++] = (char)(0x80 | (code >> 12 & 0x3F));
    byte[n++] = (char)(0x80 | (code >> 6 & 0x3F));
  }
  if (code >= 0x80) byte[n++] = (char)(0x80 | (code & 0x3F));
  rg_text_add_n(out, byte, n);
}

/* `c` points at the u of \uXXXX; gives the last character used. A pair of surrogates is one
 * character; a lone one, and 0, become U+FFFD. */
static const char *add_unicode(rg_text *out, const char *c) {
  unsigned code = hex4(c + 1);
  c += 4;
  if (code >= 0xD800 && code < 0xDC00 && c[1] == '\\' && c[2] == 'u') {
    unsigned low = hex4(c + 3);
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      c += 6;
    }
  }
  if (code == 0 || (code >= 0xD800 && code < 0xE000)) code = 0xFFFD;
  add_utf8(out, code);
  return c;
}

bool rg_json_string(rg_json value, rg_text *out) {
  if (value.length == 0 || *value.text != '"') return false;
  static const char letter[] = "bfnrt", meaning[] = "\b\f\n\r\t";
  const char *end = value.text + value.length - 1;
  for (const char *c = value.text + 1; c < end; c++) {
    if (*c != '\\') {
      rg_text_add_n(out, c, 1);
    } else if (*++c == 'u') {
      c = add_unicode(out, c);
    } else {
      const char *at = strchr(letter, *c);
      rg_text_add_n(out, at ? meaning + (at - letter) : c, 1);
    }
  }
  return true;
}

bool rg_json_is(rg_json value, const char *string) {
  size_t length = strlen(string);
  return value.length == length + 2 && *value.text == '"' &&
         memcmp(value.text + 1, string, length) == 0;
}
