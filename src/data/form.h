/* What a model must know of its data, as JSON. */
#ifndef RG_FORM_H
#define RG_FORM_H

#include "data/dataset.h"

/* Writes the set's form. */
rung_status rg_form_write(rung_dataset *set);

#endif
