#include "train/lattice.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

/* Walks over the vectors n, one of each pair +-n, in a fixed order. The row behind the last one
 * found holds the vector at hand. */
typedef struct walk {
  const rg_lattice *lattice;
  int64_t count, most;
  double *weight; /* [most + 1][inputs], or NULL: only counts */
} walk;

static void set(walk *w, int j, int64_t n) {
  if (w->weight) w->weight[w->count * w->lattice->inputs + j] = (double)n;
}

static void visit(walk *w) {
  const rg_lattice *l = w->lattice;
  if (w->weight) {
    double *row = w->weight + w->count * l->inputs;
    memcpy(row + l->inputs, row, (size_t)l->inputs * sizeof *row);
    for (int j = 0; j < l->inputs; j++) row[j] *= PI / l->period / l->half[j];
  }
  w->count++;
}

/* Sets component j and those behind it. `left` of radius^2 and of the order are still free; `zero`
 * while all components so far are 0: then the next one that is not must be positive. */
static void descend(walk *w, int j, int64_t left, int order, bool zero) {
  if (w->count > w->most) return;
  if (j == w->lattice->inputs) {
    if (!zero) visit(w);
    return;
  }
  set(w, j, 0);
  descend(w, j + 1, left, order, zero);
  for (int64_t n = 1; order > 0 && n * n <= left; n++) {
    set(w, j, n);
    descend(w, j + 1, left - n * n, order - 1, false);
    if (zero) continue;
    set(w, j, -n);
    descend(w, j + 1, left - n * n, order - 1, false);
  }
}

int64_t rg_lattice_features(const rg_lattice *lattice, int64_t most) {
  walk w = {.lattice = lattice, .most = most / 2};
  descend(&w, 0, lattice->square, lattice->order, true);
  return 2 * w.count;
}

double rg_lattice_frequency(const rg_lattice *lattice) {
  return PI / lattice->period * sqrt((double)lattice->square);
}

void rg_lattice_fill(const rg_lattice *lattice, double *weight, double *bias) {
  walk w = {.lattice = lattice, .most = INT64_MAX / 4, .weight = weight};
  descend(&w, 0, lattice->square, lattice->order, true);
  memcpy(weight + w.count * lattice->inputs, weight, /* the second half: cosines */
         (size_t)(w.count * lattice->inputs) * sizeof *weight);
  for (int64_t i = 0; i < w.count; i++) {
    bias[i] = 0;
    bias[w.count + i] = PI / 2;
  }
}
