/* What the exports have in common. */
#include "store/export.h"

#include <string.h>

#include "store/number_text.h"

rung_export_options rung_export_options_default(void) {
  return (rung_export_options){.name = "rung_model", .derivatives = 0, .exit = 0};
}

static const char *const taken[] = {
    "auto",   "break",    "case",   "char",   "const",    "continue", "default", "do",
    "double", "else",     "enum",   "extern", "float",    "for",      "goto",    "if",
    "inline", "int",      "long",   "main",   "register", "restrict", "return",  "short",
    "signed", "sizeof",   "static", "struct", "switch",   "typedef",  "union",   "unsigned",
    "void",   "volatile", "while",  "fma",    "fmaf",     "fabs",     "fabsf",   "memcpy",
    "sqrt",   "sqrtf",    "exp",    "sin",    "cos",      "tanh",     "log",     "tan"};

rung_status rg_export_check(rung_context *ctx, const rung_export_options *options, bool network,
                            rung_export_options *out) {
  *out = options ? *options : rung_export_options_default();
  if (!out->name) out->name = rung_export_options_default().name;
  size_t length = strlen(out->name);
  bool good = length >= 1 && length <= 40 && rg_identifier_length(out->name) == length;
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
    good = good && strcmp(out->name, taken[i]) != 0;
  if (!good)
    return rg_fail(ctx, RUNG_E_ARGUMENT,
                   "name: expected a free C identifier of at most 40 characters, found \"%.60s\"",
                   out->name);
  if (network && out->derivatives)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "export: derivatives of a network");
  if (!network && out->exit)
    return rg_fail(ctx, RUNG_E_UNSUPPORTED, "export: an exit of a sum of stages");
  return RUNG_OK;
}

void rg_text_hex(rg_text *text, double value, const char *suffix) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  int exponent = (int)(bits >> 52 & 0x7ff);
  uint64_t fraction = bits & UINT64_C(0xfffffffffffff);
  const char *sign = bits >> 63 ? "-" : "";
  if (exponent == 0 && fraction == 0) {
    rg_text_printf(text, "%s0.0%s", sign, suffix);
    return;
  }
  char digits[14];
  int used = 13;
  for (int i = 12; i >= 0; i--, fraction >>= 4) digits[i] = "0123456789abcdef"[fraction & 15];
  while (used && digits[used - 1] == '0') used--;
  digits[used] = 0;
  rg_text_printf(text, "%s0x%d%s%sp%d%s", sign, exponent != 0, used ? "." : "", digits,
                 exponent ? exponent - 1023 : -1022, suffix);
}

void rg_text_names(rg_text *text, char *const *names, int count) {
  for (int i = 0; i < count; i++) {
    if (i) rg_text_add(text, ", ");
    for (const char *c = names[i]; *c; c++) {
      bool plain = (unsigned char)*c >= 0x20 && *c != 0x7f && !strchr("*/\\?\"", *c);
      rg_text_add_n(text, plain ? c : "_", 1);
    }
  }
}
