/* Outputs in the place of inputs: the same bits as with arrays of their own, whatever the graph. */
#include "test.h"

#include "base/base.h"
#include "rung/graph.h"

#define DIMS(...)                                                                                  \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) {                   \
    __VA_ARGS__                                                                                    \
  }

enum { MOST = 8 };

/* A compiled case and what its runs gave. */
typedef struct update {
  rung_context *ctx;
  rung_graph *g;
  int inputs, outputs, shared;
  rung_node input[MOST], output[MOST];
  int share[MOST][2];
  rung_dtype dtype;
  size_t bytes; /* of workspace */
  int steps;
} update;

static size_t bytes_of(const update *u, rung_node node) {
  rung_shape shape = rung_node_shape(u->g, node);
  return (size_t)rung_shape_count(&shape) * rung_dtype_size(u->dtype);
}

static void *values(const update *u, int i) {
  size_t count = bytes_of(u, u->input[i]) / rung_dtype_size(u->dtype);
  char *array = malloc(bytes_of(u, u->input[i]));
  for (size_t k = 0; k < count; k++) {
    double v = rg_normal(3, (uint64_t)i, k);
    if (u->dtype == RUNG_F32) ((float *)(void *)array)[k] = (float)v;
    if (u->dtype == RUNG_F64) ((double *)(void *)array)[k] = v;
    if (u->dtype == RUNG_DD) ((rung_dd *)(void *)array)[k] = (rung_dd){v, 0};
  }
  return array;
}

/* Runs the program with the pairs on one array or on two; what it gave is left in result[]. */
static void run(update *u, bool same, void **result) {
  rung_compile_options options = {.dtype = u->dtype, .shared = u->shared, .share = u->share};
  rung_program *program;
  assert_ok(u->ctx,
            rung_compile(u->g, &options, u->inputs, u->input, u->outputs, u->output, &program));
  u->bytes = rung_program_bytes(program);
  u->steps = rung_program_steps(program);
  void *workspace, *in[MOST], *out[MOST];
  bool taken[MOST] = {false};
  assert_ok(u->ctx, rung_alloc(u->ctx, u->bytes, &workspace));
  for (int i = 0; i < u->inputs; i++) in[i] = values(u, i);
  for (int o = 0; o < u->outputs; o++) out[o] = malloc(bytes_of(u, u->output[o]));
  for (int k = 0; same && k < u->shared; k++) {
    free(out[u->share[k][0]]);
    out[u->share[k][0]] = in[u->share[k][1]];
    taken[u->share[k][1]] = true;
  }
  assert_ok(u->ctx, rung_program_run(program, u->ctx, workspace, (const void *const *)in, out));
  for (int i = 0; i < u->inputs; i++)
    if (!taken[i]) free(in[i]);
  for (int o = 0; o < u->outputs; o++) result[o] = out[o];
  rung_free(u->ctx, workspace);
  rung_program_destroy(program);
}

/* The results of both ways agree. */
static void check(update *u) {
  void *apart[MOST] = {NULL}, *same[MOST] = {NULL};
  run(u, false, apart);
  run(u, true, same);
  for (int o = 0; o < u->outputs; o++) {
    assert_memory_equal(apart[o], same[o], bytes_of(u, u->output[o]));
    free(apart[o]);
    free(same[o]);
  }
}

static update new_update(rung_context *ctx) {
  update u = {.ctx = ctx, .dtype = RUNG_F64};
  assert_ok(ctx, rung_graph_create(ctx, &u.g));
  return u;
}

static void share(update *u, int output, int input) {
  u->share[u->shared][0] = output;
  u->share[u->shared++][1] = input;
}

