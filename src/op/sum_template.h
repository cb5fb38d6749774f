/* The sum kernel over one real type: define REAL and R(name) before including. The array is seen as
 * [outer][length][inner]. Blocks of BLOCK rows are added in order (with LANES interleaved sums
 * where inner is 1); block sums are added as a binary tree that depends on the length alone. */

/* Adds the sum of the next block: after block number n there are as many partial sums on the stack
 * as n+1 has one bits, each of a power of two of blocks. */
static inline int R(push)(REAL *stack, int top, int64_t block, REAL sum) {
  for (; block & 1; block >>= 1) sum = R(rg_add)(stack[--top], sum);
  stack[top] = sum;
  return top + 1;
}

static inline REAL R(block_sum)(const REAL *a, int64_t n) {
  REAL lane[LANES];
  for (int j = 0; j < LANES; j++) lane[j] = R(rg_from_double)(0);
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) lane[j] = R(rg_add)(lane[j], a[i + j]);
  for (int j = 0; i + j < n; j++) lane[j] = R(rg_add)(lane[j], a[i + j]);
  for (int half = LANES / 2; half >= 1; half /= 2)
    for (int j = 0; j < half; j++) lane[j] = R(rg_add)(lane[j], lane[j + half]);
  return lane[0];
}

static inline REAL R(row_sum)(const REAL *a, int64_t n) {
  REAL stack[64];
  int top = 0;
  int64_t block = 0;
  do { /* n >= 1 */
    int64_t rest = n - block * BLOCK;
    top = R(push)(stack, top, block, R(block_sum)(a + block * BLOCK, rest < BLOCK ? rest : BLOCK));
  } while (++block * BLOCK < n);
  REAL sum = stack[--top];
  while (top > 0) sum = R(rg_add)(stack[--top], sum);
  return sum;
}

/* The same over rows of `width` <= TILE elements that lie `stride` apart. */
static inline void R(rows_sum)(const REAL *a, int64_t n, int64_t stride, int64_t width, REAL *out) {
  REAL stack[48][TILE];
  int top = 0;
  int64_t block = 0;
  do { /* n >= 1 */
    int64_t end = (block + 1) * BLOCK < n ? (block + 1) * BLOCK : n;
    REAL sum[TILE];
    for (int64_t j = 0; j < width; j++) sum[j] = a[block * BLOCK * stride + j];
    for (int64_t i = block * BLOCK + 1; i < end; i++)
      for (int64_t j = 0; j < width; j++) sum[j] = R(rg_add)(sum[j], a[i * stride + j]);
    for (int64_t k = block; k & 1; k >>= 1) {
      top--;
      for (int64_t j = 0; j < width; j++) sum[j] = R(rg_add)(stack[top][j], sum[j]);
    }
    for (int64_t j = 0; j < width; j++) stack[top][j] = sum[j];
    top++;
  } while (++block * BLOCK < n);
  top--;
  for (int64_t j = 0; j < width; j++) out[j] = stack[top][j];
  while (top-- > 0)
    for (int64_t j = 0; j < width; j++) out[j] = R(rg_add)(stack[top][j], out[j]);
}

static inline rung_status R(sum_body)(const rung_call *call) {
  rg_around view = rg_reduced_view(call);
  const REAL *a = call->in[0];
  REAL *out = call->out;
  int64_t begin, end;
  if (view.inner == 1) {
    rg_piece_range(call, view.outer, &begin, &end);
    for (int64_t o = begin; o < end; o++) out[o] = R(row_sum)(a + o * view.length, view.length);
    return RUNG_OK;
  }
  int64_t tiles = (view.inner + TILE - 1) / TILE;
  rg_piece_range(call, view.outer * tiles, &begin, &end);
  for (int64_t t = begin; t < end; t++) {
    int64_t o = t / tiles, first = t % tiles * TILE;
    int64_t width = view.inner - first < TILE ? view.inner - first : TILE;
    R(rows_sum)
    (a + o * view.length * view.inner + first, view.length, view.inner, width,
     out + o * view.inner + first);
  }
  return RUNG_OK;
}

static rung_status R(portable)(const rung_call *call) {
  return R(sum_body)(call);
}
RG_AVX2 static rung_status R(avx2)(const rung_call *call) {
  return R(sum_body)(call);
}
RG_AVX512 static rung_status R(avx512)(const rung_call *call) {
  return R(sum_body)(call);
}

#undef REAL
#undef R
