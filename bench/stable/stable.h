/* What the cases of bench_stable share. */
#ifndef RG_BENCH_STABLE_H
#define RG_BENCH_STABLE_H

#include "cases.h"
#include "rung/stability.h"
#include "rung/train.h"

/* The cases. */
void run_swiss(void);
void run_ellipses(void);
void run_peaks(void);
void run_levels(void);
void run_digits(void);
void run_deep(void);
void run_cifar(void);

#endif
