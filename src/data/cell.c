/* Cells of text tables: numbers to double-double, and complaints about what is none. */
#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/data.h"

/* Powers of ten that a double holds exactly. */
static const double ten_to[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define TEN_MAX 22

#define NUMBER_MAX 4095 /* characters of a number that needs the general way */

/* A decimal number taken apart: value = digits * 10^exponent while there are at most 19 digits. */
typedef struct decimal {
  bool negative;
  uint64_t digits;
  int count; /* of digits from the first that is not 0 */
  long exponent;
} decimal;

static const char *read_digits(const char *at, const char *end, decimal *number, bool fraction) {
  for (; at < end && *at >= '0' && *at <= '9'; at++) {
    if (number->count || *at != '0') number->count++;
    if (number->count <= 19) number->digits = 10 * number->digits + (uint64_t)(*at - '0');
    if (fraction) number->exponent--;
  }
  return at;
}

/* True where the whole text is [+-] digits [. digits] [e [+-] digits], with a digit on one side of
 * the point at least. `point` is the character that stands for it. */
static bool read_decimal(const char *text, size_t length, char point, decimal *number) {
  const char *at = text, *end = text + length;
  *number = (decimal){0};
  if (at < end && (*at == '-' || *at == '+')) number->negative = *at++ == '-';
  const char *start = at;
  at = read_digits(at, end, number, false);
  bool any = at > start;
  if (at < end && *at == point) {
    start = ++at;
    at = read_digits(at, end, number, true);
    any = any || at > start;
  }
  if (!any) return false;
  if (at < end && (*at == 'e' || *at == 'E')) {
    bool down = false;
    long power = 0;
    if (++at < end && (*at == '-' || *at == '+')) down = *at++ == '-';
    if (at == end) return false;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
      if (power < 100000) power = 10 * power + (*at - '0');
    number->exponent += down ? -power : power;
  }
  return at == end;
}

/* Exact steps for what tables hold nearly always: at most 19 digits and a small exponent. With
 * m = a + b (b what rounding m to a left) and p = 10^k exact, q = fl(a / p) leaves the remainder
 * a - q p, which is a double (fma gives it without error), so that q + (a - q p + b) / p has the
 * error of its small second part only. For b = 0 the result is the nearest double-double. */
static bool convert_small(const decimal *number, rung_dd *out) {
  if (number->count > 19 || number->exponent > TEN_MAX || number->exponent < -TEN_MAX) return false;
  double a = (double)number->digits, b = 0;
  if (number->digits >> 53) {
    if (number->digits > UINT64_MAX - 1024) return false; /* a would be 2^64 */
    b = (double)(int64_t)(number->digits - (uint64_t)a);
  }
  double hi, lo;
  if (number->exponent < 0) {
    double p = ten_to[-number->exponent];
    hi = a / p;
    double rest = fma(-hi, p, a), sum = rest + b, back = sum - rest;
    double lost = (rest - (sum - back)) + (b - back);
    lo = (sum + lost) / p;
  } else {
    if (b != 0 && number->exponent != 0) return false;
    double p = ten_to[number->exponent];
    hi = a * p;
    lo = fma(a, p, -hi) + b;
  }
  double sum = hi + lo;
  lo -= sum - hi;
  *out = number->negative ? (rung_dd){-sum, -lo} : (rung_dd){sum, lo};
  return true;
}

static bool is_word(const char *text, size_t length, const char *const *words) {
  for (; *words; words++)
    if (strlen(*words) == length && strncasecmp(text, *words, length) == 0) return true;
  return false;
}

static rg_cell_kind kind_of_text(const char *text, size_t length) {
  static const char *const special[] = {"inf", "infinity", "nan", NULL};
  static const char *const missing[] = {"na", "n/a", "null", "none", "-", "?", "#n/a", NULL};
  size_t sign = text[0] == '-' || text[0] == '+';
  decimal number;
  if (is_word(text + sign, length - sign, special)) return RG_CELL_NOT_FINITE;
  if (is_word(text, length, missing)) return RG_CELL_MISSING;
  if (memchr(text, ',', length) && read_decimal(text, length, ',', &number))
    return RG_CELL_DECIMAL_COMMA;
  return RG_CELL_TEXT;
}

rg_cell_kind rg_cell_number(const char *text, size_t length, rung_dd *out) {
  decimal number;
  if (length == 0) return RG_CELL_EMPTY;
  if (!read_decimal(text, length, '.', &number)) return kind_of_text(text, length);
  if (number.count == 0) {
    *out = (rung_dd){number.negative ? -0.0 : 0.0, 0};
    return RG_CELL_NUMBER;
  }
  if (convert_small(&number, out)) return RG_CELL_NUMBER;
  char copy[NUMBER_MAX + 1]; /* the text need not end behind the cell */
  if (length > NUMBER_MAX) return RG_CELL_TEXT;
  memcpy(copy, text, length);
  copy[length] = 0;
  const char *end;
  if (rung_dd_parse(copy, &end, out) != RUNG_OK || *end) return RG_CELL_TEXT;
  return isfinite(out->hi) ? RG_CELL_NUMBER : RG_CELL_TOO_LARGE;
}

const char *rg_cell_complaint(char out[2 * RG_QUOTED], rg_cell_kind kind, const char *text,
                              size_t length) {
  char quoted[RG_QUOTED];
  const char *expected = "expected a number", *hint = "";
  if (kind == RG_CELL_EMPTY) {
    snprintf(out, 2 * RG_QUOTED, "expected a number, found an empty cell");
    return out;
  }
  if (kind == RG_CELL_NOT_FINITE) expected = "expected a finite number";
  if (kind == RG_CELL_TOO_LARGE) hint = ", which is beyond 1.8e308";
  if (kind == RG_CELL_MISSING) hint = ", a missing value";
  if (kind == RG_CELL_DECIMAL_COMMA)
    hint = "; write numbers with a point and without commas, as 1.5";
  if (kind == RG_CELL_TEXT && length > NUMBER_MAX) expected = "expected a shorter number";
  snprintf(out, 2 * RG_QUOTED, "%s, found %s%s", expected, rg_quoted(quoted, text, length), hint);
  return out;
}

size_t rg_utf8_length(const unsigned char *text, size_t left) {
  unsigned char c = text[0];
  size_t n = c >= 0x20 && c < 0x7f    ? 1
             : c >= 0xc2 && c <= 0xdf ? 2
             : c >= 0xe0 && c <= 0xef ? 3
             : c >= 0xf0 && c <= 0xf4 ? 4
                                      : 0;
  if (n > left) return 0;
  for (size_t i = 1; i < n; i++)
    if ((text[i] & 0xc0) != 0x80) return 0;
  /* no second form of a shorter character, no half of a UTF-16 pair, nothing past U+10FFFF, no
   * control characters U+0080..U+009F */
  if ((c == 0xc2 && text[1] < 0xa0) || (c == 0xe0 && text[1] < 0xa0) ||
      (c == 0xed && text[1] >= 0xa0) || (c == 0xf0 && text[1] < 0x90) ||
      (c == 0xf4 && text[1] >= 0x90))
    return 0;
  return n;
}

const char *rg_quoted(char out[RG_QUOTED], const char *text, size_t length) {
  const unsigned char *at = (const unsigned char *)text;
  size_t used = 0, left = length;
  out[used++] = '"';
  while (left && length - left < 32) {
    size_t n = rg_utf8_length(at, left);
    if (n) {
      memcpy(out + used, at, n);
      used += n;
    } else {
      used += (size_t)snprintf(out + used, 5, "\\x%02x", *at);
      n = 1;
    }
    at += n;
    left -= n;
  }
  snprintf(out + used, RG_QUOTED - used, left ? "...\"" : "\"");
  return out;
}
