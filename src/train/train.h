/* Multi-stage fits: what the loop over stages (fit.c) and the ways to train a stage share.
 *
 * A stage is a function of the data, the options and the stages before it, and of nothing else: so
 * a run that was killed goes on from its last kept stage to the same bits. */
#ifndef RG_TRAIN_H
#define RG_TRAIN_H

#include "nn/model.h"
#include "rung/fit.h"

/* What the loop carries from one kept stage to the next beside the model. A run that goes on from a
 * saved stage gives it back to the loop. */
typedef struct rg_carried {
  double freedom;       /* effective number of parameters of the stages kept so far */
  double heldout_error; /* of the model so far */
  double seconds;       /* that the fit has taken */
  bool replaced;        /* the stage to replace has been trained anew */
  size_t planned;       /* bytes that plans stated */
  size_t refused;       /* the least that a plan past the limit wanted; 0: none was refused */
  size_t held;          /* bytes that the context held */
} rg_carried;

typedef struct rg_fit {
  rung_context *ctx;
  const rung_problem *problem;
  rung_fit_options options;
  rung_model *model; /* grows by a stage at a time */
  int inputs, outputs;
  /* Training points come first, then the held-out ones, in every array. */
  int64_t points, heldout, total; /* total = points + heldout */
  bool leave_one_out; /* few points: none is held out, scores are leave-one-out errors */
  void *x;            /* [total][inputs], working precision */
  rung_dd *y;         /* [total][outputs] */
  double *s;          /* [inputs][total]: scaled inputs, in [-1, 1] */
  rung_dd *residual;  /* [total][outputs]: y - model(x), of the model so far */
  double *eps;        /* [outputs]: power of two, about the RMS of the residual */
  double *target;     /* [outputs][total]: residual / eps, what the next stage fits */
  int64_t *sorted;    /* one input: training points by rising x; else NULL */
  /* What a method tells of the stage it proposes: */
  double freedom; /* effective number of parameters */
  double score;   /* RMS error of the target at judged points; NaN: not known */
  double size;    /* RMS of y over all points and outputs */
  double largest; /* largest |y|; not 0 */
  double training_error, heldout_error; /* relative L2 of the model so far; 1 without stages */
  double started;                       /* rg_seconds() */
  bool stopped;                         /* the caller cancelled, or the time is up */
  rung_stop stop;                       /* why, then */
  size_t planned;                       /* bytes that plans stated */
  size_t refused;      /* the least that a plan past the limit wanted; 0: none was refused */
  double kept_freedom; /* of the kept stages */
  bool replaced;       /* the stage to replace has been trained anew */
  size_t held_before;  /* resumed: bytes held when the state was saved, ... */
  size_t held_after;   /* ... and when the loop went on from it; else 0 */
} rg_fit;

/* The bytes that the context would hold now if the run had not been interrupted: plans build on
 * them, so that a limit of memory leads to the same decisions. */
size_t rg_fit_held(const rg_fit *f);

/* What to carry on with after the stages that are in the model now. */
rg_carried rg_fit_carried(const rg_fit *f);

/* Stage number that is in training: also the purpose of its random numbers (with the options'
 * seed): rg_normal(f->options.seed, rg_purpose(f, 3), i). */
uint64_t rg_purpose(const rg_fit *f, uint64_t what);

/* Reports progress. True where the fit must stop: then a method ends soon, with the best it has. */
bool rg_fit_tick(rg_fit *f, const char *doing, double fraction);

/* Ways to train the next stage on f->target. *out belongs to the caller; NULL, with RUNG_OK, where
 * there is nothing to propose. Weights are exact in the working precision. */
rung_status rg_separable_stage(rg_fit *f, rg_stage **out);
rung_status rg_gradient_stage(rg_fit *f, rg_stage **out);

/* The residual's spectrum. One input: FFT of the residual, resampled to an even grid by linear
 * interpolation. Several: the largest over the axes of the non-uniform Fourier sum along each axis.
 * frequency[i] (radians per unit of scaled input, rising) and power[i], i < count; returns the
 * frequency below which nine tenths of the power lie. */
rung_status rg_spectrum(rg_fit *f, int count, double *frequency, double *power, double *bandwidth);

/* What watches a fit: called after stage `index` was kept, before that is told as progress (and,
 * with stage NULL, once before the first). f->stopped: the stage may be half trained. An error ends
 * the fit. */
typedef rung_status (*rg_stage_watch)(void *user, rg_fit *f, int index,
                                      const rung_stage_info *stage);

/* The loop. `start` (may be NULL) is a model whose stages are kept and gone on from; `replace` in
 * the options trains one anew. `carried` (may be NULL): `start` is what a fit with the same data
 * and options had when it carried this, and the result is the one that it would have come to. */
rung_status rg_fit_loop(rung_context *ctx, const rung_model *start, const rg_carried *carried,
                        const rung_problem *problem, const rung_fit_options *options,
                        rg_stage_watch watch, void *user, rung_model **out,
                        rung_fit_result *result);

/* Levenberg-Marquardt on the hidden layers of `stage` by variable projection (levenberg.c). */
typedef struct rg_levenberg_options {
  int iterations, patience;
  double ridge;        /* mu: the head's ridge, relative to sqrt(points) */
  double floor;        /* of the damping's scaling, relative to the RMS column norm: 0.01 */
  double damping;      /* lambda at the start: 1e-2 */
  int64_t dense_limit; /* above this many hidden parameters: matrix-free products and LSQR */
} rg_levenberg_options;
rg_levenberg_options rg_levenberg_options_default(void);

/* Points of a least-squares problem: s [inputs][ld], y [outputs][ld]; the first `points` are
 * trained on, the next `heldout` judge; where none are held out, those trained on do. */
typedef struct rg_points {
  int inputs, outputs;
  int64_t points, heldout, ld;
  const double *s, *y;
} rg_points;

/* Trains the stage's hidden layers and head (double arithmetic); keeps the weights with the least
 * held-out error. *heldout_rms gets that error (RMS over outputs and held-out points), squared[i]
 * (if not NULL) the squared error of held-out point i summed over outputs. */
rung_status rg_levenberg(rg_fit *f, const rg_points *data, const rg_levenberg_options *options,
                         rg_stage *stage, double *heldout_rms, double *squared);

/* The most bytes that this rg_levenberg() call would hold; nothing is trained. */
rung_status rg_levenberg_bytes(rg_fit *f, const rg_points *data,
                               const rg_levenberg_options *options, const rg_stage *stage,
                               size_t *bytes);

#endif
