/* Tables with labels or values to be met. */
#ifndef RG_LABELLED_H
#define RG_LABELLED_H

#include "data/form.h"

/* Fills an empty set from the table at its path. `form` is that of the training set, or NULL; it is
 * emptied. */
rung_status rg_labelled_open(rung_dataset *set, rg_form *form);

#endif
