/* Adam with decoupled weight decay (Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv
 * 1711.05101): steps by running means of the gradient and of its square,
 *
 *   m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g^2
 *   theta -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon). */
#include "optim/descent.h"

static rung_node running_mean(rung_graph *g, double decay, rung_node mean, rung_node value) {
  return rung_add(g, rung_mul(g, rung_constant(g, decay), mean),
                  rung_mul(g, rung_constant(g, 1 - decay), value));
}

static void update(rung_graph *g, const rung_training *training, rung_node theta,
                   rung_node gradient, const rung_node *state, const rung_node *scalar,
                   rung_node *next_theta, rung_node *next_state) {
  rung_node scaled = rung_mul(g, scalar[RG_DESCENT_SCALE], gradient);
  next_state[0] = running_mean(g, training->decay1, state[0], scaled);
  next_state[1] = running_mean(g, training->decay2, state[1], rung_mul(g, scaled, scaled));
  rung_node unbiased = rung_mul(g, next_state[1], rung_reciprocal(g, scalar[RG_DESCENT_SECOND]));
  rung_node root = rung_sqrt(g, unbiased);
  rung_node below = rung_add(g, root, rung_constant(g, training->epsilon));
  rung_node rate = rung_div(g, scalar[RG_DESCENT_RATE], scalar[RG_DESCENT_FIRST]);
  rung_node change = rung_div(g, rung_mul(g, rate, next_state[0]), below);
  *next_theta = rg_descend(g, theta, scalar, change);
}

const rg_descent rg_descent_adamw = {"adamw", 1e-3, 2, {"mean", "mean_square"}, update};
