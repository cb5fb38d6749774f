/* What benchmarks of several named cases share. */
#ifndef RG_BENCH_CASES_H
#define RG_BENCH_CASES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

enum { MOST_SEEDS = 16, MOST_ROUNDS = 64 };

typedef struct bench_case {
  const char *name, *about;
  void (*run)(void);
} bench_case;

/* A number of the environment, such as SEEDS; `normal` where it is not set. */
static inline int setting(const char *name, int normal) {
  const char *text = getenv(name);
  return text && atoi(text) > 0 ? atoi(text) : normal;
}

/* Ends the case with the context's message unless all is well. */
static inline void must(rung_context *ctx, rung_status status) {
  if (status == RUNG_OK) return;
  printf("  failed: %s\n", rung_error(ctx));
  fflush(stdout);
  exit(1);
}

/* A context with so many threads. */
static inline rung_context *context_of(int threads) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) exit(1);
  must(ctx, rung_set_threads(ctx, threads));
  return ctx;
}

/* Processor seconds of this process: what else runs on the machine does not count. */
static inline double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seeds asked for, at most MOST_SEEDS. */
static inline int seeds_of(int normal) {
  int seeds = setting("SEEDS", normal);
  return seeds < MOST_SEEDS ? seeds : MOST_SEEDS;
}

/* Mean of so many numbers (at most MOST_SEEDS), and half the length of its 95% interval by
 * Student's distribution. */
static inline double mean_of(const double *x, int count, double *half) {
  /* 97.5% points with 1, 2, ... degrees of freedom */
  static const double student[MOST_SEEDS - 1] = {12.706, 4.303, 3.182, 2.776, 2.571,
                                                 2.447,  2.365, 2.306, 2.262, 2.228,
                                                 2.201,  2.179, 2.160, 2.145, 2.131};
  double mean = 0, square = 0;
  for (int i = 0; i < count; i++) mean += x[i] / count;
  for (int i = 0; i < count; i++) square += (x[i] - mean) * (x[i] - mean);
  *half = count < 2 ? INFINITY : student[count - 2] * sqrt(square / (count - 1) / count);
  return mean;
}

static inline int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of so many numbers, at most MOST_ROUNDS. */
static inline double median_of(const double *x, int count) {
  double sorted[MOST_ROUNDS];
  memcpy(sorted, x, (size_t)count * sizeof *x);
  qsort(sorted, (size_t)count, sizeof *sorted, by_size);
  return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static inline double least_of(const double *x, int count) {
  double least = INFINITY;
  for (int i = 0; i < count; i++) least = fmin(least, x[i]);
  return least;
}

/* What `script` (peers_train.py) prints of a case: weights, eager and compiled milliseconds of a
 * step, bytes of PyTorch; false where there is none. Without seconds: a few steps, eager alone. */
static inline bool ask_torch(const char *script, const char *name, int threads, int seconds,
                             double *out) {
  char command[1024];
  const char *python = getenv("PYTHON");
  if (!python) return false;
  snprintf(command, sizeof command, "'%s' '%s' %s %d %d 2>/dev/null", python, script, name, threads,
           seconds);
  FILE *pipe = popen(command, "r");
  if (!pipe) return false;
  int found = fscanf(pipe, "%lf %lf %lf %lf", &out[0], &out[1], &out[2], &out[3]);
  pclose(pipe);
  return found == 4;
}

/* The label with the highest of so many scores. */
static inline int highest(const void *score, rung_dtype dtype, int64_t sample, int classes) {
  int best = 0;
  for (int i = 1; i < classes; i++) {
    int64_t a = sample * classes + i, b = sample * classes + best;
    bool higher = dtype == RUNG_F32 ? ((const float *)score)[a] > ((const float *)score)[b]
                                    : ((const double *)score)[a] > ((const double *)score)[b];
    if (higher) best = i;
  }
  return best;
}

static inline bool wanted(const char *name, int count, char **argument) {
  for (int i = 1; i < count; i++)
    if (strcmp(argument[i], name) == 0) return true;
  return count == 1;
}

/* Recipes name their data from the folder RUNG_DATA: goes there, if `needed` is there. */
static inline bool go_to_data(const char *needed) {
  struct stat info;
  const char *data = getenv("RUNG_DATA");
  if (data && chdir(data) == 0 && stat(needed, &info) == 0) return true;
  printf("  the data are absent: RUNG_DATA should name a folder that holds %s\n", needed);
  return false;
}

/* In a process of its own, so that peaks of memory are its own. @return whether it came to its end
 */
static inline bool run_case(const bench_case *c) {
  int status = 0;
  printf("%-12s %s\n", c->name, c->about);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    c->run();
    fflush(stdout);
    _exit(0);
  }
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Those named, or all, or their names ("list"). @return the program's exit status */
static inline int run_cases(const bench_case *cases, size_t cases_count, int count,
                            char **argument) {
  bool list = count == 2 && strcmp(argument[1], "list") == 0, well = true;
  for (size_t i = 0; i < cases_count; i++) {
    if (list) printf("%-12s %s\n", cases[i].name, cases[i].about);
    if (!list && wanted(cases[i].name, count, argument)) well &= run_case(&cases[i]);
  }
  return !well;
}

#endif
