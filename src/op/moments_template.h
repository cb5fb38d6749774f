/* Kernels of moments.c over one real type: define REAL and R(name) before including. Means and sums
 * of squares about them, `m2`, of blocks of rows are joined by the formula of Chan, Golub and
 * LeVeque (Am. Stat. 37, 1983), so that the array is read from memory once and nothing cancels:
 *   mean = mean_a + d n_b / n,   m2 = m2_a + m2_b + d^2 n_a n_b / n,   d = mean_b - mean_a. */

/* Joins the moments of `more` elements to those of `have`. */
static inline void R(join)(int64_t have, REAL *mean, REAL *m2, int64_t more, const REAL *mean_b,
                           const REAL *m2_b, int64_t width) {
  REAL share = R(rg_from_double)((double)more);
  share = R(rg_div)(share, R(rg_from_double)((double)(have + more)));
  REAL cross = R(rg_mul)(share, R(rg_from_double)((double)have));
  for (int64_t j = 0; j < width; j++) {
    REAL d = R(rg_sub)(mean_b[j], mean[j]);
    mean[j] = R(rg_muladd)(d, share, mean[j]);
    m2[j] = R(rg_muladd)(R(rg_mul)(d, d), cross, R(rg_add)(m2[j], m2_b[j]));
  }
}

/* Sums of `rows` rows of `width` elements, and of squares about `mean`: eight rows at a time as a
 * tree, so that additions do not wait for one another. */
#define TREE(x0, x1, x2, x3, x4, x5, x6, x7)                                                       \
  R(rg_add)                                                                                        \
  (R(rg_add)(R(rg_add)(x0, x1), R(rg_add)(x2, x3)), R(rg_add)(R(rg_add)(x4, x5), R(rg_add)(x6, x7)))

static inline void R(add_rows)(const REAL *a, int64_t rows, int64_t stride, int64_t width,
                               REAL *sum) {
  int64_t i = 0;
  for (; i + 8 <= rows; i += 8) {
    const REAL *p = a + i * stride;
    for (int64_t j = 0; j < width; j++)
      sum[j] = R(rg_add)(sum[j], TREE(p[j], p[stride + j], p[2 * stride + j], p[3 * stride + j],
                                      p[4 * stride + j], p[5 * stride + j], p[6 * stride + j],
                                      p[7 * stride + j]));
  }
  for (; i < rows; i++)
    for (int64_t j = 0; j < width; j++) sum[j] = R(rg_add)(sum[j], a[i * stride + j]);
}

static inline REAL R(square)(REAL x, REAL mean) {
  REAL d = R(rg_sub)(x, mean);
  return R(rg_mul)(d, d);
}

static inline void R(add_squares)(const REAL *a, int64_t rows, int64_t stride, int64_t width,
                                  const REAL *mean, REAL *sum) {
  int64_t i = 0;
#define SQUARE(k) R(square)(p[(k)*stride + j], mean[j])
  for (; i + 8 <= rows; i += 8) {
    const REAL *p = a + i * stride;
    for (int64_t j = 0; j < width; j++)
      sum[j] = R(rg_add)(sum[j], TREE(SQUARE(0), SQUARE(1), SQUARE(2), SQUARE(3), SQUARE(4),
                                      SQUARE(5), SQUARE(6), SQUARE(7)));
  }
#undef SQUARE
  for (; i < rows; i++)
    for (int64_t j = 0; j < width; j++)
      sum[j] = R(rg_add)(sum[j], R(square)(a[i * stride + j], mean[j]));
}
#undef TREE

/* The moments of each of `width` <= TILE columns of `rows` >= 1 rows. */
static inline void R(columns)(const REAL *a, int64_t rows, int64_t stride, int64_t width,
                              REAL *mean, REAL *m2) {
  REAL block_mean[TILE], block_m2[TILE], zero = R(rg_from_double)(0.0);
  for (int64_t j = 0; j < width; j++) mean[j] = m2[j] = zero;
  for (int64_t begin = 0; begin < rows; begin += BLOCK) {
    int64_t n = rows - begin < BLOCK ? rows - begin : BLOCK;
    REAL count = R(rg_from_double)((double)n);
    for (int64_t j = 0; j < width; j++) block_mean[j] = block_m2[j] = zero;
    R(add_rows)(a + begin * stride, n, stride, width, block_mean);
    for (int64_t j = 0; j < width; j++) block_mean[j] = R(rg_div)(block_mean[j], count);
    R(add_squares)(a + begin * stride, n, stride, width, block_mean, block_m2);
    R(join)(begin, mean, m2, n, block_mean, block_m2, width);
  }
}

/* The moments of one run of n >= 1 elements: seen as rows of TILE, whose columns are joined. */
static inline void R(run)(const REAL *a, int64_t n, REAL *mean, REAL *m2) {
  REAL column_mean[TILE], column_m2[TILE];
  int64_t rows = n / TILE, done = 0;
  if (rows > 0) R(columns)(a, rows, TILE, TILE, column_mean, column_m2);
  for (int j = 0; rows > 0 && j < TILE; j++, done += rows) {
    if (j == 0) *mean = column_mean[0], *m2 = column_m2[0];
    if (j > 0) R(join)(done, mean, m2, rows, &column_mean[j], &column_m2[j], 1);
  }
  for (; done < n; done++) {
    REAL zero = R(rg_from_double)(0.0);
    if (done == 0) *mean = a[0], *m2 = zero;
    if (done > 0) R(join)(done, mean, m2, 1, &a[done], &zero, 1);
  }
}

/* Chunk c of [outer][length][inner] gives result [c][2][outer][inner]. */
static inline rung_status R(chunks_body)(const rung_call *call) {
  cut k = cut_of(&call->in_shape[0], call->attr);
  int64_t tiles = (k.inner + TILE - 1) / TILE, begin, end;
  rg_piece_range(call, k.chunks * k.outer * tiles, &begin, &end);
  for (int64_t t = begin; t < end; t++) {
    int64_t chunk = t / (k.outer * tiles), o = t / tiles % k.outer, first = t % tiles * TILE;
    int64_t rows = chunk_rows(&k, chunk), width = k.inner - first < TILE ? k.inner - first : TILE;
    const REAL *a = (const REAL *)call->in[0] + (o * k.length + chunk * k.each) * k.inner + first;
    REAL *mean = (REAL *)call->out + (chunk * 2 * k.outer + o) * k.inner + first;
    REAL *m2 = mean + k.outer * k.inner;
    if (k.inner == 1)
      R(run)(a, rows, mean, m2);
    else
      R(columns)(a, rows, k.inner, width, mean, m2);
  }
  return RUNG_OK;
}

/* Chunks joined in order; m2 / length is the variance. */
static inline rung_status R(moments_body)(const rung_call *call) {
  cut k = cut_of(&call->in_shape[0], call->attr);
  int64_t width = k.outer * k.inner, have = chunk_rows(&k, 0);
  const REAL *chunk = call->in[1];
  REAL *mean = call->out, *m2 = mean + width, count = R(rg_from_double)((double)k.length);
  memcpy(mean, chunk, (size_t)(2 * width) * sizeof *mean);
  for (int64_t c = 1; c < k.chunks; have += chunk_rows(&k, c++)) R(join)
  (have, mean, m2, chunk_rows(&k, c), chunk + 2 * c * width, chunk + (2 * c + 1) * width, width);
  for (int64_t j = 0; j < width; j++) m2[j] = R(rg_div)(m2[j], count);
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
KERNELS(chunks)
KERNELS(moments)
#undef KERNELS

#undef REAL
#undef R
