/* Watches the losses of steps for a run that has gone off its course.
 *
 * A step is an outlier where its loss exceeds
 *
 *   M + max(M, 20 S, (L0 - M) / 4),
 *
 * M being the median of the last 64 losses that were none, S = 1.4826 times their median distance
 * from it (the standard deviation, were they normal), L0 the mean of the first 8 losses. Eight
 * outliers in a row are a spike: single bad batches and slow rises are none, and neither is a rise
 * that undoes less than a quarter of what was learned. As long as there have not been 64, the bound
 * is 20 max(1, first loss): 1 is about what knowing nothing costs, in classes and in normalised
 * numbers. */
#ifndef RG_WATCH_H
#define RG_WATCH_H

#include "base/base.h"

enum { RG_WATCH_WINDOW = 64, RG_WATCH_ROW = 8, RG_WATCH_EARLY = 20 };

/* All in doubles, so that it is saved as one array. */
typedef struct rg_watch {
  double loss[RG_WATCH_WINDOW]; /* the last ones that were no outliers, in a ring */
  double count;                 /* how many there were */
  double row;                   /* outliers in a row just now */
  double begin_sum;             /* of the first RG_WATCH_ROW losses */
} rg_watch;
#define RG_WATCH_NUMBERS (sizeof(rg_watch) / sizeof(double))

/* Takes a loss in. True where it completes a spike. */
bool rg_watch_add(rg_watch *watch, double loss);

#endif
