/* A model's stages as graphs. Points lie along the last axis: [inputs][points], [features][points].
 */
#ifndef RG_NETWORK_H
#define RG_NETWORK_H

#include "graph/graph.h"
#include "nn/model.h"

/* A parameter of a graph: its node and where its numbers lie in the model. */
typedef struct rg_parameter_entry {
  rung_node node;
  int64_t count;
  const double *value;
} rg_parameter_entry;

/* The parameters of a graph, in the order in which their nodes were made. */
typedef struct rg_parameters {
  rung_context *ctx;
  rg_parameter_entry *list;
  int count, capacity;
} rg_parameters;

void rg_parameters_free(rg_parameters *p);

/* The scaled inputs s [inputs][points] of x [points][inputs]. */
rung_node rg_scaled_inputs(rung_graph *g, rg_parameters *p, const rung_model *model, rung_node x);
/* The features h_L [width][points] of a stage. */
rung_node rg_stage_features(rung_graph *g, rg_parameters *p, const rg_stage *stage, rung_node s);
/* The outputs [outputs][points] of the sum of the model's stages. */
rung_node rg_model_outputs(rung_graph *g, rg_parameters *p, const rung_model *model, rung_node s);

/* The parameters' values in an arithmetic, one array each behind the other, each aligned to
 * RG_ALIGN. array[i] points at parameter i. The caller frees *memory. */
rung_status rg_parameters_load(const rg_parameters *p, rung_context *ctx, rung_dtype dtype,
                               void **memory, const void **array, size_t *bytes);

/* A double as a number of an arithmetic, at out[index]. */
void rg_store(rung_dtype dtype, void *out, int64_t index, rung_dd value);
rung_dd rg_fetch(rung_dtype dtype, const void *array, int64_t index);

#endif
