/* The residual's spectrum; see train.h. */
#include <kiss_fftr.h>
#include <math.h>
#include <string.h>

#include "train/train.h"

#define PI 3.14159265358979323846
#define GRID 4096   /* resampling points */
#define SUBSET 2000 /* points of a non-uniform sum */

static double half_width(const rg_fit *f, int input) {
  double most = 0;
  for (int64_t i = 0; i < f->total; i++) most = fmax(most, fabs(f->s[input * f->total + i]));
  return most > 0 ? most : 1;
}

/* The first output's residual on an even grid over [-half, half]. */
static void resample(const rg_fit *f, double half, float *grid) {
  const double *s = f->s, *r = f->target;
  int64_t at = 0, last = f->points - 1;
  for (int k = 0; k < GRID; k++) {
    double x = half * (2.0 * k / GRID - 1);
    while (at < last && s[f->sorted[at + 1]] < x) at++;
    int64_t a = f->sorted[at], b = f->sorted[at < last ? at + 1 : at];
    double width = s[b] - s[a], share = width > 0 ? (x - s[a]) / width : 0;
    share = fmin(fmax(share, 0), 1);
    grid[k] = (float)((1 - share) * r[a] + share * r[b]);
  }
}

static rung_status by_fft(rg_fit *f, int count, double *frequency, double *power) {
  size_t bytes = 0;
  kiss_fftr_alloc(GRID, 0, NULL, &bytes);
  float *grid = rg_alloc(f->ctx, GRID, sizeof *grid);
  kiss_fft_cpx *spectrum = rg_alloc(f->ctx, GRID / 2 + 1, sizeof *spectrum);
  void *memory = rg_alloc(f->ctx, bytes, 1);
  rung_status status = grid && spectrum && memory ? RUNG_OK : RUNG_E_MEMORY;
  if (status == RUNG_OK) {
    double half = half_width(f, 0);
    resample(f, half, grid);
    kiss_fftr(kiss_fftr_alloc(GRID, 0, memory, &bytes), grid, spectrum);
    for (int k = 0; k < count; k++) {
      frequency[k] = PI * k / half;
      power[k] = 0;
      if (k > GRID / 2) continue;
      double re = (double)spectrum[k].r / GRID, im = (double)spectrum[k].i / GRID;
      power[k] = re * re + im * im;
    }
  }
  rg_free(f->ctx, grid);
  rg_free(f->ctx, spectrum);
  rg_free(f->ctx, memory);
  return status;
}

/* |mean of r exp(-i w s_j)|^2 for each axis j; the largest counts. */
static void by_sums(rg_fit *f, int count, double *frequency, double *power) {
  int64_t step = 1 + f->points / SUBSET, used = (f->points + step - 1) / step;
  for (int k = 0; k < count; k++) {
    frequency[k] = PI / 2 * k;
    power[k] = 0;
    for (int j = 0; j < f->inputs; j++) {
      double re = 0, im = 0;
      for (int64_t i = 0; i < f->points; i += step) {
        double phase = frequency[k] * f->s[j * f->total + i], r = f->target[i];
        re += r * cos(phase);
        im += r * sin(phase);
      }
      power[k] = fmax(power[k], (re * re + im * im) / ((double)used * (double)used));
    }
  }
}

rung_status rg_spectrum(rg_fit *f, int count, double *frequency, double *power, double *bandwidth) {
  if (f->sorted)
    RG_TRY(by_fft(f, count, frequency, power));
  else
    by_sums(f, count, frequency, power);
  double all = 0, sum = 0;
  for (int k = 0; k < count; k++) all += power[k];
  *bandwidth = frequency[count - 1];
  for (int k = 0; k < count; k++) {
    sum += power[k];
    if (sum < 0.9 * all) continue;
    *bandwidth = frequency[k];
    break;
  }
  return RUNG_OK;
}
