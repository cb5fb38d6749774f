/* A network's numbers in exported C. */
#ifndef RG_WEIGHTS_C_H
#define RG_WEIGHTS_C_H

#include "nn/chain.h"
#include "store/c_file.h"

/* "static const $T rg_wB_I[] = ..." of what every layer of block B uses as its parameter I (letter
 * w) or statistic I (r), one after the other: of weights that are linear in time, the values at the
 * layers. */
rung_status rg_weights_c(rg_c_file *file, const rung_network *network, int block, char letter,
                         int index);
/* "static const $T rg_NAME[] = ..." of doubles, rounded to the file's arithmetic. */
rung_status rg_doubles_c(rg_c_file *file, const char *name, const double *x, int64_t count);

#endif
