/* TensorBoard's event files, made from a run's log: a line of an epoch becomes its scalars. */
#ifndef RG_TENSORBOARD_H
#define RG_TENSORBOARD_H

#include "base/base.h"

/* What a file begins with. `time`: seconds since 1970. */
void rg_tensorboard_begin(rg_text *out, double time);
/* The numbers of a line {"event":"epoch",...} at step "epoch" and time "time"; nothing for any
 * other line, or for numbers that are not finite (null). */
void rg_tensorboard_line(rg_text *out, const char *line, size_t length);

/* CRC-32C (Castagnoli), RFC 3720. */
uint32_t rg_crc32c(const void *data, size_t bytes);

#endif
