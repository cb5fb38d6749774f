/* What the cases of bench_stable share. */
#ifndef RG_BENCH_STABLE_H
#define RG_BENCH_STABLE_H

#include "base/base.h"
#include "rung/stability.h"
#include "rung/train.h"

enum { MOST_SEEDS = 16 };

/* A number of the environment, such as SEEDS; `normal` where it is not set. */
int setting(const char *name, int normal);
/* Ends the case with the context's message unless all is well. */
void must(rung_context *ctx, rung_status status);
/* A context with so many threads. */
rung_context *context_of(int threads);
/* Processor seconds of this process: what else runs on the machine does not count. */
double cpu_seconds(void);
/* The label with the highest of so many scores. */
int highest(const void *score, rung_dtype dtype, int64_t sample, int classes);

/* Mean of so many numbers (at most MOST_SEEDS), and half the length of its 95% interval by
 * Student's distribution. */
double mean_of(const double *x, int count, double *half);
/* Seeds asked for, at most MOST_SEEDS. */
int seeds_of(int normal);

/* The cases. */
void run_swiss(void);
void run_ellipses(void);
void run_peaks(void);
void run_levels(void);
void run_digits(void);
void run_deep(void);
void run_cifar(void);

#endif
