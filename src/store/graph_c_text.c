/* The functions that exported graphs call: sums, products and the like, as text of C. They take
 * their terms in the order of the library's kernels, so that the bits agree. */
#include "store/graph_c_text.h"

static const char *const helper_text[RG_C_HELPERS] = {
    [RG_C_RELU] = "\nstatic $T rg_relu_$S($T a) {\n"
                  "  return rg_max_$S(rg_from_double_$S(0.0), a);\n"
                  "}\n",
    [RG_C_LEAKY_RELU] = "\nstatic $T rg_leaky_relu_$S($T a, $T slope) {\n"
                        "  return rg_select_$S(rg_less_$S(rg_from_double_$S(0.0), a), a, "
                        "rg_mul_$S(slope, a));\n"
                        "}\n",
    [RG_C_MATMUL] =
        "\n/* c = a b: a fused multiply-add after the other along the inner axis. Steps between\n"
        " * rows and columns tell how a and b lie. */\n"
        "static void rg_matmul(int m, int n, int k, const $T *a, int a_row, int a_column,\n"
        "    const $T *b, int b_row, int b_column, $T *c) {\n"
        "  int i, j, p;\n"
        "  for (i = 0; i < m; i++)\n"
        "    for (j = 0; j < n; j++) {\n"
        "      $T sum = rg_from_double_$S(0.0);\n"
        "      for (p = 0; p < k; p++)\n"
        "        sum = rg_muladd_$S(a[i * a_row + p * a_column], b[p * b_row + j * b_column], "
        "sum);\n"
        "      c[i * n + j] = sum;\n"
        "    }\n"
        "}\n",
#define CONV_SIZES                                                                                 \
  "    int images, int height, int width, int channels, int out_height, int out_width,\n"          \
  "    int filters, int kernel_height, int kernel_width, int stride_h, int stride_w, int top,\n"   \
  "    int left, int groups,\n"
#define CONV_ARGUMENTS                                                                             \
  CONV_SIZES "    const $T *in, const $T *w, $T *out) {\n"                                         \
             "  int c_of = channels / groups, k_of = filters / groups;\n"
    [RG_C_CONV] =
        "\n/* Convolution: in [images][height][width][channels], w [kh][kw][channels / groups]\n"
        " * [filters]. */\n"
        "static void rg_conv2d(\n" CONV_ARGUMENTS "  int n, y, x, k, i, j, c;\n"
        "  for (n = 0; n < images; n++, in += height * width * channels)\n"
        "    for (y = 0; y < out_height; y++)\n"
        "      for (x = 0; x < out_width; x++)\n"
        "        for (k = 0; k < filters; k++) {\n"
        "          $T sum = rg_from_double_$S(0.0);\n"
        "          for (i = 0; i < kernel_height; i++)\n"
        "            for (j = 0; j < kernel_width; j++) {\n"
        "              int row = y * stride_h - top + i, column = x * stride_w - left + j;\n"
        "              const $T *a, *b = w + (i * kernel_width + j) * c_of * filters + k;\n"
        "              if (row < 0 || row >= height || column < 0 || column >= width) continue;\n"
        "              a = in + (row * width + column) * channels + k / k_of * c_of;\n"
        "              for (c = 0; c < c_of; c++) sum = rg_muladd_$S(a[c], b[c * filters], sum);\n"
        "            }\n"
        "          *out++ = sum;\n"
        "        }\n"
        "}\n",
    [RG_C_CONV_TRANSPOSE] =
        "\n/* Its adjoint: in [images][out_height][out_width][filters]. */\n"
        "static void rg_conv2d_transpose(\n" CONV_ARGUMENTS "  int n, row, column, c, y, x, k;\n"
        "  for (n = 0; n < images; n++, in += out_height * out_width * filters)\n"
        "    for (row = 0; row < height; row++)\n"
        "      for (column = 0; column < width; column++)\n"
        "        for (c = 0; c < channels; c++) {\n"
        "          $T sum = rg_from_double_$S(0.0);\n"
        "          for (y = 0; y < out_height; y++)\n"
        "            for (x = 0; x < out_width; x++) {\n"
        "              int i = row + top - y * stride_h, j = column + left - x * stride_w;\n"
        "              const $T *a, *b;\n"
        "              if (i < 0 || i >= kernel_height || j < 0 || j >= kernel_width) continue;\n"
        "              a = in + (y * out_width + x) * filters + c / c_of * k_of;\n"
        "              b = w + ((i * kernel_width + j) * c_of + c % c_of) * filters + c / c_of * "
        "k_of;\n"
        "              for (k = 0; k < k_of; k++) sum = rg_muladd_$S(a[k], b[k], sum);\n"
        "            }\n"
        "          *out++ = sum;\n"
        "        }\n"
        "}\n",
    [RG_C_CONV_WEIGHTS] =
        "\n/* Its adjoint in the weights, of each sample of images or `added` over these (in the\n"
        " * order of rg_reduce_sum): y [images][out_height][out_width][filters]. */\n"
        "static void rg_conv2d_weights(int samples, int added,\n" CONV_SIZES
        "    const $T *in, const $T *y, $T *out) {\n"
        "  int c_of = channels / groups, k_of = filters / groups, s, i, j, c, k, n, row, column;\n"
        "  int x_step = height * width * channels, y_step = out_height * out_width * filters;\n"
        "  int count = kernel_height * kernel_width * c_of * filters;\n"
        "  for (i = 0; i < kernel_height; i++)\n"
        "    for (j = 0; j < kernel_width; j++)\n"
        "      for (c = 0; c < c_of; c++)\n"
        "        for (k = 0; k < filters; k++, out++) {\n"
        "          $T lane[4];\n"
        "          for (s = 0; s < 4; s++) lane[s] = rg_from_double_$S(0.0);\n"
        "          for (s = 0; s < samples; s++) {\n"
        "            $T sum = rg_from_double_$S(0.0);\n"
        "            for (n = s * images; n < (s + 1) * images; n++)\n"
        "              for (row = 0; row < out_height; row++)\n"
        "                for (column = 0; column < out_width; column++) {\n"
        "                  int v = row * stride_h - top + i, h = column * stride_w - left + j;\n"
        "                  if (v < 0 || v >= height || h < 0 || h >= width) continue;\n"
        "                  sum = rg_muladd_$S(\n"
        "                      in[n * x_step + (v * width + h) * channels + k / k_of * c_of + c],\n"
        "                      y[n * y_step + (row * out_width + column) * filters + k], sum);\n"
        "                }\n"
        "            if (added)\n"
        "              lane[s % 4] = rg_add_$S(lane[s % 4], sum);\n"
        "            else\n"
        "              out[s * count] = sum;\n"
        "          }\n"
        "          if (added)\n"
        "            *out = rg_add_$S(rg_add_$S(lane[0], lane[2]), rg_add_$S(lane[1], lane[3]));\n"
        "        }\n"
        "}\n",
    [RG_C_CONV_TURN] =
        "\n/* Kernels turned about: [taps][channels / groups][filters] to\n"
        " * [taps][filters / groups][channels]. */\n"
        "static void rg_conv2d_turn(int taps, int channels, int filters, int groups,\n"
        "    const $T *w, $T *out) {\n"
        "  int c_of = channels / groups, k_of = filters / groups, t, c, k;\n"
        "  for (t = taps - 1; t >= 0; t--)\n"
        "    for (k = 0; k < k_of; k++)\n"
        "      for (c = 0; c < channels; c++)\n"
        "        *out++ = w[(t * c_of + c % c_of) * filters + c / c_of * k_of + k];\n"
        "}\n",
#define POOL_SIZES                                                                                 \
  "int images, int height, int width, int channels, int out_height,\n"                             \
  "    int out_width, int window_h, int window_w, int stride_h, int stride_w, int top,\n"          \
  "    int left,\n"
#define CLEAR                                                                                      \
  "  for (i = 0; i < images * height * width * channels; i++) out[i] = rg_from_double_$S(0.0);\n"
#define POOL(name, combine, end)                                                                   \
  "\n/* Pooling: in [images][height][width][channels]; windows count pixels within the image. "    \
  "*/\n"                                                                                           \
  "static void " name "(" POOL_SIZES "    const $T *in, $T *out) {\n"                              \
  "  int n, y, x, c, i, j, count;\n"                                                               \
  "  for (n = 0; n < images; n++, in += height * width * channels)\n"                              \
  "    for (y = 0; y < out_height; y++)\n"                                                         \
  "      for (x = 0; x < out_width; x++)\n"                                                        \
  "        for (c = 0; c < channels; c++) {\n"                                                     \
  "          $T all = rg_from_double_$S(0.0);\n"                                                   \
  "          for (i = 0, count = 0; i < window_h; i++)\n"                                          \
  "            for (j = 0; j < window_w; j++) {\n"                                                 \
  "              int row = y * stride_h - top + i, column = x * stride_w - left + j;\n"            \
  "              $T a;\n"                                                                          \
  "              if (row < 0 || row >= height || column < 0 || column >= width) continue;\n"       \
  "              a = in[(row * width + column) * channels + c];\n"                                 \
  "              all = count++ ? " combine "(all, a) : a;\n"                                       \
  "            }\n"                                                                                \
  "          *out++ = " end ";\n"                                                                  \
  "        }\n"                                                                                    \
  "}\n"
    [RG_C_AVERAGE_POOL] =
        POOL("rg_average_pool2d", "rg_add_$S", "rg_div_$S(all, rg_from_double_$S((double)count))"),
    [RG_C_MAX_POOL] = POOL("rg_max_pool2d", "rg_max_$S", "all"),
    [RG_C_AVERAGE_POOL_ADJOINT] =
        "\n/* Its adjoint: in [images][out_height][out_width][channels]. */\n"
        "static void rg_average_pool2d_adjoint(" POOL_SIZES "    const $T *in, $T *out) {\n"
        "  int n, y, x, c, i, j;\n" CLEAR
        "  for (n = 0; n < images; n++, out += height * width * channels)\n"
        "    for (y = 0; y < out_height; y++)\n"
        "      for (x = 0; x < out_width; x++)\n"
        "        for (c = 0; c < channels; c++, in++) {\n"
        "          int count = 0, pass;\n"
        "          for (pass = 0; pass < 2; pass++)\n"
        "            for (i = 0; i < window_h; i++)\n"
        "              for (j = 0; j < window_w; j++) {\n"
        "                int row = y * stride_h - top + i, column = x * stride_w - left + j;\n"
        "                $T *to = out + (row * width + column) * channels + c;\n"
        "                if (row < 0 || row >= height || column < 0 || column >= width) continue;\n"
        "                if (pass)\n"
        "                  *to = rg_add_$S(*to, rg_div_$S(*in, "
        "rg_from_double_$S((double)count)));\n"
        "                else\n"
        "                  count++;\n"
        "              }\n"
        "        }\n"
        "}\n",
    [RG_C_MAX_POOL_ADJOINT] =
        "\n/* y [images][out_height][out_width][channels] to where `in` is the largest of its\n"
        " * window: the first of equal ones; NaN is larger than any number. */\n"
        "static void rg_max_pool2d_adjoint(" POOL_SIZES
        "    const $T *in, const $T *from, $T *out) {\n"
        "  int n, y, x, c, i, j;\n" CLEAR
        "  for (n = 0; n < images; n++, in += height * width * channels,\n"
        "      out += height * width * channels)\n"
        "    for (y = 0; y < out_height; y++)\n"
        "      for (x = 0; x < out_width; x++)\n"
        "        for (c = 0; c < channels; c++, from++) {\n"
        "          int best = -1;\n"
        "          for (i = 0; i < window_h; i++)\n"
        "            for (j = 0; j < window_w; j++) {\n"
        "              int row = y * stride_h - top + i, column = x * stride_w - left + j;\n"
        "              int at = (row * width + column) * channels + c;\n"
        "              if (row < 0 || row >= height || column < 0 || column >= width) continue;\n"
        "              if (best < 0 || rg_to_double_$S(rg_equal_$S(in[at], in[at])) == 0.0 ||\n"
        "                  rg_to_double_$S(rg_less_$S(in[best], in[at])) != 0.0)\n"
        "                best = at;\n"
        "            }\n"
        "          out[best] = rg_add_$S(out[best], *from);\n"
        "        }\n"
        "}\n",
#define REDUCTION(name, combine)                                                                   \
  "\n/* [outer][length][inner] to [outer][inner]. */\n"                                            \
  "static void " name "(int outer, int length, int inner, const $T *a, $T *out) {\n"               \
  "  int o, l, i;\n"                                                                               \
  "  for (o = 0; o < outer; o++, a += length * inner, out += inner)\n"                             \
  "    for (i = 0; i < inner; i++) {\n"                                                            \
  "      $T all = a[i];\n"                                                                         \
  "      for (l = 1; l < length; l++) all = " combine "(all, a[l * inner + i]);\n"                 \
  "      out[i] = all;\n"                                                                          \
  "    }\n"                                                                                        \
  "}\n"
    [RG_C_REDUCE_SUM] = /* the order of src/op/reducer.h */
    "\n/* Every step-th element: lanes take rows in turn and are added as a tree, as are blocks. "
    "*/\n"
    "static $T rg_sum_rows(const $T *a, int rows, int step, int block, int lanes) {\n"
    "  $T lane[64];\n"
    "  int i, left = block;\n"
    "  if (rows > block) {\n"
    "    while (2 * left < rows) left *= 2;\n"
    "    return rg_add_$S(rg_sum_rows(a, left, step, block, lanes),\n"
    "        rg_sum_rows(a + left * step, rows - left, step, block, lanes));\n"
    "  }\n"
    "  for (i = 0; i < lanes; i++) lane[i] = rg_from_double_$S(0.0);\n"
    "  for (i = 0; i < rows; i++) lane[i % lanes] = rg_add_$S(lane[i % lanes], a[i * step]);\n"
    "  for (lanes /= 2; lanes >= 1; lanes /= 2)\n"
    "    for (i = 0; i < lanes; i++) lane[i] = rg_add_$S(lane[i], lane[i + lanes]);\n"
    "  return lane[0];\n"
    "}\n"
    "\n/* [outer][length][inner] to [outer][inner]. */\n"
    "static void rg_reduce_sum(int outer, int length, int inner, const $T *a, $T *out) {\n"
    "  int o, i, block = inner == 1 ? 1024 : 128, lanes = inner == 1 ? 64 : 4;\n"
    "  for (o = 0; o < outer; o++, a += length * inner)\n"
    "    for (i = 0; i < inner; i++) *out++ = rg_sum_rows(a + i, length, inner, block, lanes);\n"
    "}\n",
    [RG_C_REDUCE_MAX] = REDUCTION("rg_reduce_max", "rg_max_$S"),
    [RG_C_REDUCE_MIN] = REDUCTION("rg_reduce_min", "rg_min_$S"),
    [RG_C_MOMENTS] = /* the order of src/op/moments_template.h */
    "\n/* Mean and sum of squares about it, of more elements joined to those of `have`. */\n"
    "static void rg_join(int have, $T *mean, $T *m2, int more, $T mean_b, $T m2_b) {\n"
    "  $T share = rg_div_$S(rg_from_double_$S((double)more),\n"
    "      rg_from_double_$S((double)(have + more)));\n"
    "  $T cross = rg_mul_$S(share, rg_from_double_$S((double)have));\n"
    "  $T d = rg_sub_$S(mean_b, *mean);\n"
    "  *mean = rg_muladd_$S(d, share, *mean);\n"
    "  *m2 = rg_muladd_$S(rg_mul_$S(d, d), cross, rg_add_$S(*m2, m2_b));\n"
    "}\n"
    "\n/* Of x, or of the squares of x - mean, every step-th: eight at a time as a tree. */\n"
    "static $T rg_moment(const $T *a, int rows, int step, int squares, $T mean) {\n"
    "  $T sum = rg_from_double_$S(0.0), x[8];\n"
    "  int i, j, width;\n"
    "  for (i = 0; i < rows; i += width) {\n"
    "    width = rows - i < 8 ? 1 : 8;\n"
    "    for (j = 0; j < width; j++) {\n"
    "      x[j] = a[(i + j) * step];\n"
    "      if (!squares) continue;\n"
    "      x[j] = rg_sub_$S(x[j], mean);\n"
    "      x[j] = rg_mul_$S(x[j], x[j]);\n"
    "    }\n"
    "    for (j = 1; j < width; j *= 2) {\n"
    "      int k;\n"
    "      for (k = 0; k < width; k += 2 * j) x[k] = rg_add_$S(x[k], x[k + j]);\n"
    "    }\n"
    "    sum = rg_add_$S(sum, x[0]);\n"
    "  }\n"
    "  return sum;\n"
    "}\n"
    "\nstatic void rg_moments_column(const $T *a, int rows, int step, $T *mean, $T *m2) {\n"
    "  int begin, n;\n"
    "  *mean = *m2 = rg_from_double_$S(0.0);\n"
    "  for (begin = 0; begin < rows; begin += n) {\n"
    "    $T m;\n"
    "    n = rows - begin < 128 ? rows - begin : 128;\n"
    "    m = rg_div_$S(rg_moment(a + begin * step, n, step, 0, *mean),\n"
    "        rg_from_double_$S((double)n));\n"
    "    rg_join(begin, mean, m2, n, m, rg_moment(a + begin * step, n, step, 1, m));\n"
    "  }\n"
    "}\n"
    "\n/* One run of elements: rows of 32, whose columns are joined. */\n"
    "static void rg_moments_run(const $T *a, int n, $T *mean, $T *m2) {\n"
    "  int rows = n / 32, done = 0, j;\n"
    "  $T m, q;\n"
    "  *mean = a[0];\n"
    "  *m2 = rg_from_double_$S(0.0);\n"
    "  for (j = 0; rows > 0 && j < 32; j++, done += rows) {\n"
    "    rg_moments_column(a + j, rows, 32, &m, &q);\n"
    "    if (j > 0)\n"
    "      rg_join(done, mean, m2, rows, m, q);\n"
    "    else\n"
    "      *mean = m, *m2 = q;\n"
    "  }\n"
    "  for (done = done ? done : 1; done < n; done++)\n"
    "    rg_join(done, mean, m2, 1, a[done], rg_from_double_$S(0.0));\n"
    "}\n"
    "\n/* Chunks of `each` rows of [outer][length][inner] to [chunk][2][outer][inner]. */\n"
    "static void rg_moments_of_chunks(int outer, int length, int inner, int each, const $T *a,\n"
    "    $T *out) {\n"
    "  int begin, o, i;\n"
    "  for (begin = 0; begin < length; begin += each, out += 2 * outer * inner) {\n"
    "    int rows = length - begin < each ? length - begin : each;\n"
    "    for (o = 0; o < outer; o++)\n"
    "      for (i = 0; i < inner; i++) {\n"
    "        const $T *from = a + (o * length + begin) * inner + i;\n"
    "        $T *mean = out + o * inner + i, *m2 = mean + outer * inner;\n"
    "        if (inner == 1)\n"
    "          rg_moments_run(from, rows, mean, m2);\n"
    "        else\n"
    "          rg_moments_column(from, rows, inner, mean, m2);\n"
    "      }\n"
    "  }\n"
    "}\n"
    "\n/* Chunks joined: mean and variance of `width` = outer * inner. */\n"
    "static void rg_moments(int width, int length, int each, const $T *chunk, $T *out) {\n"
    "  int have, i;\n"
    "  for (i = 0; i < 2 * width; i++) out[i] = chunk[i];\n"
    "  for (have = each; have < length; have += each) {\n"
    "    chunk += 2 * width;\n"
    "    for (i = 0; i < width; i++)\n"
    "      rg_join(have, out + i, out + width + i, length - have < each ? length - have : each,\n"
    "          chunk[i], chunk[width + i]);\n"
    "  }\n"
    "  for (i = width; i < 2 * width; i++)\n"
    "    out[i] = rg_div_$S(out[i], rg_from_double_$S((double)length));\n"
    "}\n",
    [RG_C_LANES] = "\n/* Eight lanes as a tree. */\n"
                   "static $T rg_lanes_sum($T *lane) {\n"
                   "  int half, j;\n"
                   "  for (half = 4; half >= 1; half /= 2)\n"
                   "    for (j = 0; j < half; j++) lane[j] = rg_add_$S(lane[j], lane[j + half]);\n"
                   "  return lane[0];\n"
                   "}\n"
                   "\nstatic $T rg_row_max(int classes, const $T *a) {\n"
                   "  $T most = a[0];\n"
                   "  int k;\n"
                   "  for (k = 1; k < classes; k++) most = rg_max_$S(most, a[k]);\n"
                   "  return most;\n"
                   "}\n",
    [RG_C_CROSS_ENTROPY] = /* the order of src/op/softmax_template.h, as the next */
    "\n/* Of rows of scores with labels, which must be within the classes. */\n"
    "static void rg_cross_entropy(int rows, int classes, $T smoothing, const $T *a,\n"
    "    const $T *label, $T *out) {\n"
    "  $T zero = rg_from_double_$S(0.0), one = rg_from_double_$S(1.0), lane[8], z_lane[8];\n"
    "  $T share = rg_div_$S(smoothing, rg_from_double_$S((double)classes));\n"
    "  int r, k;\n"
    "  for (r = 0; r < rows; r++, a += classes) {\n"
    "    $T most = rg_row_max(classes, a), ones = rg_from_double_$S(-1.0), gap;\n"
    "    for (k = 0; k < 8; k++) lane[k] = z_lane[k] = zero;\n"
    "    for (k = 0; k < classes; k++) {\n"
    "      $T z = rg_sub_$S(a[k], most), e = rg_exp_$S(z), below = rg_less_$S(e, one);\n"
    "      ones = rg_add_$S(ones, rg_sub_$S(one, below));\n"
    "      e = rg_select_$S(below, e, rg_sub_$S(e, one));\n"
    "      lane[k % 8] = rg_add_$S(lane[k % 8], e);\n"
    "      z_lane[k % 8] = rg_add_$S(z_lane[k % 8], z);\n"
    "    }\n"
    "    gap = rg_sub_$S(zero, rg_sub_$S(a[(int)rg_to_double_$S(label[r])], most));\n"
    "    gap = rg_mul_$S(rg_sub_$S(one, smoothing), gap);\n"
    "    if (rg_to_double_$S(smoothing) != 0.0)\n"
    "      gap = rg_sub_$S(gap, rg_mul_$S(share, rg_lanes_sum(z_lane)));\n"
    "    out[r] = rg_add_$S(rg_log1p_$S(rg_add_$S(rg_lanes_sum(lane), ones)), gap);\n"
    "  }\n"
    "}\n",
    [RG_C_CROSS_ENTROPY_SLOPE] =
        "\n/* Its derivative by the scores. */\n"
        "static void rg_cross_entropy_slope(int rows, int classes, $T smoothing, const $T *a,\n"
        "    const $T *label, $T *out) {\n"
        "  $T share = rg_div_$S(smoothing, rg_from_double_$S((double)classes)), lane[8];\n"
        "  int r, k;\n"
        "  for (r = 0; r < rows; r++, a += classes, out += classes) {\n"
        "    int at = (int)rg_to_double_$S(label[r]);\n"
        "    $T most = rg_row_max(classes, a), there, others, inverse;\n"
        "    for (k = 0; k < 8; k++) lane[k] = rg_from_double_$S(0.0);\n"
        "    for (k = 0; k < classes; k++) out[k] = rg_exp_$S(rg_sub_$S(a[k], most));\n"
        "    there = out[at];\n"
        "    out[at] = rg_from_double_$S(0.0);\n"
        "    for (k = 0; k < classes; k++) lane[k % 8] = rg_add_$S(lane[k % 8], out[k]);\n"
        "    others = rg_lanes_sum(lane);\n"
        "    inverse = rg_reciprocal_$S(rg_add_$S(others, there));\n"
        "    for (k = 0; k < classes; k++) out[k] = rg_sub_$S(rg_mul_$S(out[k], inverse), share);\n"
        "    out[at] = rg_sub_$S(rg_sub_$S(smoothing, share), rg_mul_$S(others, inverse));\n"
        "  }\n"
        "}\n",
};

void rg_graph_c_helpers(const rg_c_needs *needs, rg_text *code) {
  for (int i = 0; i < RG_C_HELPERS; i++)
    if (needs->helpers >> i & 1) rg_text_add(code, helper_text[i]);
}
