/* Kernels of pool.c over one real type: define REAL and R(name) before including. Channels lie side
 * by side, so each loop over them is vector code. */

#define BLOCK 64 /* channels whose best is kept on the stack */

static inline void R(add_to)(REAL *restrict out, const REAL *a, int64_t n) {
  for (int64_t c = 0; c < n; c++) out[c] = R(rg_add)(out[c], a[c]);
}

static inline rung_status R(average_body)(const rung_call *call) {
  pool p = pool_of(call, call->in_shape, call->out_shape);
  int64_t begin, end;
  rg_piece_range(call, p.images * p.out_height, &begin, &end);
  for (int64_t i = begin; i < end; i++)
    for (int64_t x = 0; x < p.out_width; x++) {
      window w = window_of(&p, i % p.out_height, x);
      const REAL *image = (const REAL *)call->in[0] + i / p.out_height * p.image;
      REAL *out = (REAL *)call->out + (i * p.out_width + x) * p.channels;
      REAL count = R(rg_from_double)((double)w.count);
      walk at = first_pixel(&p, &w);
      memcpy(out, image + at.at, (size_t)p.channels * sizeof *out);
      for (int64_t k = 1; k < w.count; k++) {
        next_pixel(&p, &w, &at);
        R(add_to)(out, image + at.at, p.channels);
      }
      for (int64_t c = 0; c < p.channels; c++) out[c] = R(rg_div)(out[c], count);
    }
  return RUNG_OK;
}

/* Each result gives its share to the pixels of its window. */
static inline rung_status R(share_body)(const rung_call *call) {
  pool p = pool_of(call, call->out_shape, call->in_shape);
  int64_t begin, end;
  rg_piece_range(call, p.images, &begin, &end);
  for (int64_t n = begin; n < end; n++) {
    REAL *image = (REAL *)call->out + n * p.image;
    memset(image, 0, (size_t)p.image * sizeof *image);
    for (int64_t i = 0; i < p.out_height * p.out_width; i++) {
      window w = window_of(&p, i / p.out_width, i % p.out_width);
      const REAL *from =
          (const REAL *)call->in[0] + (n * p.out_height * p.out_width + i) * p.channels;
      REAL count = R(rg_from_double)((double)w.count);
      for (int64_t first = 0; first < p.channels; first += BLOCK) {
        int64_t width = p.channels - first < BLOCK ? p.channels - first : BLOCK;
        REAL share[BLOCK];
        for (int64_t c = 0; c < width; c++) share[c] = R(rg_div)(from[first + c], count);
        walk at = first_pixel(&p, &w);
        for (int64_t k = 0; k < w.count; k++, next_pixel(&p, &w, &at))
          R(add_to)(image + at.at + first, share, width);
      }
    }
  }
  return RUNG_OK;
}

/* Which pixel of the window is the largest, for some channels: the first of equal ones; NaN is
 * larger than any number, so that it is not lost. */
static inline void R(find)(const pool *p, const window *w, const REAL *image, int64_t first,
                           int64_t width, REAL *where) {
  REAL best[BLOCK], one = R(rg_from_double)(1.0);
  walk at = first_pixel(p, w);
  memcpy(best, image + at.at + first, (size_t)width * sizeof *best);
  for (int64_t c = 0; c < width; c++) where[c] = R(rg_from_double)(0.0);
  for (int64_t k = 1; k < w->count; k++) {
    next_pixel(p, w, &at);
    const REAL *a = image + at.at + first;
    REAL number = R(rg_from_double)((double)k);
    for (int64_t c = 0; c < width; c++) {
      REAL beats = R(rg_select)(R(rg_equal)(a[c], a[c]), R(rg_less)(best[c], a[c]), one);
      best[c] = R(rg_select)(beats, a[c], best[c]);
      where[c] = R(rg_select)(beats, number, where[c]);
    }
  }
}

/* Operand 1 where operand 0 is the largest of its window. */
static inline rung_status R(pick_body)(const rung_call *call) {
  pool p = pool_of(call, call->in_shape, call->out_shape);
  int64_t begin, end;
  rg_piece_range(call, p.images * p.out_height, &begin, &end);
  for (int64_t i = begin; i < end; i++)
    for (int64_t x = 0; x < p.out_width; x++) {
      window w = window_of(&p, i % p.out_height, x);
      int64_t at = i / p.out_height * p.image;
      const REAL *from = (const REAL *)call->in[1] + at;
      for (int64_t first = 0; first < p.channels; first += BLOCK) {
        int64_t width = p.channels - first < BLOCK ? p.channels - first : BLOCK;
        REAL *out = (REAL *)call->out + (i * p.out_width + x) * p.channels + first;
        REAL where[BLOCK];
        R(find)(&p, &w, (const REAL *)call->in[0] + at, first, width, where);
        walk pixel = first_pixel(&p, &w);
        for (int64_t k = 0; k < w.count; k++, next_pixel(&p, &w, &pixel)) {
          const REAL *b = from + pixel.at + first;
          REAL number = R(rg_from_double)((double)k);
          for (int64_t c = 0; c < width; c++)
            out[c] = R(rg_select)(R(rg_equal)(where[c], number), b[c], out[c]);
        }
      }
    }
  return RUNG_OK;
}

/* Operand 1, of the result's shape, added where operand 0 is the largest of its window. */
static inline rung_status R(place_body)(const rung_call *call) {
  pool p = pool_of(call, call->in_shape, &call->in_shape[1]);
  int64_t begin, end;
  rg_piece_range(call, p.images, &begin, &end);
  for (int64_t n = begin; n < end; n++) {
    const REAL *image = (const REAL *)call->in[0] + n * p.image;
    REAL *to = (REAL *)call->out + n * p.image;
    memset(to, 0, (size_t)p.image * sizeof *to);
    for (int64_t i = 0; i < p.out_height * p.out_width; i++) {
      window w = window_of(&p, i / p.out_width, i % p.out_width);
      const REAL *from =
          (const REAL *)call->in[1] + (n * p.out_height * p.out_width + i) * p.channels;
      for (int64_t first = 0; first < p.channels; first += BLOCK) {
        int64_t width = p.channels - first < BLOCK ? p.channels - first : BLOCK;
        REAL where[BLOCK];
        R(find)(&p, &w, image, first, width, where);
        walk pixel = first_pixel(&p, &w);
        for (int64_t k = 0; k < w.count; k++, next_pixel(&p, &w, &pixel)) {
          REAL *restrict out = to + pixel.at + first;
          REAL number = R(rg_from_double)((double)k);
          for (int64_t c = 0; c < width; c++)
            out[c] = R(rg_select)(R(rg_equal)(where[c], number), R(rg_add)(out[c], from[first + c]),
                                  out[c]);
        }
      }
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
KERNELS(average)
KERNELS(share)
KERNELS(pick)
KERNELS(place)
#undef KERNELS

#undef BLOCK
#undef REAL
#undef R
