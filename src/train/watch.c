#include "train/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts. */
static double median(double *value, int count) {
  qsort(value, (size_t)count, sizeof *value, by_size);
  return (value[(count - 1) / 2] + value[count / 2]) / 2;
}

static double bound(const rg_watch *w) {
  double sorted[RG_WATCH_WINDOW];
  memcpy(sorted, w->loss, sizeof sorted);
  double m = median(sorted, RG_WATCH_WINDOW);
  for (int i = 0; i < RG_WATCH_WINDOW; i++) sorted[i] = fabs(w->loss[i] - m);
  double spread = 1.4826 * median(sorted, RG_WATCH_WINDOW);
  double learned = (w->begin_sum / RG_WATCH_ROW - m) / 4;
  return m + fmax(fabs(m), fmax(20 * spread, learned));
}

/* Up to twice the median, which most losses are: told without sorting. */
static bool is_usual(const rg_watch *w, double loss) {
  int above = 0;
  for (int i = 0; i < RG_WATCH_WINDOW; i++) above += w->loss[i] >= loss / 2;
  return above > RG_WATCH_WINDOW / 2;
}

static bool is_outlier(const rg_watch *w, double loss) {
  if (w->count == 0) return false;
  if (w->count < RG_WATCH_WINDOW) return loss > RG_WATCH_EARLY * fmax(w->loss[0], 1);
  return !is_usual(w, loss) && loss > bound(w);
}

bool rg_watch_add(rg_watch *w, double loss) {
  if (is_outlier(w, loss)) return ++w->row >= RG_WATCH_ROW;
  if (w->count < RG_WATCH_ROW) w->begin_sum += loss;
  w->loss[(int64_t)w->count % RG_WATCH_WINDOW] = loss;
  w->count++;
  w->row = 0;
  return false;
}
