/* A graph as C code. */
#ifndef RG_GRAPH_C_H
#define RG_GRAPH_C_H

#include "graph/graph.h"

/* An argument of the function: a node, and what it is called there. */
typedef struct rg_c_argument {
  rung_node node;
  const char *name;
} rg_c_argument;

#define RG_C_MOST_OUTPUTS 64

/* What a file needs in front of such functions. */
typedef struct rg_c_needs {
  unsigned helpers; /* which of the functions of rg_graph_c_helpers() */
  int64_t work;     /* numbers of workspace that the largest of them takes */
} rg_c_needs;

/* Appends, in the form of store/c_file.h,
 *
 *   static void rg_NAME(const $T *input..., $T *output..., $T *work)
 *
 * which computes the outputs from the inputs. An output's array overlaps no other argument's.
 * Inputs that no output depends on are not among the arguments: used[i] (if not NULL) tells.
 * `needs` grows by what it takes. RUNG_E_UNSUPPORTED, naming the op, for ops that have no text in
 * C. All is computed in the order, and to the bits, of the library. Labels of a cross-entropy must
 * be within the classes: the function does not look. */
rung_status rg_graph_c(rung_context *ctx, const rung_graph *g, rung_dtype dtype, const char *name,
                       int inputs, const rg_c_argument *input, bool *used, int outputs,
                       const rg_c_argument *output, rg_text *code, rg_c_needs *needs);

/* Appends the helpers that are needed. */
void rg_graph_c_helpers(const rg_c_needs *needs, rg_text *code);

#endif
