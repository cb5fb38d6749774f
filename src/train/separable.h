/* The default way to train a stage: what its two files share. separable.c searches features whose
 * weights are given and solves for the head; networks.c trains the hidden layer. */
#ifndef RG_SEPARABLE_H
#define RG_SEPARABLE_H

#include "train/factor.h"
#include "train/lattice.h"

/* A lattice that was tried, with its head and errors. */
typedef struct rg_candidate {
  rg_lattice lattice;
  int64_t features;
  rg_choice choice; /* head and squared belong to the candidate; NULL where there is none */
} rg_candidate;

typedef struct rg_search {
  rg_fit *f;
  double *half;   /* [inputs] half-widths of the scaled inputs */
  int64_t judged; /* points whose errors are compared */
  int64_t most;   /* features, at most */
  double unit;    /* rounding unit of evaluation */
  double enough;  /* no better score is wanted */
  rg_candidate best;
  double *nothing; /* [judged] squared target: the errors of no stage at all */
  bool stopped;
} rg_search;

double rg_mean(const double *a, int64_t n);
/* Does `now` beat `old` (squared errors) on the same points: by two standard errors of the paired
 * difference and in RMS by `share`, or by a factor of four in RMS whatever the spread. */
bool rg_beats(const double *now, const double *old, int64_t n, double share);
/* States the bytes that come on top of what is held, and refuses them past the limit. */
bool rg_fits_memory(rg_fit *f, size_t more);

/* A network with a trained hidden layer, where it beats the best lattice; else *out stays NULL. */
rung_status rg_trained_network(rg_search *s, rg_stage **out);

#endif
