/* Stable architectures: what they reach on the small problems of Haber and Ruthotto
 * (arXiv 1705.03341), on the digits, at 1,202 layers, with few images.
 *
 *   bench_stable                       all cases
 *   bench_stable CASE...               those
 *   bench_stable list                  their names
 *
 * RUNG_DATA: folder with the data sets (mnist/..., cifar10/...); cases whose data are absent say
 * so. SEEDS: how many, 1, 2, ...; each case has its own number. THREADS: of the cases on images, 2;
 * the problems in the plane have steps too small to share and run on 1. Seconds are processor
 * seconds where nothing else is said. Each case is a process of its own, so that peaks of memory
 * are its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stable/stable.h"

typedef struct bench_case {
  const char *name, *about;
  void (*run)(void);
} bench_case;

static const bench_case cases[] = {
    {"swiss-roll", "two spirals: 100% of the points between, at 1,024 layers", run_swiss},
    {"ellipses", "a ring around an ellipse: 99.5%", run_ellipses},
    {"peaks", "five levels of a landscape: 97%", run_peaks},
    {"levels", "shallow first against full depth from the start: 40% of the time saved",
     run_levels},
    {"digits", "1,797 handwritten digits, 10-fold: 98.5%", run_digits},
    {"deep", "1,202 layers on MNIST within 512 MB, no divergence", run_deep},
    {"cifar-small", "1,000 images of CIFAR-10: hamiltonian against resnet of equal weights",
     run_cifar},
};
#define CASES (sizeof cases / sizeof *cases)

int setting(const char *name, int normal) {
  const char *text = getenv(name);
  return text && atoi(text) > 0 ? atoi(text) : normal;
}

void must(rung_context *ctx, rung_status status) {
  if (status == RUNG_OK) return;
  printf("  failed: %s\n", rung_error(ctx));
  fflush(stdout);
  exit(1);
}

rung_context *context_of(int threads) {
  rung_context *ctx;
  if (rung_context_create(NULL, &ctx) != RUNG_OK) exit(1);
  must(ctx, rung_set_threads(ctx, threads));
  return ctx;
}

double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int seeds_of(int normal) {
  int seeds = setting("SEEDS", normal);
  return seeds < MOST_SEEDS ? seeds : MOST_SEEDS;
}

double mean_of(const double *x, int count, double *half) {
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

int highest(const void *score, rung_dtype dtype, int64_t sample, int classes) {
  int best = 0;
  for (int i = 1; i < classes; i++) {
    int64_t a = sample * classes + i, b = sample * classes + best;
    bool higher = dtype == RUNG_F32 ? ((const float *)score)[a] > ((const float *)score)[b]
                                    : ((const double *)score)[a] > ((const double *)score)[b];
    if (higher) best = i;
  }
  return best;
}

static bool wanted(const char *name, int count, char **argument) {
  for (int i = 1; i < count; i++)
    if (strcmp(argument[i], name) == 0) return true;
  return count == 1;
}

/* @return whether it came to its end */
static bool run_case(const bench_case *c) {
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

int main(int count, char **argument) {
  bool list = count == 2 && strcmp(argument[1], "list") == 0, well = true;
  for (size_t i = 0; i < CASES; i++) {
    if (list) printf("%-12s %s\n", cases[i].name, cases[i].about);
    if (!list && wanted(cases[i].name, count, argument)) well &= run_case(&cases[i]);
  }
  return !well;
}
