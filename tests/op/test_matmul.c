/* Products that are cut into pieces along rows and columns: each element is still the one chain of
 * fused multiply-adds that docs/graphs.md states. */
#include "test.h"

#include <math.h>

#include "base/base.h"
#include "rung/graph.h"

static void check(rung_context *ctx, int64_t m, int64_t n, int64_t k, bool ta, bool tb) {
  rung_graph *g;
  assert_ok(ctx, rung_graph_create(ctx, &g));
  rung_node in[] = {rung_input(g, "a", 2, ta ? (int64_t[]){k, m} : (int64_t[]){m, k}),
                    rung_input(g, "b", 2, tb ? (int64_t[]){n, k} : (int64_t[]){k, n})};
  rung_node product = rung_matmul(g, in[0], in[1], ta, tb, RUNG_WORKING);
  rung_compile_options options = {.dtype = RUNG_F32};
  rung_program *program;
  void *workspace;
  assert_ok(ctx, rung_compile(g, &options, 2, in, 1, &product, &program));
  assert_ok(ctx, rung_alloc(ctx, rung_program_bytes(program), &workspace));
  float *a = malloc((size_t)(m * k) * sizeof *a), *b = malloc((size_t)(k * n) * sizeof *b);
  float *c = malloc((size_t)(m * n) * sizeof *c);
  for (int64_t i = 0; i < m * k; i++) a[i] = (float)rg_normal(1, 0, (uint64_t)i);
  for (int64_t i = 0; i < k * n; i++) b[i] = (float)rg_normal(1, 1, (uint64_t)i);
  assert_ok(ctx, rung_program_run(program, ctx, workspace, (const void *[]){a, b}, (void *[]){c}));
  for (int64_t i = 0; i < m; i += i + 8 < m ? 7 : 1)
    for (int64_t j = 0; j < n; j += j + 14 < n ? 13 : 1) {
      float sum = 0;
      for (int64_t p = 0; p < k; p++)
        sum = fmaf(ta ? a[p * m + i] : a[i * k + p], tb ? b[j * k + p] : b[p * n + j], sum);
      if (sum != c[i * n + j])
        fail_msg("[%lld,%lld] of %lldx%lldx%lld, transposed %d %d", (long long)i, (long long)j,
                 (long long)m, (long long)n, (long long)k, ta, tb);
    }
  free(a);
  free(b);
  free(c);
  rung_free(ctx, workspace);
  rung_program_destroy(program);
  rung_graph_destroy(g);
}

static void pieces_of_products_are_chains(void **state) {
  rung_context *ctx = *state;
  static const int64_t sizes[][3] = {{128, 520, 390}, {520, 130, 300}, {300, 265, 500},
                                     {97, 1030, 60},  {2000, 3, 700},  {3, 2050, 700},
                                     {259, 2049, 40}, {1, 1500, 1500}, {1500, 1, 1500}};
  for (int threads = 1; threads <= 3; threads += 2)
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
      for (int t = 0; t < 4; t++) {
        assert_ok(ctx, rung_set_threads(ctx, threads));
        check(ctx, sizes[s][0], sizes[s][1], sizes[s][2], t & 1, t & 2);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(pieces_of_products_are_chains)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