/* Adam: parameters and both moments in place, one pass, no memory beside the arrays. */
static void an_optimiser_updates_in_place(void **state) {
  update u = new_update(*state);
  rung_graph *g = u.g;
  for (int i = 0; i < 4; i++) u.input[u.inputs++] = rung_input(g, "state", DIMS(100, 300));
  rung_node p = u.input[0], m = u.input[1], v = u.input[2], d = u.input[3];
  rung_node m2 =
      rung_add(g, rung_mul(g, m, rung_constant(g, 0.9)), rung_mul(g, d, rung_constant(g, 0.1)));
  rung_node v2 = rung_add(g, rung_mul(g, v, rung_constant(g, 0.99)),
                          rung_mul(g, rung_mul(g, d, d), rung_constant(g, 0.01)));
  rung_node root = rung_add(g, rung_sqrt(g, rung_abs(g, v2)), rung_constant(g, 1e-8));
  u.output[0] = rung_sub(g, p, rung_div(g, m2, root));
  u.output[1] = m2;
  u.output[2] = v2;
  u.outputs = 3;
  for (int k = 0; k < 3; k++) share(&u, k, k);
  check(&u);
  assert_int_equal(u.steps, 1);
  assert_true(u.bytes < 200 * 1024); /* tile registers of the threads; an array has 240,000 bytes */
  rung_graph_destroy(g);
}

/* Reversible layers: Z -= K'tanh(K Y); Y += tanh(K'Z), each in the place of the old one. */
static void states_are_updated_in_place(void **state) {
  update u = new_update(*state);
  rung_graph *g = u.g;
  u.input[0] = rung_input(g, "Y", DIMS(50, 40));
  u.input[1] = rung_input(g, "Z", DIMS(50, 40));
  u.input[2] = rung_input(g, "K", DIMS(40, 40));
  u.inputs = 3;
  rung_node k = u.input[2];
  rung_node z = rung_sub(g, u.input[1], rung_tanh(g, rung_matmul(g, u.input[0], k, 0, 0, 0)));
  rung_node y = rung_add(g, u.input[0], rung_tanh(g, rung_matmul(g, z, k, 0, 1, 0)));
  u.output[0] = y;
  u.output[1] = z;
  u.outputs = 2;
  share(&u, 0, 0);
  share(&u, 1, 1);
  check(&u);
  assert_int_equal(u.steps, 4); /* two products, two sums: nothing is copied */
  rung_graph_destroy(g);
}

/* Leapfrog: Y' = 2Y - Z - sin Y; Z' = Y. And an exchange, and turning round in a ring. */
static void inputs_may_become_outputs(void **state) {
  update u = new_update(*state);
  rung_graph *g = u.g;
  for (int i = 0; i < 3; i++) u.input[u.inputs++] = rung_input(g, "state", DIMS(3000));
  u.output[0] = rung_sub(g, rung_sub(g, rung_mul(g, rung_constant(g, 2), u.input[0]), u.input[1]),
                         rung_sin(g, u.input[0]));
  u.output[1] = u.input[0];
  u.outputs = 2;
  share(&u, 0, 0);
  share(&u, 1, 1);
  check(&u);
  assert_int_equal(u.steps, 1);
  u.output[0] = u.input[1];
  check(&u);
  for (int i = 0; i < 3; i++) u.output[i] = u.input[(i + 1) % 3];
  u.outputs = 3;
  share(&u, 2, 2);
  check(&u);
  u.output[0] = u.output[1] = u.output[2] = u.input[0]; /* one of them stays as it is */
  check(&u);
  u.output[1] = rung_reshape(g, u.input[2], DIMS(30, 100));
  u.output[2] = rung_slice(g, rung_concat(g, 2, u.input + 1, 0), 0, 1500, 3000, 1);
  check(&u);
  rung_graph_destroy(g);
}

/* Where the input is needed in other places than those written: by products, sums, other shapes. */
static void an_input_is_read_before_it_is_lost(void **state) {
  update u = new_update(*state);
  rung_graph *g = u.g;
  u.input[0] = rung_input(g, "a", DIMS(48, 48));
  u.input[1] = rung_input(g, "row", DIMS(48));
  u.inputs = 2;
  rung_node a = u.input[0], row = u.input[1], across = rung_transpose(g, a, (int[]){1, 0});
  rung_node doubled = rung_add(g, a, a);
  share(&u, 0, 0);
  share(&u, 1, 1);
  u.outputs = 3;
  rung_node first[] = {rung_matmul(g, a, a, 0, 1, 0), across, rung_add(g, a, row), doubled,
                       rung_sub(g, rung_mul(g, a, row), rung_sum(g, a, 1, 1))};
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 5; j++) {
      u.output[0] = first[i];
      u.output[1] = rung_add(g, row, rung_sum(g, first[j], 1, 0));
      u.output[2] = rung_tanh(g, rung_add(g, first[(i + j) % 5], a));
      check(&u);
      u.output[1] = rung_sum(g, first[j], 1, 0);
      u.output[2] = rung_mul(g, a, u.output[0]);
      check(&u);
    }
  rung_graph_destroy(g);
}

