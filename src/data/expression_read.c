/* The grammar of functions, by recursive descent:
 *   sum     = product { ("+" | "-") product }
 *   product = signed { ("*" | "/") signed }
 *   signed  = { "-" | "+" } power
 *   power   = atom [ "^" signed ]
 *   atom    = number | constant | variable | function "(" sum ")" | "(" sum ")" */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "data/expression.h"

#define LENGTH_MAX 10000 /* bytes of a text */
#define DEPTH_MAX 200    /* parentheses, signs and powers inside one another */
#define SHOWN 120        /* bytes of a text in a message */
_Static_assert(RG_PICTURE >= 3 * SHOWN, "a picture holds the text and the line with the caret");

typedef struct parser {
  rung_expression *e;
  const char *start, *at;
  int depth;
} parser;

/* Function names from elsewhere, and what they are called here. */
static const char *const aliases[][2] = {
    {"ln", "log"}, {"loge", "log"}, {"arctan", "atan"}, {"fabs", "abs"}, {"tg", "tan"}};

static const struct constant {
  const char *name;
  rung_dd value;
} constants[] = {
    {"pi", {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53}},
    {"e", {0x1.5bf0a8b145769p+1, 0x1.4d57ee2b1013ap-53}},
};
#define CONSTANTS (sizeof constants / sizeof *constants)

/* Carets count characters, not bytes. What would disturb the line is shown as a blank or '?'. */
const char *rg_point_at(char out[RG_PICTURE], const char *text, size_t at) {
  char *const picture = out;
  size_t length = strlen(text), start = at > SHOWN / 2 ? at - SHOWN / 2 : 0;
  if (length <= SHOWN) start = 0;
  size_t stop = length - start > SHOWN ? start + SHOWN : length, before = 0;
  while (start && start < at && ((unsigned char)text[start] & 0xc0) == 0x80) start++;
  if (start) before = 3;
  out += sprintf(out, "\n  %s", start ? "..." : "");
  for (size_t i = start; i < stop;) {
    size_t n = rg_utf8_length((const unsigned char *)text + i, stop - i);
    if (n)
      memcpy(out, text + i, n);
    else
      *out = strchr(" \t\n\r", text[i]) ? ' ' : '?';
    out += n ? n : 1;
    before += i < at;
    i += n ? n : 1;
  }
  sprintf(out, "%s\n  %*s", stop < length ? "..." : "", (int)before + 1, "^");
  return picture;
}

