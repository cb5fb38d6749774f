/* One C99 file that stands by itself: what exports of models and of networks have in common. Code
 * is written over the number functions of src/num, with $T for the type of numbers, $S for the end
 * of the functions' names, $W for the type of weights, $N for the file's name in capitals, $L for
 * the sum of products as if in twice the precision. The number functions that it names are put in
 * front, and every name that begins with rg_ then gets the file's name instead. */
#ifndef RG_C_FILE_H
#define RG_C_FILE_H

#include "base/base.h"

typedef struct rg_c_file {
  rung_context *ctx;
  const char *name; /* an identifier; see rg_export_check() */
  char upper[48];   /* in capitals */
  rung_dtype dtype;
  int64_t inputs, outputs; /* become $N_INPUTS and $N_OUTPUTS, also $I and $O */
  rg_text comment;         /* what the file is: text of a comment, without its marks */
  rg_text prototypes;      /* what it offers; before names are put in, as the code */
  rg_text code;
} rg_c_file;

void rg_c_file_init(rg_c_file *file, rung_context *ctx, const char *name, rung_dtype dtype);
void rg_c_file_free(rg_c_file *file);
/* The whole text; the caller frees *out with rg_free. */
rung_status rg_c_file_text(const rg_c_file *file, char **out, size_t *length);

/* Appends "static const $T rg_NAME[] = {...};" with numbers of the file's arithmetic. */
void rg_c_file_numbers(rg_c_file *file, const char *name, const void *value, int64_t count);

#endif
