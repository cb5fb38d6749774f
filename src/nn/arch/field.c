/* Right-hand sides of layers as steps of an ODE. K of features is a matrix, of images a
 * convolution; s is the activation, N the normalisation or a shift b (rg_bent). Sources: Haber and
 * Ruthotto, arXiv 1705.03341 (antisymmetric, one-layer Hamiltonian, leapfrog); Ruthotto and Haber,
 * 1804.04272 (parabolic, second-order); Chang et al., 1709.03698 (two-layer Hamiltonian). */
#include <string.h>

#include "nn/arch/arch.h"

/* A map among the channels of x. */
static rg_linear square(const rg_builder *b, const char *name, rung_node x) {
  const rg_block *block = rg_builder_block(b);
  int64_t channels = rg_channels(rg_builder_graph(b), x);
  return (rg_linear){.name = name,
                     .from = channels,
                     .to = channels,
                     .kernel = block->settings.kernel,
                     .stride = 1,
                     .size = rg_begin_size(block),
                     .alike = !strcmp(block->settings.norm, "none")};
}

/* resnet: features s(N(K Y)); images K2 s(N(K1 Y)). */
static rung_node resnet_rate(rg_builder *b, int which, rung_node y) {
  (void)which;
  if (rung_node_shape(rg_builder_graph(b), y).rank != 4) {
    rg_linear k = square(b, "K", y);
    return rg_bent(b, "", rg_linear_apply(b, &k, y));
  }
  rg_linear k1 = square(b, "K1", y), k2 = square(b, "K2", y);
  return rg_linear_apply(b, &k2, rg_bent(b, "", rg_linear_apply(b, &k1, y)));
}

/* bottleneck: K3 s(N(K2 s(N(K1 Y)))), K1 and K3 of edge 1, a quarter of the channels between. */
static rung_node bottleneck_rate(rg_builder *b, int which, rung_node y) {
  (void)which;
  rg_linear k1 = square(b, "K1", y), k2 = square(b, "K2", y), k3 = square(b, "K3", y);
  k1.kernel = k3.kernel = 1;
  k1.to = k2.from = k2.to = k3.from = (k1.from + 3) / 4;
  rung_node inner = rg_bent(b, "1", rg_linear_apply(b, &k1, y));
  inner = rg_bent(b, "2", rg_linear_apply(b, &k2, inner));
  return rg_linear_apply(b, &k3, inner);
}

/* antisymmetric: s(N((K - K' - gamma I) Y)). */
static rung_node antisymmetric_rate(rg_builder *b, int which, rung_node y) {
  (void)which;
  rung_graph *g = rg_builder_graph(b);
  rg_linear k = square(b, "K", y);
  rung_node turned = rg_antisymmetric_apply(b, &k, y);
  rung_node damped = rung_mul(g, rung_constant(g, rg_builder_block(b)->settings.gamma), y);
  return rg_bent(b, "", rung_sub(g, turned, damped));
}

/* -K' s(N(K Y)): its Jacobian -K' diag(s') K is symmetric and not positive. */
static rung_node sink(rg_builder *b, const char *name, const char *suffix, rung_node y) {
  rg_linear k = square(b, name, y);
  rung_node inner = rg_bent(b, suffix, rg_linear_apply(b, &k, y));
  return rung_neg(rg_builder_graph(b), rg_linear_adjoint(b, &k, inner));
}

static rung_node parabolic_rate(rg_builder *b, int which, rung_node y) {
  (void)which;
  return sink(b, "K", "", y);
}

/* hamiltonian, one layer: Z' = -s(N1(K' Y)), Y' = s(N2(K Z)). */
static rung_node hamiltonian_rate(rg_builder *b, int which, rung_node source) {
  rg_linear k = square(b, "K", source);
  if (which == 0) return rg_bent(b, "2", rg_linear_apply(b, &k, source));
  return rung_neg(rg_builder_graph(b), rg_bent(b, "1", rg_linear_adjoint(b, &k, source)));
}

/* Two layers: Z' = K1' s(N1(K1 Y)), Y' = -K2' s(N2(K2 Z)). */
static rung_node hamiltonian_two_rate(rg_builder *b, int which, rung_node source) {
  if (which == 0) return sink(b, "K2", "2", source);
  return rung_neg(rg_builder_graph(b), sink(b, "K1", "1", source));
}

/* leapfrog: Y'' = -K' s(N(K Y)), as Y' = V, V' = ... */
static rung_node leapfrog_rate(rg_builder *b, int which, rung_node source) {
  return which == 0 ? source : sink(b, "K", "", source);
}

const rg_field rg_field_resnet = {
    .name = "resnet", .states = RG_ONE, .integrator = "euler", .rate = resnet_rate};
const rg_field rg_field_bottleneck = {.name = "bottleneck",
                                      .states = RG_ONE,
                                      .integrator = "euler",
                                      .images_only = true,
                                      .rate = bottleneck_rate};
const rg_field rg_field_antisymmetric = {
    .name = "antisymmetric", .states = RG_ONE, .integrator = "euler", .rate = antisymmetric_rate};
const rg_field rg_field_parabolic = {.name = "parabolic",
                                     .states = RG_ONE,
                                     .integrator = "euler",
                                     .decays = true,
                                     .rate = parabolic_rate};
const rg_field rg_field_hamiltonian = {
    .name = "hamiltonian", .states = RG_HALVES, .integrator = "verlet", .rate = hamiltonian_rate};
const rg_field rg_field_hamiltonian_two = {.name = "hamiltonian-two",
                                           .states = RG_HALVES,
                                           .integrator = "verlet",
                                           .rate = hamiltonian_two_rate};
const rg_field rg_field_leapfrog = {
    .name = "leapfrog", .states = RG_VELOCITY, .integrator = "leapfrog", .rate = leapfrog_rate};
const rg_field rg_field_midpoint = {
    .name = "midpoint", .states = RG_ONE, .integrator = "midpoint", .rate = antisymmetric_rate};
