/* Inside Levenberg-Marquardt: what its files share. docs/levenberg.md has the formulas.
 *
 * Notation: n hidden parameters w (layer by layer, weights [width][inputs], then biases), the last
 * layer's features h, the head's matrix A = [h | 1 | s], p columns (s only with a skip), the head c
 * (one column an output), residual r = y - A c, and D = d(A c)/dw. Matrices of points are
 * column-major, so a feature or a parameter lies along its points as graphs have it. */
#ifndef RG_LEVENBERG_H
#define RG_LEVENBERG_H

#include "graph/graph.h"
#include "train/train.h"

/* The graphs: s and the layers' weights and biases are the first inputs of each. */
typedef enum rg_lm_kind {
  RG_LM_FEATURES, /* h [width][total] */
  RG_LM_JACOBIAN, /* of one output, whose head row is given: D, as one array a weight or bias */
  RG_LM_NORMS,    /* of that D: squared column norms */
  RG_LM_PUSH,     /* D v of all outputs [outputs][points], given v */
  RG_LM_PULL,     /* D'u, given u */
  RG_LM_KINDS
} rg_lm_kind;

typedef struct rg_lm {
  rg_fit *f;
  rung_context *ctx;
  const rg_points *data;
  const rg_levenberg_options *options;
  const rg_stage *stage;
  int64_t points, total, width, columns, hidden, outputs; /* columns: p, hidden: n */
  bool dense, judged;                                     /* judged: there are points held out */
  rung_program *program[RG_LM_KINDS];

  /* One block of memory, cut by rg_lm_lay_out(). */
  void *memory;
  double *features;             /* [width + 1 + inputs][total]: h, ones, s */
  double *w, *trial_w, *best_w; /* [n] */
  double *c, *trial_c, *best_c; /* [outputs][p] */
  double *error;                /* [outputs][total]: y - A c */
  double *norm, *scale, *step;  /* [n]: cn, S, and what is added to w */
  double *head_row;             /* [outputs][width]: c without the linear part, for graphs */
  double *head_r;               /* [p + outputs] squared: R of [A | y] and the ridge */
  double *matrix;               /* [A | D | r] and, at other times, what else is factored */
  void *qr, *run;               /* workspaces of QR and of programs */
  const void **in;              /* of a program */
  void **out;
  /* Dense: */
  double *all_r;            /* [p + n + 1] squared */
  double *reduced, *joined; /* [n + 1] squared: R22 and q2; `joined` where there are more outputs */
  int64_t reduced_ld;
  /* Matrix-free: */
  double *q;        /* [p][points + p]: Q of A with its ridge */
  double *krylov;   /* see levenberg_free.c */
  double tolerance; /* of a step's gradient, relative to its start */
  int rounds;       /* of the Golub-Kahan process so far in this iteration */
  int scale_age;    /* iterations since S was computed */

  double objective; /* the augmented residual's norm */
  double damping;   /* lambda */
} rg_lm;

/* levenberg_graph.c */
rung_status rg_lm_compile(rg_lm *lm, rg_lm_kind kind);
/* Runs a program at weights w. JACOBIAN, NORMS: output o's head row; results at `out`, in the order
 * of w, `stride` doubles for each parameter. PUSH: `given` is v, PULL: u. */
rung_status rg_lm_run(rg_lm *lm, rg_lm_kind kind, const double *w, int64_t o, const double *given,
                      double *out);

/* levenberg_dense.c and levenberg_free.c: prepare at the current w, c and error (this sets the
 * scaling S from the last one's, `first`: there is none); then a step for lm->damping. */
rung_status rg_lm_dense_prepare(rg_lm *lm, bool first);
rung_status rg_lm_dense_step(rg_lm *lm);
rung_status rg_lm_free_prepare(rg_lm *lm, bool first);
rung_status rg_lm_free_step(rg_lm *lm);
size_t rg_lm_free_doubles(const rg_lm *lm); /* of lm->krylov */

/* levenberg.c: everything made and computed for the stage's weights as they are. rg_lm_end() also
 * after a failed begin. */
rung_status rg_lm_begin(rg_lm *lm, rg_fit *f, const rg_points *data,
                        const rg_levenberg_options *options, const rg_stage *stage);
void rg_lm_end(rg_lm *lm);
/* The features at weights w, the head c that is best for them and the augmented residual's norm. */
rung_status rg_lm_evaluate(rg_lm *lm, const double *w, double *c, double *objective);
/* S from the norms of the projected Jacobian's columns, given in lm->step. */
void rg_lm_scaling(rg_lm *lm, bool first);
/* The features and ones of the training points, and s with a skip, at `out` (ld apart). */
void rg_lm_copy_head_matrix(const rg_lm *lm, double *out, int64_t ld);
/* mu sqrt(points): the ridge's rows are this times the identity. */
double rg_lm_ridge(const rg_lm *lm);

#endif
