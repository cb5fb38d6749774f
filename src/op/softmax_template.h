/* Kernels of softmax.c over one real type: define REAL and R(name) before including. Rows of scores
 * are done some at a time: what is exponentiated lies in one run in scratch memory, so that short
 * rows fill the vector registers too. */

#define LANES 8

static inline REAL R(row_max)(const REAL *a, int64_t n) {
  REAL lane[LANES];
  for (int j = 0; j < LANES; j++) lane[j] = a[j < n ? j : 0];
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) lane[j] = R(rg_max)(lane[j], a[i + j]);
  for (int j = 0; i + j < n; j++) lane[j] = R(rg_max)(lane[j], a[i + j]);
  for (int half = LANES / 2; half >= 1; half /= 2)
    for (int j = 0; j < half; j++) lane[j] = R(rg_max)(lane[j], lane[j + half]);
  return lane[0];
}

static inline REAL R(row_sum)(const REAL *a, int64_t n) {
  REAL lane[LANES];
  for (int j = 0; j < LANES; j++) lane[j] = R(rg_from_double)(0.0);
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) lane[j] = R(rg_add)(lane[j], a[i + j]);
  for (int j = 0; i + j < n; j++) lane[j] = R(rg_add)(lane[j], a[i + j]);
  for (int half = LANES / 2; half >= 1; half /= 2)
    for (int j = 0; j < half; j++) lane[j] = R(rg_add)(lane[j], lane[j + half]);
  return lane[0];
}

/* z = a - the largest of the row, e = exp(z). */
static inline void R(shift_rows)(const REAL *a, int64_t rows, int64_t n, REAL *z, REAL *e) {
  for (int64_t r = 0; r < rows; r++) {
    REAL most = R(row_max)(a + r * n, n);
    for (int64_t k = 0; k < n; k++) z[r * n + k] = R(rg_sub)(a[r * n + k], most);
  }
  for (int64_t i = 0; i < rows * n; i++) e[i] = R(rg_exp)(z[i]);
}

/* The sum of e less the 1 of the largest: nothing is lost where the others are small. Elements that
 * are 1 are counted, the rest summed; NaN stays. */
static inline REAL R(others)(REAL *e, int64_t n) {
  REAL one = R(rg_from_double)(1.0), ones = R(rg_from_double)(-1.0);
  for (int64_t k = 0; k < n; k++) {
    REAL below = R(rg_less)(e[k], one);
    ones = R(rg_add)(ones, R(rg_sub)(one, below));
    e[k] = R(rg_select)(below, e[k], R(rg_sub)(e[k], one));
  }
  return R(rg_add)(R(row_sum)(e, n), ones);
}

/* log(sum of e) of each row, over the begin of e. */
static inline void R(row_logs)(REAL *e, int64_t rows, int64_t n) {
  for (int64_t i = 0; i < rows; i++) e[i] = R(others)(e + i * n, n);
  for (int64_t i = 0; i < rows; i++) e[i] = R(rg_log1p)(e[i]);
}

static inline rung_status R(log_softmax_body)(const rung_call *call) {
  int64_t n, begin, end, tile = row_range(call, &n, &begin, &end);
  REAL *e = call->scratch;
  for (int64_t r = begin; r < end; r += tile) {
    int64_t rows = r + tile < end ? tile : end - r;
    REAL *out = (REAL *)call->out + r * n;
    R(shift_rows)((const REAL *)call->in[0] + r * n, rows, n, out, e);
    R(row_logs)(e, rows, n);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t k = 0; k < n; k++) out[i * n + k] = R(rg_sub)(out[i * n + k], e[i]);
  }
  return RUNG_OK;
}

static inline rung_status R(cross_entropy_body)(const rung_call *call) {
  int64_t n, begin, end, tile = row_range(call, &n, &begin, &end);
  REAL *e = call->scratch, *z = e + tile * n;
  REAL smoothing = FROM_DD(call->attr->value), zero = R(rg_from_double)(0.0);
  bool smooth = R(rg_to_double)(smoothing) != 0;
  REAL label_share = R(rg_sub)(R(rg_from_double)(1.0), smoothing);
  REAL share = R(rg_div)(smoothing, R(rg_from_double)((double)n));
  for (int64_t r = begin; r < end; r += tile) {
    int64_t rows = r + tile < end ? tile : end - r;
    REAL *out = (REAL *)call->out + r;
    R(shift_rows)((const REAL *)call->in[0] + r * n, rows, n, z, e);
    R(row_logs)(e, rows, n);
    for (int64_t i = 0; i < rows; i++) {
      int64_t label = rg_index(call, 1, r + i, n);
      if (label < 0) return RUNG_E_DATA;
      REAL gap = R(rg_mul)(label_share, R(rg_sub)(zero, z[i * n + label]));
      if (smooth) gap = R(rg_sub)(gap, R(rg_mul)(share, R(row_sum)(z + i * n, n)));
      out[i] = R(rg_add)(e[i], gap);
    }
  }
  return RUNG_OK;
}

/* softmax - q; at the label softmax - 1 is minus the share of the others. */
static inline rung_status R(slope_body)(const rung_call *call) {
  int64_t n, begin, end, tile = row_range(call, &n, &begin, &end);
  REAL *e = call->scratch;
  REAL smoothing = FROM_DD(call->attr->value);
  REAL share = R(rg_div)(smoothing, R(rg_from_double)((double)n));
  for (int64_t r = begin; r < end; r += tile) {
    int64_t rows = r + tile < end ? tile : end - r;
    REAL *out = (REAL *)call->out + r * n;
    R(shift_rows)((const REAL *)call->in[0] + r * n, rows, n, out, e);
    for (int64_t i = 0; i < rows; i++) {
      int64_t label = rg_index(call, 1, r + i, n);
      if (label < 0) return RUNG_E_DATA;
      REAL *row = e + i * n, at = row[label];
      row[label] = R(rg_from_double)(0.0);
      REAL others = R(row_sum)(row, n), inverse = R(rg_reciprocal)(R(rg_add)(others, at));
      for (int64_t k = 0; k < n; k++) out[i * n + k] = R(rg_sub)(R(rg_mul)(row[k], inverse), share);
      REAL there = R(rg_sub)(R(rg_sub)(smoothing, share), R(rg_mul)(others, inverse));
      out[i * n + label] = there;
    }
  }
  return RUNG_OK;
}

#define KERNELS(name)                                                                              \
  static rung_status R(name##_portable)(const rung_call *call) {                                   \
    return R(name##_body)(call);                                                                   \
  }                                                                                                \
  RG_AVX2 static rung_status R(name##_avx2)(const rung_call *call) {                               \
    return R(name##_body)(call);                                                                   \
  }                                                                                                \
  RG_AVX512 static rung_status R(name##_avx512)(const rung_call *call) {                           \
    return R(name##_body)(call);                                                                   \
  }
KERNELS(log_softmax)
KERNELS(cross_entropy)
KERNELS(slope)

#undef KERNELS
#undef LANES
#undef REAL
#undef R
#undef FROM_DD
