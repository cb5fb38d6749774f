/* The problems in the plane: all points in one batch, L-BFGS, weights smooth in time, and shallow
 * networks whose layers are doubled. */
#include <math.h>
#include <stdio.h>

#include "stable.h"

#define PI 3.14159265358979323846

enum { MOST_POINTS = 2000, MOST_LEVELS = 6, MOST_CLASSES = 5 };

typedef struct points {
  int count;
  double x[2 * MOST_POINTS], label[MOST_POINTS];
} points;

typedef struct problem {
  int classes;
  points train, other;
} problem;

static void add_point(points *p, double x, double y, int label) {
  p->x[2 * p->count] = x;
  p->x[2 * p->count + 1] = y;
  p->label[p->count++] = label;
}

/* ---- problems ---- */

/* Two turns, radius 0 to 1 and 0.2 to 1.2; of each spiral every second point is trained on. */
static void make_swiss(problem *p) {
  enum { EACH = 513 };
  p->classes = 2;
  for (int c = 0; c < 2; c++)
    for (int i = 0; i < EACH; i++) {
      double t = (double)i / (EACH - 1), angle = 4 * PI * t, r = t + 0.2 * c;
      add_point((i + c) % 2 ? &p->other : &p->train, r * cos(angle), r * sin(angle), c);
    }
}

/* 1,000 points a class to train on and 1,000 more: radius 0 to 1 and 1 to 2, y scaled by 0.4. */
static void make_ellipses(problem *p) {
  p->classes = 2;
  for (int c = 0; c < 2; c++)
    for (int i = 0; i < MOST_POINTS; i++) {
      double r = c + rg_uniform(1, 10 + (uint64_t)c, 2 * (uint64_t)i);
      double angle = 2 * PI * rg_uniform(1, 10 + (uint64_t)c, 2 * (uint64_t)i + 1);
      add_point(i % 2 ? &p->other : &p->train, r * cos(angle), 0.4 * r * sin(angle), c);
    }
}

static double peaks_at(double x, double y) {
  return 3 * (1 - x) * (1 - x) * exp(-x * x - (y + 1) * (y + 1)) -
         10 * (x / 5 - x * x * x - y * y * y * y * y) * exp(-x * x - y * y) -
         exp(-(x + 1) * (x + 1) - y * y) / 3;
}

/* 1,000 points of [-3, 3]^2 to train on and 1,000 more; classes are fifths of the range. */
static void make_peaks(problem *p) {
  const double low = -6.5511, high = 8.1062;
  p->classes = 5;
  for (int i = 0; i < MOST_POINTS; i++) {
    double x = 6 * rg_uniform(1, 20, 2 * (uint64_t)i) - 3;
    double y = 6 * rg_uniform(1, 20, 2 * (uint64_t)i + 1) - 3;
    double share = (peaks_at(x, y) - low) / (high - low);
    add_point(i % 2 ? &p->other : &p->train, x, y, (int)fmin(4, fmax(0, 5 * share)));
  }
}

/* ---- training ---- */

typedef struct plan {
  const char *block;
  int64_t width, layers; /* of the first level */
  double time, smoothness, decay;
  int levels, steps[MOST_LEVELS];
} plan;

typedef struct training {
  rung_context *ctx;
  rung_network *network;
  const problem *problem;
  const plan *plan;
} training;

static double accuracy_of(const training *t) {
  static double score[MOST_CLASSES * MOST_POINTS];
  const points *p = &t->problem->other;
  int right = 0;
  must(t->ctx, rung_network_apply(t->network, t->ctx, p->count, p->x, score));
  for (int i = 0; i < p->count; i++)
    right += highest(score, RUNG_F64, i, t->problem->classes) == (int)p->label[i];
  return (double)right / p->count;
}

