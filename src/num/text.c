/* Decimal text to double-double and back, both correctly rounded, with whole numbers of fixed size.
 * The steps are those of long division; nothing is estimated, so nothing has to be proved. */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rung/base.h"

/* A midpoint between two double-doubles reaches from 2^1023 down to 2^-1075 and so has at most
 * 309 + 1075 decimal digits. Of digits behind KEPT it matters only whether all are 0. */
#define KEPT 1400
#define LARGEST 310   /* numbers from 10^LARGEST on are infinite */
#define SMALLEST -330 /* numbers below 10^SMALLEST are 0 */
#define WORDS 200     /* 6400 bits hold 10^(KEPT + 1 - SMALLEST) times 2^64 and more */

typedef struct big {
  int n; /* words in use; the last is not 0 */
  uint32_t w[WORDS];
} big;

static void big_set(big *a, uint64_t value) {
  a->w[0] = (uint32_t)value;
  a->w[1] = (uint32_t)(value >> 32);
  a->n = a->w[1] != 0 ? 2 : a->w[0] != 0;
}

static void big_copy(big *to, const big *from) {
  to->n = from->n;
  memcpy(to->w, from->w, (size_t)from->n * sizeof from->w[0]);
}

static int big_bits(const big *a) {
  int bits = 32 * a->n;
  if (a->n == 0) return 0;
  for (uint32_t top = a->w[a->n - 1]; (top & 0x80000000u) == 0; top <<= 1) bits--;
  return bits;
}

