/* The part of a training's report that shows its modules, where it was trained module-wise. */
#ifndef RG_MODULE_PAGE_H
#define RG_MODULE_PAGE_H

#include "study/judge.h"
#include "study/report.h"

/* Figures and the table of what each module came to. */
void rg_modules_section(rg_report *r);
/* Curves of each module as JSON; null where there are no modules. */
void rg_modules_data(rg_report *r);

#endif
