/* Sine features whose frequencies form a lattice. */
#ifndef RG_LATTICE_H
#define RG_LATTICE_H

#include "train/train.h"

/* Frequencies w = (pi / period) n / half, n a whole-number vector with |n| <= radius and at most
 * `order` components that are not 0, one of each pair +-w; each gives sin(w.s) and sin(w.s + pi/2).
 * With a period above 1 this is a Fourier extension: the features are periodic on a box larger than
 * the data's, so that smooth functions that are not periodic converge too. */
typedef struct rg_lattice {
  int inputs, order;
  double period;      /* in half-widths of the data: 3, or 2 */
  int64_t square;     /* radius^2 */
  const double *half; /* [inputs]: half-width of the scaled inputs */
} rg_lattice;

/* How many features; stops counting above `most`. */
int64_t rg_lattice_features(const rg_lattice *lattice, int64_t most);
/* The largest angular frequency along an input, of inputs scaled to [-1, 1]. */
double rg_lattice_frequency(const rg_lattice *lattice);
/* Weights [features][inputs] and biases [features]. */
void rg_lattice_fill(const rg_lattice *lattice, double *weight, double *bias);

#endif