/* a = a * factor + more. */
static void big_scale(big *a, uint32_t factor, uint32_t more) {
  uint64_t carry = more;
  for (int i = 0; i < a->n; i++) {
    carry += (uint64_t)a->w[i] * factor;
    a->w[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry != 0) a->w[a->n++] = (uint32_t)carry;
}

static void big_power10(big *a, int power) {
  for (; power >= 9; power -= 9) big_scale(a, 1000000000u, 0);
  for (; power > 0; power--) big_scale(a, 10u, 0);
}

static void big_shift(big *a, int bits) {
  int words = bits / 32, rest = bits % 32;
  if (a->n == 0 || bits == 0) return;
  a->w[a->n] = 0;
  for (int i = a->n; i >= 0; i--) {
    uint64_t pair = (uint64_t)a->w[i] << 32 | (i > 0 ? a->w[i - 1] : 0);
    a->w[i + words] = (uint32_t)(pair << rest >> 32);
  }
  memset(a->w, 0, (size_t)words * sizeof a->w[0]);
  a->n += words + 1;
  if (a->w[a->n - 1] == 0) a->n--;
}

static void big_halve(big *a) {
  for (int i = 0; i < a->n; i++) {
    uint32_t above = i + 1 < a->n ? a->w[i + 1] : 0;
    a->w[i] = a->w[i] >> 1 | above << 31;
  }
  if (a->n > 0 && a->w[a->n - 1] == 0) a->n--;
}

static int big_compare(const big *a, const big *b) {
  if (a->n != b->n) return a->n < b->n ? -1 : 1;
  for (int i = a->n - 1; i >= 0; i--) {
    if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
  }
  return 0;
}

/* a = a - b, for a >= b. */
static void big_subtract(big *a, const big *b) {
  uint64_t borrow = 0;
  for (int i = 0; i < a->n; i++) {
    uint64_t less = borrow + (i < b->n ? b->w[i] : 0);
    borrow = a->w[i] < less;
    a->w[i] = (uint32_t)(a->w[i] - less);
  }
  while (a->n > 0 && a->w[a->n - 1] == 0) a->n--;
}

static void big_add(big *a, const big *b) {
  uint64_t carry = 0;
  for (; a->n < b->n; a->n++) a->w[a->n] = 0;
  for (int i = 0; i < a->n; i++) {
    carry += (uint64_t)a->w[i] + (i < b->n ? b->w[i] : 0);
    a->w[i] = (uint32_t)carry;
    carry >>= 32;
  }
  if (carry != 0) a->w[a->n++] = (uint32_t)carry;
}

/* a = a mod b; *quotient = a / b, which is known to be short. */
static void big_divide(big *a, const big *b, big *quotient) {
  int steps = big_bits(a) - big_bits(b);
  big shifted;
  big_set(quotient, 0);
  if (steps < 0) return;
  big_copy(&shifted, b);
  big_shift(&shifted, steps);
  for (; steps >= 0; steps--) {
    big_shift(quotient, 1);
    if (big_compare(a, &shifted) >= 0) {
      big_subtract(a, &shifted);
      if (quotient->n == 0) big_set(quotient, 1);
      quotient->w[0] |= 1u;
    }
    big_halve(&shifted);
  }
}

/* Whether 2 rest against b says that a quotient goes up: more than half, or half and odd. */
static bool rounds_up(const big *rest, const big *b, bool odd) {
  big twice;
  big_copy(&twice, rest);
  big_shift(&twice, 1);
  int order = big_compare(&twice, b);
  return order > 0 || (order == 0 && odd);
}

/* a / b * 2^scale, its sign apart. */
typedef struct fraction {
  big a, b;
  int scale;
  bool negative;
} fraction;

/* floor(log2(a / b)), for a > 0. */
static int fraction_exponent(const fraction *x) {
  int e = big_bits(&x->a) - big_bits(&x->b);
  big shifted;
  big_copy(&shifted, e >= 0 ? &x->b : &x->a);
  big_shift(&shifted, e >= 0 ? e : -e);
  bool reached = e >= 0 ? big_compare(&x->a, &shifted) >= 0 : big_compare(&shifted, &x->b) >= 0;
  return reached ? e : e - 1;
}

/* The nearest double (halves to even), which is taken off x. */
static double take_double(fraction *x) {
  if (x->a.n == 0) return 0.0;
  int shift = 52 - fraction_exponent(x);
  if (shift > x->scale + 1074) shift = x->scale + 1074; /* below the normal numbers */
  big_shift(shift >= 0 ? &x->a : &x->b, shift >= 0 ? shift : -shift);
  x->scale -= shift;
  big quotient;
  big_divide(&x->a, &x->b, &quotient);
  uint64_t q = quotient.n > 0 ? quotient.w[0] : 0;
  if (quotient.n > 1) q |= (uint64_t)quotient.w[1] << 32;
  bool negative = x->negative;
  if (rounds_up(&x->a, &x->b, (q & 1u) != 0)) {
    big rest;
    big_copy(&rest, &x->b);
    big_subtract(&rest, &x->a);
    big_copy(&x->a, &rest);
    x->negative = !x->negative;
    q++;
  }
  double value = ldexp((double)q, x->scale);
  return negative ? -value : value;
}

/* Decimal digits d1 d2 ... without leading zeros times 10^exponent. */
typedef struct decimal {
  char digits[KEPT + 1];
  int count;
  int64_t exponent;
} decimal;

static void decimal_add(decimal *d, char digit, bool *dropped) {
  if (d->count == 0 && digit == '0') return;
  if (d->count < KEPT) {
    d->digits[d->count++] = digit;
  } else {
    d->exponent++;
    *dropped = *dropped || digit != '0';
  }
}

/* Behind the digits a last 1 stands for everything that was dropped. */
static const char *read_digits(const char *p, decimal *d) {
  bool dropped = false, any = false, point = false;
  d->count = 0;
  d->exponent = 0;
  for (;; p++) {
    if (*p == '.' && !point) {
      point = true;
    } else if (*p >= '0' && *p <= '9') {
      any = true;
      if (point) d->exponent--;
      decimal_add(d, *p, &dropped);
    } else {
      break;
    }
  }
  if (dropped) {
    d->digits[d->count++] = '1';
    d->exponent--;
  }
  return any ? p : NULL;
}

static const char *read_exponent(const char *p, int64_t *exponent) {
  if (*p != 'e' && *p != 'E') return p;
  const char *q = p + 1;
  bool negative = *q == '-';
  if (*q == '-' || *q == '+') q++;
  if (*q < '0' || *q > '9') return p;
  int64_t value = 0;
  for (; *q >= '0' && *q <= '9'; q++) {
    if (value < INT64_C(1000000000000000)) value = 10 * value + (*q - '0');
  }
  *exponent += negative ? -value : value;
  return q;
}

static rung_dd decimal_round(const decimal *d, bool negative) {
  rung_dd r = {negative ? -0.0 : 0.0, 0.0};
  int64_t top = d->exponent + d->count; /* the number is below 10^top */
  if (d->count == 0 || top < SMALLEST) return r;
  if (top > LARGEST) {
    r.hi = negative ? -(double)INFINITY : (double)INFINITY;
    return r;
  }
  fraction x = {.negative = negative};
  big_set(&x.a, 0);
  big_set(&x.b, 1);
  for (int i = 0; i < d->count; i++) big_scale(&x.a, 10u, (uint32_t)(d->digits[i] - '0'));
  big_power10(d->exponent >= 0 ? &x.a : &x.b, (int)(d->exponent >= 0 ? d->exponent : -d->exponent));
  r.hi = take_double(&x);
  if (isfinite(r.hi)) r.lo = take_double(&x) + 0.0; /* not -0 */
  return r;
}

/* Compares without regard to case; `word` is in small letters. */
static bool begins(const char *text, const char *word) {
  for (; *word != '\0'; text++, word++) {
    if (tolower((unsigned char)*text) != *word) return false;
  }
  return true;
}

static const char *read_word(const char *p, bool negative, rung_dd *out) {
  double sign = negative ? -1.0 : 1.0;
  out->lo = 0.0;
  if (begins(p, "inf")) {
    out->hi = sign * (double)INFINITY;
    return p + (begins(p, "infinity") ? 8 : 3);
  }
  if (begins(p, "nan")) {
    out->hi = (double)NAN;
    return p + 3;
  }
  return NULL;
}

rung_status rung_dd_parse(const char *text, const char **end, rung_dd *out) {
  if (end) *end = text;
  if (!text || !out) return RUNG_E_ARGUMENT;
  bool negative = *text == '-';
  const char *p = text + (*text == '-' || *text == '+');
  const char *behind = read_word(p, negative, out);
  if (!behind) {
    decimal d;
    behind = read_digits(p, &d);
    if (!behind) return RUNG_E_FORMAT;
    behind = read_exponent(behind, &d.exponent);
    *out = decimal_round(&d, negative);
  }
  if (end) *end = behind;
  return RUNG_OK;
}

/* |part| = mantissa * 2^(exponent). */
static void split(double part, uint64_t *mantissa, int *exponent) {
  double m = frexp(fabs(part), exponent);
  *mantissa = (uint64_t)ldexp(m, 53);
  *exponent -= 53;
}

/* x = a / b exactly. */
static void fraction_set(fraction *x, rung_dd value) {
  uint64_t mh, ml;
  int eh, el;
  split(value.hi, &mh, &eh);
  split(value.lo, &ml, &el);
  if (mh == 0) eh = el;
  if (ml == 0) el = eh;
  int low = eh < el ? eh : el;
  big part;
  big_set(&x->a, mh);
  big_shift(&x->a, eh - low);
  big_set(&part, ml);
  big_shift(&part, el - low);
  x->negative = signbit(value.hi) != 0;
  if (mh == 0 && ml != 0) x->negative = signbit(value.lo) != 0;
  if (ml == 0 || signbit(value.hi) == signbit(value.lo)) {
    big_add(&x->a, &part);
  } else if (big_compare(&x->a, &part) >= 0) {
    big_subtract(&x->a, &part);
  } else { /* not in normal form, but still a number */
    big_subtract(&part, &x->a);
    big_copy(&x->a, &part);
    x->negative = signbit(value.lo) != 0;
  }
  big_set(&x->b, 1);
  big_shift(low >= 0 ? &x->a : &x->b, low >= 0 ? low : -low);
  x->scale = 0;
}

/* The integer nearest to a / b * 10^power, as text. */
static int scaled_digits(const fraction *x, int power, char *out) {
  fraction y;
  big_copy(&y.a, &x->a);
  big_copy(&y.b, &x->b);
  big_power10(power >= 0 ? &y.a : &y.b, power >= 0 ? power : -power);
  big quotient;
  big_divide(&y.a, &y.b, &quotient);
  bool odd = quotient.n > 0 && (quotient.w[0] & 1u) != 0;
  if (rounds_up(&y.a, &y.b, odd)) {
    big one;
    big_set(&one, 1);
    big_add(&quotient, &one);
  }
  char reversed[64];
  int count = 0;
  while (quotient.n > 0) {
    uint64_t rest = 0;
    for (int i = quotient.n - 1; i >= 0; i--) {
      rest = rest << 32 | quotient.w[i];
      quotient.w[i] = (uint32_t)(rest / 10);
      rest %= 10;
    }
    while (quotient.n > 0 && quotient.w[quotient.n - 1] == 0) quotient.n--;
    reversed[count++] = (char)('0' + (int)rest);
  }
  for (int i = 0; i < count; i++) out[i] = reversed[count - 1 - i];
  return count;
}

/* `digits` digits and the decimal exponent of the first. The guess of the exponent may be one too
 * small, and rounding may lead to the next power of ten. */
static int decimal_digits(const fraction *x, int digits, char *out) {
  double log2x = (double)fraction_exponent(x);
  int exponent = (int)floor(log2x * 0.30102999566398120); /* log10(2) */
  int count = scaled_digits(x, digits - 1 - exponent, out);
  if (count > digits) {
    exponent++;
    count = scaled_digits(x, digits - 1 - exponent, out);
  }
  if (count > digits) exponent++; /* 10...0 */
  return exponent;
}

/* As printf's %g: fixed where -4 <= exponent < digits. */
static int write_number(const char *digits, int count, int exponent, int precision, char *out) {
  char *p = out;
  bool fixed = exponent >= -4 && exponent < precision;
  int before = fixed ? exponent + 1 : 1; /* digits before the point */
  if (before <= 0) {
    *p++ = '0';
    *p++ = '.';
    for (int i = before; i < 0; i++) *p++ = '0';
  }
  for (int i = 0; i < count || i < before; i++) {
    if (i == before && before > 0) *p++ = '.';
    *p++ = i < count ? digits[i] : '0';
  }
  if (fixed) return (int)(p - out);
  int size = exponent < 0 ? -exponent : exponent;
  *p++ = 'e';
  *p++ = exponent < 0 ? '-' : '+';
  if (size >= 100) *p++ = (char)('0' + size / 100);
  *p++ = (char)('0' + size / 10 % 10);
  *p++ = (char)('0' + size % 10);
  return (int)(p - out);
}

static int format_finite(rung_dd x, int digits, char *out) {
  fraction f;
  fraction_set(&f, x);
  int length = 0;
  if (f.negative) out[length++] = '-';
  if (f.a.n == 0) {
    out[length++] = '0';
    return length;
  }
  char text[64] = {0};
  int exponent = decimal_digits(&f, digits, text);
  int count = digits;
  while (count > 1 && text[count - 1] == '0') count--;
  return length + write_number(text, count, exponent, digits, out + length);
}

rung_status rung_dd_format(rung_dd x, int digits, char *out, size_t size) {
  if (!out || digits < 1 || digits > 40) return RUNG_E_ARGUMENT;
  char text[64];
  int length;
  double rough = isfinite(x.hi) && !isfinite(x.lo) ? x.lo : x.hi;
  if (isnan(rough)) {
    length = snprintf(text, sizeof text, "nan");
  } else if (isinf(rough)) {
    length = snprintf(text, sizeof text, rough < 0.0 ? "-inf" : "inf");
  } else {
    length = format_finite(x, digits, text);
  }
  if ((size_t)length >= size) return RUNG_E_ARGUMENT;
  memcpy(out, text, (size_t)length);
  out[length] = '\0';
  return RUNG_OK;
}