static void begin(training *t, int seed) {
  const rung_shape sample = {.rank = 1, .dim = {2}};
  rung_network_settings s = rung_network_settings_default();
  s.architecture = "dense";
  s.block = t->plan->block;
  s.stages = 1;
  s.channels[0] = t->plan->width;
  s.layers[0] = t->plan->layers;
  s.time = t->plan->time;
  must(t->ctx, rung_network_create(t->ctx, &s, &sample, t->problem->classes, RUNG_F64,
                                   (uint64_t)seed, &t->network));
}

/* Twice the layers. */
static void deepen(training *t) {
  rung_network *twice;
  must(t->ctx, rung_network_prolong(t->network, t->ctx, &twice));
  rung_network_destroy(t->network);
  t->network = twice;
}

static void descend(training *t, int steps) {
  rung_training settings = rung_training_default();
  rung_trainer *trainer;
  settings.optimiser = "lbfgs";
  settings.smoothness = t->plan->smoothness;
  settings.weight_decay = t->plan->decay;
  settings.batch = t->problem->train.count;
  must(t->ctx, rung_trainer_create(t->network, t->ctx, &settings, steps, 1, &trainer));
  for (int i = 0; i < steps; i++)
    must(t->ctx,
         rung_trainer_step(trainer, t->problem->train.x, t->problem->train.label, NULL, NULL));
  rung_trainer_destroy(trainer);
}

/* ---- what is reached ---- */

static void show_plan(const plan *p) {
  printf("  %s, width %lld, T = %g, smoothness %g, weight decay %g, L-BFGS, layers x steps:",
         p->block, (long long)p->width, p->time, p->smoothness, p->decay);
  for (int i = 0; i < p->levels; i++) printf(" %lldx%d", (long long)(p->layers << i), p->steps[i]);
  printf("\n");
}

static void run_plan(const problem *of, const plan *p, double figure, double stretch) {
  int seeds = seeds_of(5), reached = 0;
  training t = {.ctx = context_of(1), .problem = of, .plan = p};
  show_plan(p);
  for (int seed = 1; seed <= seeds; seed++) {
    double mean = 0, largest = 0, start = cpu_seconds();
    begin(&t, seed);
    for (int level = 0; level < p->levels; level++) {
      if (level > 0) deepen(&t);
      descend(&t, p->steps[level]);
    }
    double took = cpu_seconds() - start, accuracy = accuracy_of(&t);
    must(t.ctx, rung_stability_stretch(t.network, t.ctx, of->other.count, of->other.x, 1, &mean,
                                       &largest));
    reached += accuracy >= figure && mean < stretch;
    printf("    seed %d: accuracy %.4f (to reach: %.4f), stretch %.1f", seed, accuracy, figure,
           mean);
    if (isfinite(stretch)) printf(" (below: %.0f)", stretch);
    printf(", largest %.0f; %.1f s\n", largest, took);
    fflush(stdout);
    rung_network_destroy(t.network);
  }
  printf("    reached by %d of %d seeds\n", reached, seeds);
  rung_context_destroy(t.ctx);
}

void run_swiss(void) {
  static problem p;
  const plan plans[] = {
      {"antisymmetric", 8, 32, 20, 1e-2, 1e-4, 6, {3000, 600, 300, 200, 100, 100}},
      {"hamiltonian", 8, 32, 20, 1e-2, 1e-4, 6, {3000, 600, 300, 200, 100, 100}},
  };
  make_swiss(&p);
  for (int i = 0; i < 2; i++) run_plan(&p, &plans[i], 1, 18);
}

void run_ellipses(void) {
  static problem p;
  const plan plans[] = {
      {"antisymmetric", 4, 16, 10, 1e-3, 1e-5, 2, {600, 300}},
      {"hamiltonian", 4, 16, 10, 1e-3, 1e-6, 2, {600, 300}},
  };
  make_ellipses(&p);
  for (int i = 0; i < 2; i++) run_plan(&p, &plans[i], 0.995, INFINITY);
}

void run_peaks(void) {
  static problem p;
  const plan plans[] = {{"antisymmetric", 16, 8, 8, 1e-3, 3e-3, 3, {400, 100, 50}}};
  make_peaks(&p);
  run_plan(&p, &plans[0], 0.97, INFINITY);
}