/* Graphs drawn at random: elementwise ops, sums, products, transposes, outputs anywhere. */
static rung_node draw(rung_graph *g, int step, uint64_t seed, const rung_node *pool, int size) {
  uint64_t bits = rg_bits(seed, 5, (uint64_t)step);
  rung_node a = pool[bits % (uint64_t)size], b = pool[(bits >> 16) % (uint64_t)size];
  switch ((bits >> 32) % 8) {
  case 0:
    return rung_matmul(g, a, b, 0, 1, RUNG_WORKING);
  case 1:
    return rung_add(g, b, rung_sum(g, a, 1, 1));
  case 2:
    return rung_transpose(g, a, (int[]){1, 0});
  case 3:
    return rung_tanh(g, a);
  case 4:
    return rung_sub(g, rung_sum(g, a, 2, 1), rung_mul(g, b, a));
  default:
    return rung_add(g, a, rung_sin(g, b));
  }
}

static void random_graphs_agree(void **state) {
  for (uint64_t seed = 0; seed < 150; seed++) {
    update u = new_update(*state);
    rung_node pool[24];
    int size = 0;
    u.dtype = (rung_dtype)(seed % 3);
    for (; size < 4; size++) u.input[u.inputs++] = pool[size] = rung_input(u.g, "x", DIMS(37, 37));
    for (; size < 24; size++) pool[size] = draw(u.g, size, seed, pool, size);
    u.outputs = 4;
    for (int o = 0; o < 4; o++) {
      u.output[o] = pool[rg_bits(seed, 6, (uint64_t)o) % 24];
      share(&u, o, (int)(((uint64_t)o + seed) % 4));
    }
    check(&u);
    rung_graph_destroy(u.g);
  }
}

static void impossible_pairs_are_told(void **state) {
  rung_context *ctx = *state;
  update u = new_update(ctx);
  rung_node in[] = {rung_input(u.g, "a", DIMS(4)), rung_input(u.g, "b", DIMS(5))};
  rung_node out[] = {rung_neg(u.g, in[0]), rung_neg(u.g, in[1])};
  rung_program *program;
  rung_compile_options o = {.dtype = RUNG_F64, .shared = 1, .share = (const int[][2]){{0, 1}}};
  assert_error(ctx, rung_compile(u.g, &o, 2, in, 2, out, &program), RUNG_E_SHAPE,
               "output 0 is [4], but the input it shares is [5]");
  o.share = (const int[][2]){{2, 0}};
  assert_error(ctx, rung_compile(u.g, &o, 2, in, 2, out, &program), RUNG_E_ARGUMENT,
               "pair 0 shares output 2 and input 0, but there are 2 and 2");
  o.share = (const int[][2]){{0, -1}};
  assert_error(ctx, rung_compile(u.g, &o, 2, in, 2, out, &program), RUNG_E_ARGUMENT, "pair 0");
  o.shared = 2;
  o.share = (const int[][2]){{0, 0}, {1, 0}};
  assert_error(ctx, rung_compile(u.g, &o, 2, in, 2, out, &program), RUNG_E_ARGUMENT,
               "shared in pair 0 and in pair 1");
  rung_graph_destroy(u.g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_optimiser_updates_in_place), TEST(states_are_updated_in_place),
      TEST(inputs_may_become_outputs),     TEST(an_input_is_read_before_it_is_lost),
      TEST(random_graphs_agree),           TEST(impossible_pairs_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
