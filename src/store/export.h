/* What the exports have in common. */
#ifndef RG_EXPORT_H
#define RG_EXPORT_H

#include "nn/model.h"

/* A double as a C99 hexadecimal constant, whatever the locale; with `suffix` "f" for floats. */
void rg_text_hex(rg_text *text, double value, const char *suffix);

/* "x1, x2" with everything that could end a comment made harmless. */
void rg_text_names(rg_text *text, char *const *names, int count);

/* The options with defaults filled in, checked: the name is an identifier that C leaves free. */
rung_status rg_export_check(rung_context *ctx, const rung_export_options *options, bool network,
                            rung_export_options *out);

#endif
