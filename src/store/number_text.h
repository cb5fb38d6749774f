/* The text of the number functions of src/num, for exported C. */
#ifndef RG_NUMBER_TEXT_H
#define RG_NUMBER_TEXT_H

#include "base/base.h"

/* Appends the functions of src/num that `code` names, and those that they need in turn, each once
 * and after what it needs. The type rung_dd is left to the caller. */
rung_status rg_number_text(rung_context *ctx, const char *code, rg_text *out);

/* Is there a function of this name in src/num? */
bool rg_number_known(const char *name);

/* The length of the C identifier at `text`; 0 where there is none. */
size_t rg_identifier_length(const char *text);

#endif
