/* Gradient descent with momentum mu (Polyak 1964):
 *
 *   v = mu v + g        theta -= rate * v. */
#include "optim/descent.h"

static void update(rung_graph *g, const rung_training *training, rung_node theta,
                   rung_node gradient, const rung_node *state, const rung_node *scalar,
                   rung_node *next_theta, rung_node *next_state) {
  rung_node scaled = rung_mul(g, scalar[RG_DESCENT_SCALE], gradient);
  rung_node kept = rung_mul(g, rung_constant(g, training->momentum), state[0]);
  next_state[0] = rung_add(g, kept, scaled);
  *next_theta = rg_descend(g, theta, scalar, rung_mul(g, scalar[RG_DESCENT_RATE], next_state[0]));
}

const rg_descent rg_descent_momentum = {"momentum", 0.05, 1, {"velocity"}, update};
