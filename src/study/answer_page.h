/* The part of a training's report that shows what the kept network answers. */
#ifndef RG_ANSWER_PAGE_H
#define RG_ANSWER_PAGE_H

#include "study/judge.h"
#include "study/report.h"

/* On which samples, in words. */
void rg_answers_judged(rg_report *r);
/* Confusion, classes, calibration, the worst samples; or the errors of numbers. */
void rg_answers_section(rg_report *r);
/* Bins of confidence as JSON. */
void rg_answers_calibration(rg_report *r);

#endif
