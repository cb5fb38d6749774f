/* What the files of bench_fit share: cases, their data, and what a method comes to on them. */
#ifndef RG_BENCH_FIT_H
#define RG_BENCH_FIT_H

#include <stdio.h>

#include "base/base.h"
#include "rung/rung.h"

/* The figures of a case that have a target. */
typedef enum fit_measure {
  FIT_NONE = 0,
  FIT_L2,           /* root of sum of squares of errors over that of the truth */
  FIT_MAX,          /* largest absolute error */
  FIT_MAX_RELATIVE, /* largest absolute error over the largest |truth| */
  FIT_RMS,          /* root mean square error */
  FIT_NOISE,        /* estimated noise floor over the true one */
  FIT_RIDGE         /* RMS error over that of ridge regression */
} fit_measure;

/* A number as a sum of three: beyond double-double, so that errors in quad can be seen. */
typedef struct fit_number {
  double part[3];
} fit_number;

typedef struct fit_case {
  const char *name, *title;
  rung_dtype precision;
  int inputs;
  int64_t rows;           /* of the table to be fitted; 0: the program gets the function */
  const char *function;   /* as the program reads it */
  const double *range[2]; /* the box; NULL: [-1, 1] */
  fit_number (*truth)(const rung_dd *x); /* NULL: the diabetes table */
  double noise;
  struct {
    fit_measure measure;
    double target;
  } figure[2]; /* the first is also what methods are compared by */
  double wall; /* target in seconds */
  int degree;  /* of the polynomial it is compared with: Chebyshev interpolation of functions, least
                  squares for tables; 0: none */
} fit_case;

/* One problem: rows to be fitted and unseen points. */
typedef struct fit_data {
  int inputs;
  int64_t rows, tests;
  double *x, *y;     /* [rows][inputs], [rows] */
  rung_dd *unseen;   /* [tests][inputs] */
  fit_number *truth; /* [tests] */
} fit_data;

/* What a method took and tells. */
typedef struct fit_cost {
  double wall, cpu;       /* seconds */
  double peak;            /* bytes resident at the most */
  double planned, inside; /* bytes that the plan stated, that the library held at the most */
  double noise;           /* estimated noise floor */
  char note[160];
} fit_cost;

/* A method fits data->x, data->y (or the case's function) and predicts at the unseen points. False
 * where it gives nothing; the note says why. Cost comes in as zeros. */
typedef bool (*fit_method)(const fit_case *c, const fit_data *data, uint64_t seed,
                           rung_dd *predicted, fit_cost *cost);

typedef struct fit_options {
  int seeds;
  const char *only;
  double gradient; /* seconds for the published recipe; 0: until it ends by itself */
  double peer;     /* seconds for each peer */
  bool alone;      /* nothing beside */
  char folder[64]; /* for tables and runs, removed at the end */
  char data[1024]; /* folder with the diabetes table; "" where there is none */
} fit_options;
extern fit_options fit_settings;

enum { FIT_FOLDS = 5 };
extern const fit_case fit_cases[];
extern const int fit_case_count;

/* Draws the data of a fold (0 where the case has one only). False: no memory or no table. */
bool fit_data_make(rung_context *ctx, const fit_case *c, uint64_t seed, int fold, fit_data *out);
void fit_data_free(fit_data *data);
double fit_low(const fit_case *c, int input);
double fit_high(const fit_case *c, int input);

/* Launches a program by way of a small process of its own, so that what this process holds does not
 * count as the program's memory. argv[0] is its path; `limit` in seconds, 0 for none. Its output
 * (the caller frees it) or NULL; cost gets wall, cpu and peak, or the note. */
char *fit_launch(char *const *argv, double limit, fit_cost *cost);
/* What that small process does: main() of `bench_fit --launch SECONDS PROGRAM...`. */
int fit_launcher(char **argv);

/* The program: `rung fit` as a whole process. */
bool fit_program(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                 fit_cost *cost);
/* The same with --method gradient. */
bool fit_gradient(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                  fit_cost *cost);
/* Bytes resident of a trivial fit beyond what the library held in it. */
double fit_baseline(void);

/* In this process. */
bool fit_chebyshev(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                   fit_cost *cost);
bool fit_polynomial(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
                    fit_cost *cost);
bool fit_ridge(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
               fit_cost *cost);

/* By peers.py. */
bool fit_mlp(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
             fit_cost *cost);
bool fit_gp(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
            fit_cost *cost);
bool fit_rbf(const fit_case *c, const fit_data *data, uint64_t seed, rung_dd *predicted,
             fit_cost *cost);

/* A file of the benchmark's folder. */
typedef struct fit_path {
  char text[128];
} fit_path;
fit_path fit_file(const char *name);
/* Writes rows as CSV with 17 digits; y may be NULL. */
bool fit_write_table(const fit_path *path, int inputs, int64_t rows, const double *x,
                     const double *y);

#endif
