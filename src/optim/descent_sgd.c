/* Gradient descent: theta -= rate * g, and weight decay apart from it (Loshchilov and Hutter,
 * arXiv 1711.05101). */
#include "optim/descent.h"

static void update(rung_graph *g, const rung_training *training, rung_node theta,
                   rung_node gradient, const rung_node *state, const rung_node *scalar,
                   rung_node *next_theta, rung_node *next_state) {
  (void)training, (void)state, (void)next_state;
  rung_node scaled = rung_mul(g, scalar[RG_DESCENT_SCALE], gradient);
  *next_theta = rg_descend(g, theta, scalar, rung_mul(g, scalar[RG_DESCENT_RATE], scaled));
}

const rg_descent rg_descent_sgd = {"sgd", 0.1, 0, {NULL}, update};
