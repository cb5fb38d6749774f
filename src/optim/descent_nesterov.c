/* Momentum that looks ahead (Nesterov 1983), in the form of Sutskever et al. (ICML 2013) with the
 * variable moved to where the gradient is taken:
 *
 *   v = mu v + g        theta -= rate * (g + mu v). */
#include "optim/descent.h"

static void update(rung_graph *g, const rung_training *training, rung_node theta,
                   rung_node gradient, const rung_node *state, const rung_node *scalar,
                   rung_node *next_theta, rung_node *next_state) {
  rung_node mu = rung_constant(g, training->momentum);
  rung_node scaled = rung_mul(g, scalar[RG_DESCENT_SCALE], gradient);
  next_state[0] = rung_add(g, rung_mul(g, mu, state[0]), scaled);
  rung_node ahead = rung_add(g, scaled, rung_mul(g, mu, next_state[0]));
  *next_theta = rg_descend(g, theta, scalar, rung_mul(g, scalar[RG_DESCENT_RATE], ahead));
}

const rg_descent rg_descent_nesterov = {"nesterov", 0.05, 1, {"velocity"}, update};