rung_status rg_fail_at(rung_context *ctx, rung_status status, const char *text, size_t at,
                       const char *format, ...) {
  char message[400], picture[RG_PICTURE];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return rg_fail(ctx, status, "function: %s%s", message, rg_point_at(picture, text, at));
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(parser *p) {
  while (*p->at && strchr(" \t\n\r", *p->at)) p->at++;
  return *p->at;
}

static bool take(parser *p, char c) {
  if (peek(p) != c) return false;
  p->at++;
  return true;
}

#define FAIL(p, where, ...)                                                                        \
  rg_fail_at((p)->e->ctx, RUNG_E_FORMAT, (p)->start, (size_t)((where) - (p)->start), __VA_ARGS__)

/* "expected THIS, found THAT", at the next character. */
static rung_status fail_expected(parser *p, const char *expected, const char *hint) {
  char found[16] = "the end";
  unsigned char c = (unsigned char)peek(p);
  size_t n = rg_utf8_length((const unsigned char *)p->at, strlen(p->at));
  if (n)
    snprintf(found, sizeof found, "'%.*s'", (int)n, p->at);
  else if (c)
    snprintf(found, sizeof found, "byte \\x%02x", c);
  return FAIL(p, p->at, "expected %s, found %s%s", expected, found, hint);
}

/* What stands behind a complete value is wrong; that a product needs its * is said where it may be
 * the reason. */
static rung_status fail_behind(parser *p, const char *expected) {
  char c = peek(p);
  bool product = is_letter(c) || is_digit(c) || c == '(';
  return fail_expected(p, expected, product ? " (a product is written with *)" : "");
}

/* There is room for a term for each byte of the text, and each term takes a byte at least. */
static int add_term(parser *p, rg_term term) {
  if (term.whole < -INT_MAX || term.whole > INT_MAX) term.is_whole = false;
  if (!term.is_whole) term.whole = 0;
  p->e->term[p->e->terms] = term;
  return p->e->terms++;
}

/* Whole numbers are followed through + - * and exact / so that x^(3-1) is a product too. */
static int add_binary(parser *p, rg_term_kind kind, int a, int b) {
  const rg_term *x = &p->e->term[a], *y = &p->e->term[b];
  rg_term term = {.kind = kind, .a = a, .b = b, .is_whole = x->is_whole && y->is_whole};
  if (kind == RG_TERM_ADD)
    term.whole = x->whole + y->whole;
  else if (kind == RG_TERM_SUBTRACT)
    term.whole = x->whole - y->whole;
  else if (kind == RG_TERM_MULTIPLY)
    term.whole = x->whole * y->whole;
  else if (kind == RG_TERM_DIVIDE && term.is_whole && y->whole && x->whole % y->whole == 0)
    term.whole = x->whole / y->whole;
  else
    term.is_whole = false;
  return add_term(p, term);
}

static rung_status read_sum(parser *p, int *out);

static rung_status enter(parser *p, const char *where) {
  if (++p->depth > DEPTH_MAX)
    return FAIL(p, where, "more than %d parentheses, signs and powers inside one another",
                DEPTH_MAX);
  return RUNG_OK;
}

static rung_status read_number(parser *p, int *out) {
  const char *start = p->at;
  while (is_digit(*p->at)) p->at++;
  if (*p->at == '.') p->at++;
  while (is_digit(*p->at)) p->at++;
  if (*p->at == 'e' || *p->at == 'E') {
    const char *power = p->at + 1;
    if (*power == '-' || *power == '+') power++;
    if (is_digit(*power)) {
      while (is_digit(*power)) power++;
      p->at = power;
    }
  }
  rg_term term = {.kind = RG_TERM_NUMBER};
  rg_cell_kind kind = rg_cell_number(start, (size_t)(p->at - start), &term.value);
  if (kind == RG_CELL_TOO_LARGE)
    return FAIL(p, start, "expected a number within 1.8e308, found a larger one");
  if (kind != RG_CELL_NUMBER) return FAIL(p, start, "expected a shorter number");
  term.is_whole = term.value.hi <= INT_MAX && term.value.lo == 0 &&
                  (double)(int64_t)term.value.hi == term.value.hi;
  if (term.is_whole) term.whole = (int64_t)term.value.hi;
  *out = add_term(p, term);
  return RUNG_OK;
}

static rung_status fail_function(parser *p, const char *where, const char *name) {
  const char *names[RG_FUNCTIONS], *near = NULL;
  char quoted[RG_QUOTED];
  for (int i = 0; i < RG_FUNCTIONS; i++) names[i] = rg_functions[i].name;
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
    if (strcmp(name, aliases[i][0]) == 0) near = aliases[i][1];
  if (!near) near = rg_nearest(name, RG_FUNCTIONS, names);
  rg_quoted(quoted, name, strlen(name));
  if (near) return FAIL(p, where, "there is no function %s; the nearest is '%s'", quoted, near);
  return FAIL(p, where,
              "there is no function %s; there are exp, log, sin, cos, tan, tanh, sqrt, abs, atan",
              quoted);
}

static rung_status read_parenthesis(parser *p, int *out) {
  RG_TRY(enter(p, p->at - 1));
  RG_TRY(read_sum(p, out));
  p->depth--;
  if (!take(p, ')')) return fail_behind(p, "an operator or ')'");
  return RUNG_OK;
}

static rung_status read_call(parser *p, const char *where, int function, int *out) {
  rg_term term = {.kind = RG_TERM_CALL, .b = function};
  if (!take(p, '('))
    return FAIL(p, where, "expected '(' behind '%s', which is a function and names no variable",
                rg_functions[function].name);
  RG_TRY(read_parenthesis(p, &term.a));
  *out = add_term(p, term);
  return RUNG_OK;
}

/* Takes over `name`. */
static rung_status add_variable(parser *p, const char *where, char *name, int *out) {
  rung_expression *e = p->e;
  int i = 0;
  while (i < e->variables && strcmp(e->variable[i].name, name) != 0) i++;
  if (i < e->variables) {
    rg_free(e->ctx, name);
  } else {
    rg_variable *grown = rg_realloc(e->ctx, e->variable, (size_t)i + 1, sizeof *grown);
    if (!grown) {
      rg_free(e->ctx, name);
      return RUNG_E_MEMORY;
    }
    e->variable = grown;
    grown[e->variables++] = (rg_variable){name, (size_t)(where - p->start)};
  }
  *out = add_term(p, (rg_term){.kind = RG_TERM_VARIABLE, .a = i});
  return RUNG_OK;
}

static rung_status read_name(parser *p, int *out) {
  const char *where = p->at;
  while (is_letter(*p->at) || is_digit(*p->at)) p->at++;
  char *name = rg_strndup(p->e->ctx, where, (size_t)(p->at - where));
  if (!name) return RUNG_E_MEMORY;
  rung_status status = RUNG_OK;
  bool known = false;
  for (int i = 0; i < RG_FUNCTIONS && !known; i++) {
    known = strcmp(name, rg_functions[i].name) == 0;
    if (known) status = read_call(p, where, i, out);
  }
  for (size_t i = 0; i < CONSTANTS && !known; i++) {
    known = strcmp(name, constants[i].name) == 0;
    if (known) *out = add_term(p, (rg_term){.kind = RG_TERM_NUMBER, .value = constants[i].value});
  }
  if (!known && peek(p) == '(') {
    status = fail_function(p, where, name);
    known = true;
  }
  if (!known) return add_variable(p, where, name, out);
  rg_free(p->e->ctx, name);
  return status;
}

static rung_status read_atom(parser *p, int *out) {
  char c = peek(p);
  if (is_digit(c) || (c == '.' && is_digit(p->at[1]))) return read_number(p, out);
  if (is_letter(c)) return read_name(p, out);
  if (take(p, '(')) return read_parenthesis(p, out);
  bool twice = c == '*' && p->at > p->start && p->at[-1] == '*';
  return fail_expected(p, "a number, a name or '('", twice ? " (a power is written with ^)" : "");
}

static rung_status read_signed(parser *p, int *out);

static rung_status read_power(parser *p, int *out) {
  int exponent;
  RG_TRY(read_atom(p, out));
  if (!take(p, '^')) return RUNG_OK;
  RG_TRY(enter(p, p->at - 1));
  RG_TRY(read_signed(p, &exponent));
  p->depth--;
  *out = add_binary(p, RG_TERM_POWER, *out, exponent);
  return RUNG_OK;
}

static rung_status read_signed(parser *p, int *out) {
  char sign = peek(p);
  if (sign != '-' && sign != '+') return read_power(p, out);
  RG_TRY(enter(p, p->at++));
  RG_TRY(read_signed(p, out));
  p->depth--;
  if (sign == '+') return RUNG_OK;
  const rg_term *a = &p->e->term[*out];
  rg_term term = {.kind = RG_TERM_NEGATE, .a = *out, .is_whole = a->is_whole, .whole = -a->whole};
  *out = add_term(p, term);
  return RUNG_OK;
}

static rung_status read_product(parser *p, int *out) {
  RG_TRY(read_signed(p, out));
  while (peek(p) == '*' || *p->at == '/') {
    rg_term_kind kind = *p->at++ == '*' ? RG_TERM_MULTIPLY : RG_TERM_DIVIDE;
    int b;
    RG_TRY(read_signed(p, &b));
    *out = add_binary(p, kind, *out, b);
  }
  return RUNG_OK;
}

static rung_status read_sum(parser *p, int *out) {
  RG_TRY(read_product(p, out));
  while (peek(p) == '+' || *p->at == '-') {
    rg_term_kind kind = *p->at++ == '+' ? RG_TERM_ADD : RG_TERM_SUBTRACT;
    int b;
    RG_TRY(read_product(p, &b));
    *out = add_binary(p, kind, *out, b);
  }
  return RUNG_OK;
}

rung_status rg_expression_read(rung_expression *expression) {
  size_t length = strlen(expression->text);
  parser p = {.e = expression, .start = expression->text, .at = expression->text};
  int value;
  if (length > LENGTH_MAX)
    return rg_fail(expression->ctx, RUNG_E_FORMAT,
                   "function: expected a text of at most %d bytes, found %zu", LENGTH_MAX, length);
  expression->term = rg_alloc(expression->ctx, length + 1, sizeof *expression->term);
  if (!expression->term) return RUNG_E_MEMORY;
  RG_TRY(read_sum(&p, &value));
  if (!peek(&p)) return RUNG_OK;
  return fail_behind(&p, "an operator or the end");
}
