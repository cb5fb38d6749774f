/* The points of a fit: copied or sampled, shuffled, scaled. */
#ifndef RG_DATA_H
#define RG_DATA_H

#include "train/train.h"

/* Fills points, heldout, x, y, size, and, unless `start` is given, a fresh f->model with names,
 * centre, scale, low and high. */
rung_status rg_fit_data(rg_fit *f, const rung_model *start);
/* Fills s and sorted, which need the model. */
rung_status rg_fit_scale(rg_fit *f);

#endif
