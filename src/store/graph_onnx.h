/* A graph as nodes of an ONNX graph (https://onnx.ai/onnx/repo-docs/IR.html, operator set 17). */
#ifndef RG_GRAPH_ONNX_H
#define RG_GRAPH_ONNX_H

#include "graph/graph.h"

/* An ONNX graph under construction. Graphs are built for `samples` samples, a prime that is no
 * divisor of another dimension; dimensions that it divides become the batch, whose size ONNX leaves
 * open. */
typedef struct rg_onnx {
  rung_context *ctx;
  rung_dtype dtype; /* RUNG_F32 or RUNG_F64 */
  int64_t samples;
  rg_text graph; /* the message GraphProto so far: nodes, initializers */
  int values;    /* how many have got a name of their own */
} rg_onnx;

#define RG_ONNX_SAMPLES 1009
#define RG_ONNX_NAME 96
typedef char rg_onnx_name[RG_ONNX_NAME];

void rg_onnx_init(rg_onnx *onnx, rung_context *ctx, rung_dtype dtype);
void rg_onnx_free(rg_onnx *onnx);

/* Adds an array of numbers under a name. */
rung_status rg_onnx_array(rg_onnx *onnx, const char *name, const rung_shape *shape,
                          const void *data);
/* Adds the nodes that compute `output` from `input`, whose values go by the names in input_name;
 * output_name gets the names of what comes out. The graph's input (the samples) must be called
 * "input". RUNG_E_UNSUPPORTED, naming the op, for those without a form in ONNX. */
rung_status rg_onnx_nodes(rg_onnx *onnx, const rung_graph *g, int inputs, const rung_node *input,
                          const rg_onnx_name *input_name, int outputs, const rung_node *output,
                          rg_onnx_name *output_name);
/* The whole file: the graph's input "input" [batch][sample], its output `value` as "output"
 * [batch][outputs], and what is told of it. The caller frees *out with rg_free. */
rung_status rg_onnx_file(rg_onnx *onnx, const rung_shape *sample, int64_t outputs,
                         const char *value, int properties, const char *const (*property)[2],
                         char **out, size_t *length);

#endif
