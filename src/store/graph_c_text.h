/* The functions that exported graphs call: which there are. */
#ifndef RG_GRAPH_C_TEXT_H
#define RG_GRAPH_C_TEXT_H

#include "store/graph_c.h"

/* Bits of rg_c_needs.helpers; each is written out behind those before. */
enum {
  RG_C_RELU,
  RG_C_LEAKY_RELU,
  RG_C_MATMUL,
  RG_C_CONV,
  RG_C_CONV_TRANSPOSE,
  RG_C_CONV_WEIGHTS,
  RG_C_CONV_TURN,
  RG_C_AVERAGE_POOL,
  RG_C_AVERAGE_POOL_ADJOINT,
  RG_C_MAX_POOL,
  RG_C_MAX_POOL_ADJOINT,
  RG_C_REDUCE_SUM,
  RG_C_REDUCE_MAX,
  RG_C_REDUCE_MIN,
  RG_C_MOMENTS,
  RG_C_LANES, /* what the two that follow have in common */
  RG_C_CROSS_ENTROPY,
  RG_C_CROSS_ENTROPY_SLOPE,
  RG_C_HELPERS
};

#endif
