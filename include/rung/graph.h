/**
 * @file graph.h
 * Programs as graphs: build, differentiate, compile to an arithmetic, run.
 *
 * A graph holds nodes; a node is an op applied to earlier nodes and has a fixed shape. Node
 * functions return RUNG_NONE where something is wrong, and accept RUNG_NONE as an operand (they
 * return it), so that an expression is checked once, at its end: the context holds the error of the
 * node that failed first (of the last such, where several operands failed each for itself). Equal
 * nodes (same op, operands and attributes) are one node. Arrays are dense and row-major.
 *
 * A graph is used by one thread at a time, that of its context. Statuses of node functions:
 * RUNG_E_SHAPE for shapes, axes and lengths that do not fit, RUNG_E_ARGUMENT for nodes that are not
 * of this graph and settings out of range, RUNG_E_MEMORY. docs/graphs.md explains the engine.
 */
#ifndef RUNG_GRAPH_H
#define RUNG_GRAPH_H

#include "rung/base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RUNG_MAX_RANK 6 /**< The most dimensions an array has. */

/** The dimensions of an array; rank 0 is a scalar. */
typedef struct rung_shape {
  int rank;                   /**< 0..RUNG_MAX_RANK. */
  int64_t dim[RUNG_MAX_RANK]; /**< Each >= 1; those past `rank` are 0. */
} rung_shape;

/** The number of elements: the product of the dimensions. */
RUNG_API int64_t rung_shape_count(const rung_shape *shape);

/** A graph under construction; belongs to its context. */
typedef struct rung_graph rung_graph;

/** A node of a graph: its number, or RUNG_NONE. */
typedef int32_t rung_node;

#define RUNG_NONE ((rung_node)-1) /**< No node: a failed or absent one. */

/** Makes an empty graph; release it with rung_graph_destroy(). */
RUNG_API rung_status rung_graph_create(rung_context *ctx, rung_graph **out);

/** Releases a graph and its nodes; programs compiled from it stay valid. NULL is allowed. */
RUNG_API void rung_graph_destroy(rung_graph *graph);

/** The shape of a node; rank -1 for RUNG_NONE. */
RUNG_API rung_shape rung_node_shape(const rung_graph *graph, rung_node node);

/** The number of nodes so far. */
RUNG_API int rung_graph_size(const rung_graph *graph);

/** @name Leaves
 * @{ */

/** A value given at each run: its name (copied; for messages only, need not be unique) and shape.
 * Each call makes a node of its own. */
RUNG_API rung_node rung_input(rung_graph *g, const char *name, int rank, const int64_t *dims);
/** A scalar known now; in single precision rounded to float. */
RUNG_API rung_node rung_constant(rung_graph *g, double value);
/** A scalar known now to double-double; rounded where the arithmetic is narrower. */
RUNG_API rung_node rung_constant_dd(rung_graph *g, rung_dd value);
/** @} */

/** @name Elementwise arithmetic
 * Operands broadcast as in NumPy: shapes are aligned at their last dimension, and a dimension of 1
 * stretches. Comparisons give 1 or 0 and have derivative 0; where min or max are tied, the
 * derivative is that of `a`. What the functions return where the mathematical one is not defined
 * (log of a negative number, division by 0) is what C's return; it is no error. How accurate they
 * are stands in docs/numbers.md.
 * @{ */
RUNG_API rung_node rung_add(rung_graph *g, rung_node a, rung_node b); /**< a + b */
RUNG_API rung_node rung_sub(rung_graph *g, rung_node a, rung_node b); /**< a - b */
RUNG_API rung_node rung_mul(rung_graph *g, rung_node a, rung_node b); /**< a * b */
RUNG_API rung_node rung_div(rung_graph *g, rung_node a, rung_node b); /**< a / b */
RUNG_API rung_node rung_min(rung_graph *g, rung_node a,
                            rung_node b); /**< min(a, b), NaN where either is */
RUNG_API rung_node rung_max(rung_graph *g, rung_node a,
                            rung_node b); /**< max(a, b), NaN where either is */
RUNG_API rung_node rung_pow(rung_graph *g, rung_node a, rung_node b); /**< a^b, as C's pow */
/** a^exponent by products; the exponent is at most a million in size. */
RUNG_API rung_node rung_powi(rung_graph *g, rung_node a, int exponent);
RUNG_API rung_node rung_neg(rung_graph *g, rung_node a);        /**< -a */
RUNG_API rung_node rung_abs(rung_graph *g, rung_node a);        /**< |a|; derivative sign(a) */
RUNG_API rung_node rung_sign(rung_graph *g, rung_node a);       /**< -1, 0 or 1; derivative 0 */
RUNG_API rung_node rung_reciprocal(rung_graph *g, rung_node a); /**< 1 / a */
RUNG_API rung_node rung_sqrt(rung_graph *g, rung_node a);       /**< square root */
RUNG_API rung_node rung_exp(rung_graph *g, rung_node a);        /**< e^a */
RUNG_API rung_node rung_log(rung_graph *g, rung_node a);        /**< natural logarithm */
RUNG_API rung_node rung_sin(rung_graph *g, rung_node a);        /**< sine, radians */
RUNG_API rung_node rung_cos(rung_graph *g, rung_node a);        /**< cosine, radians */
RUNG_API rung_node rung_tan(rung_graph *g, rung_node a);        /**< tangent, radians */
RUNG_API rung_node rung_atan(rung_graph *g, rung_node a);       /**< arc tangent, radians */
RUNG_API rung_node rung_tanh(rung_graph *g, rung_node a);       /**< hyperbolic tangent */
/** sech(a)^2 = tanh'(a), accurate for large |a| where 1 - tanh(a)^2 is not. */
RUNG_API rung_node rung_sech2(rung_graph *g, rung_node a);
RUNG_API rung_node rung_log1p(rung_graph *g, rung_node a); /**< log(1 + a), accurate near 0 */
RUNG_API rung_node rung_erf(rung_graph *g, rung_node a);   /**< the error function */
/** The normal distribution up to a, (1 + erf(a / sqrt 2)) / 2, accurate far below 0 too. */
RUNG_API rung_node rung_normal_cdf(rung_graph *g, rung_node a);
RUNG_API rung_node rung_normal_pdf(rung_graph *g, rung_node a); /**< its density */
RUNG_API rung_node rung_relu(rung_graph *g, rung_node a);       /**< max(a, 0); derivative 0 at 0 */
/** a above 0, else slope * a; derivative `slope` at 0. @param slope 0..1e6 */
RUNG_API rung_node rung_leaky_relu(rung_graph *g, rung_node a, double slope);
RUNG_API rung_node rung_sigmoid(rung_graph *g, rung_node a);           /**< 1 / (1 + e^-a) */
RUNG_API rung_node rung_softplus(rung_graph *g, rung_node a);          /**< log(1 + e^a) */
RUNG_API rung_node rung_silu(rung_graph *g, rung_node a);              /**< a * sigmoid(a) */
RUNG_API rung_node rung_gelu(rung_graph *g, rung_node a);              /**< a * normal_cdf(a) */
RUNG_API rung_node rung_less(rung_graph *g, rung_node a, rung_node b); /**< a < b */
RUNG_API rung_node rung_less_equal(rung_graph *g, rung_node a, rung_node b); /**< a <= b */
RUNG_API rung_node rung_equal(rung_graph *g, rung_node a, rung_node b);      /**< a == b */
/** yes where condition is not 0, else no; the derivative flows through the chosen one. Both are
 * computed everywhere. */
RUNG_API rung_node rung_select(rung_graph *g, rung_node condition, rung_node yes, rung_node no);
/** @} */

/** @name Fixed point
 * States that are added to and subtracted from without rounding, so that a step is undone to the
 * bit: fixed_add(fixed_add(s, d), -d) is s, whatever s and d. A fixed-point number is a whole
 * number in the bits of an array's element: in single precision an int32 that counts 2^-20 (numbers
 * below 2048 in size), in double an int64 that counts 2^-40 (below 2^23 = 8388608); double-double
 * has none (RUNG_E_UNSUPPORTED when compiled). To other ops than these such bits mean nothing;
 * views, slices, reshapes and copies keep them. Derivatives look through the rounding and are
 * ordinary numbers: d value / d state = d fixed_add / d state = d fixed_add / d increment = d from
 * / d a = 1.
 * @{ */
/** The state of numbers: rounded to the nearest, ties to even; clamped to the range; NaN gives 0.
 */
RUNG_API rung_node rung_fixed_from(rung_graph *g, rung_node a);
/** The numbers of a state, rounded to the arithmetic. */
RUNG_API rung_node rung_fixed_value(rung_graph *g, rung_node state);
/** state + increment modulo the range (it wraps around, it is never undefined); the increment is
 * rounded as in rung_fixed_from(). To subtract, add the increment's negative: rounding is odd. */
RUNG_API rung_node rung_fixed_add(rung_graph *g, rung_node state, rung_node increment);
/** @} */

/** @name Arrays
 * Axes count from 0; negative ones from the end.
 * @{ */

/** How sums of products are accumulated. */
typedef enum rung_accumulate {
  RUNG_WORKING = 0,    /**< One fused multiply-add a term, in order. */
  RUNG_COMPENSATED = 1 /**< As if in twice the precision, rounded once (Ogita, Rump, Oishi 2005,
                            Dot2). In double-double the same as RUNG_WORKING. */
} rung_accumulate;

/** Matrix product over the last two axes, leading axes broadcast: [..., m, k] times [..., k, n] is
 * [..., m, n]. Either operand may be taken transposed (its last two axes swapped) and has at least
 * two dimensions. */
RUNG_API rung_node rung_matmul(rung_graph *g, rung_node a, rung_node b, int transpose_a,
                               int transpose_b, rung_accumulate how);
/** How a convolution lies over an image. */
typedef struct rung_conv {
  int64_t stride[2];  /**< Down and across, at least 1. */
  int64_t padding[4]; /**< Zeros laid around: top, left, bottom, right. */
  int64_t groups;     /**< Channels and filters fall into so many groups; a filter sees its own. */
} rung_conv;

/** Convolution (correlation, the kernel is not turned) of images [N, H, W, C] with weights
 * [kh, kw, C / groups, K]: [N, OH, OW, K] with OH = (H + top + bottom - kh) / stride + 1, rounded
 * down, OW likewise. All operands of this and the next two may have one more axis in front:
 * samples, each with weights of its own.
 * @param settings NULL for stride 1, no padding, one group */
RUNG_API rung_node rung_conv2d(rung_graph *g, rung_node x, rung_node w, const rung_conv *settings);
/** Its adjoint in the images: what is y [N, OH, OW, K] of rung_conv2d() with these weights and
 * settings goes back to images [N, height, width, C]. */
RUNG_API rung_node rung_conv2d_transpose(rung_graph *g, rung_node y, rung_node w,
                                         const rung_conv *settings, int64_t height, int64_t width);
/** Its adjoint in the weights: from images x and y as rung_conv2d() gives them, weights
 * [kh, kw, C / groups, K]. The sum over a batch is a sum of parts that its size determines. */
RUNG_API rung_node rung_conv2d_weights(rung_graph *g, rung_node x, rung_node y,
                                       const rung_conv *settings, int64_t kernel_height,
                                       int64_t kernel_width);
/** How windows of pooling lie over an image. */
typedef struct rung_pool {
  int64_t window[2];  /**< Height and width. */
  int64_t stride[2];  /**< Down and across, at least 1. */
  int64_t padding[4]; /**< Top, left, bottom, right; each smaller than the window. */
} rung_pool;

/** The mean of each window of images [N, H, W, C]: [N, OH, OW, C] with
 * OH = (H + top + bottom - window) / stride + 1, rounded down, and without windows that lie behind
 * the image altogether; OW likewise. Only pixels within the image count: padding is nothing, not 0.
 * The mean of the whole image is rung_mean() over axes 1 and 2. */
RUNG_API rung_node rung_average_pool2d(rung_graph *g, rung_node a, const rung_pool *settings);
/** Likewise the largest, NaN where there is one. The derivative goes to the first of equal ones. */
RUNG_API rung_node rung_max_pool2d(rung_graph *g, rung_node a, const rung_pool *settings);
/** The sum over the axes whose bits are set in `axes` (bit 0 is axis 0); they stay as dimensions of
 * 1 where `keep` is not 0, else they go. The order of summation is a fixed tree, which depends on
 * the shape alone. */
RUNG_API rung_node rung_sum(rung_graph *g, rung_node a, unsigned axes, int keep);
/** The largest over axes, as rung_sum. Its derivative is shared among ties. */
RUNG_API rung_node rung_reduce_max(rung_graph *g, rung_node a, unsigned axes, int keep);
/** The smallest over axes, as rung_sum. Its derivative is shared among ties. */
RUNG_API rung_node rung_reduce_min(rung_graph *g, rung_node a, unsigned axes, int keep);
/** rung_sum divided by the number of elements summed. */
RUNG_API rung_node rung_mean(rung_graph *g, rung_node a, unsigned axes, int keep);
/** Repeats an array to a larger shape by the broadcasting rule. */
RUNG_API rung_node rung_broadcast(rung_graph *g, rung_node a, int rank, const int64_t *dims);
/** The same elements in row-major order under another shape; one dimension may be -1. */
RUNG_API rung_node rung_reshape(rung_graph *g, rung_node a, int rank, const int64_t *dims);
/** Axis i of the result is axis permutation[i] of `a`. */
RUNG_API rung_node rung_transpose(rung_graph *g, rung_node a, const int *permutation);
/** Elements start, start+step, ... (count of them, at least 1) along an axis; step may be negative.
 * All of them must lie inside. */
RUNG_API rung_node rung_slice(rung_graph *g, rung_node a, int axis, int64_t start, int64_t count,
                              int64_t step);
/** Zeros of length `length` along an axis with `a` laid at start, start+step, ...: the adjoint of
 * rung_slice. */
RUNG_API rung_node rung_pad(rung_graph *g, rung_node a, int axis, int64_t start, int64_t step,
                            int64_t length);
/** Joins arrays that agree in their other dimensions along an axis. @param count 1..16 */
RUNG_API rung_node rung_concat(rung_graph *g, int count, const rung_node *parts, int axis);
/** Rows of `a` along axis 0 by index: result[i...] = a[index[i...]], of the index's shape followed
 * by that of a row. Indices are whole numbers from 0 in the program's arithmetic; any other value
 * makes the run fail with RUNG_E_DATA. There is no derivative in the index. */
RUNG_API rung_node rung_gather(rung_graph *g, rung_node a, rung_node index);
/** Zeros with `rows` rows, to which the rows of `a` are added by index: the adjoint of
 * rung_gather(). The shape of `a` begins with the index's. Rows with the same index are added in
 * order. */
RUNG_API rung_node rung_scatter_add(rung_graph *g, rung_node a, rung_node index, int64_t rows);
/** @} */

/** @name Random numbers and losses
 * @{ */
/** Uniform numbers in (0, 1) of shape `dims`, keyed by four whole numbers of 0..2^24-1 (any others
 * make the run fail with RUNG_E_DATA): the same key gives the same numbers. The key [..., 4] may
 * hold several; the result is then [..., dims]. Element i is Philox4x64's (Salmon et al., 2011), a
 * function of key and i alone; its bits depend on the arithmetic, not on the machine. Derivative 0.
 */
RUNG_API rung_node rung_random(rung_graph *g, rung_node key, int rank, const int64_t *dims);
/** `a` with elements set to 0, each with probability `rate`, and the others divided by 1 - rate.
 * Each use needs a key of its own, [4], as in rung_random(). @param rate 0 up to below 1 */
RUNG_API rung_node rung_dropout(rung_graph *g, rung_node a, rung_node key, double rate);
/** 1 at the label and 0 elsewhere along a new last axis. Labels are whole numbers of 0..classes-1;
 * any others make the run fail with RUNG_E_DATA. No derivative. */
RUNG_API rung_node rung_one_hot(rung_graph *g, rung_node labels, int64_t classes);
/** log(softmax(a)) over the last axis; never overflows, and accurate where softmax is near 1. */
RUNG_API rung_node rung_log_softmax(rung_graph *g, rung_node a);
/** exp(a) / sum of exp(a) over the last axis. */
RUNG_API rung_node rung_softmax(rung_graph *g, rung_node a);
/** -sum over k of q_k log(softmax(scores)_k) for each of scores [..., classes], where the target q
 * is 1 - smoothing at the label plus smoothing / classes everywhere. Value and slope keep their
 * relative accuracy where the label is all but certain. @param labels [...], as in rung_one_hot()
 * @param smoothing 0..1 */
RUNG_API rung_node rung_cross_entropies(rung_graph *g, rung_node scores, rung_node labels,
                                        double smoothing);
/** The mean of rung_cross_entropies() weighted with `weight` (of the labels' shape, or RUNG_NONE
 * for equal ones): sum of w v / sum of w. A scalar, as the next two. */
RUNG_API rung_node rung_cross_entropy(rung_graph *g, rung_node scores, rung_node labels,
                                      rung_node weight, double smoothing);
/** The mean over samples, the first axis, of the mean of (prediction - target)^2; `weight` of the
 * samples [N], or RUNG_NONE. */
RUNG_API rung_node rung_squared_error(rung_graph *g, rung_node prediction, rung_node target,
                                      rung_node weight);
/** Likewise of Huber's loss: d^2 / 2 up to |d| = delta, delta (|d| - delta / 2) beyond. */
RUNG_API rung_node rung_huber(rung_graph *g, rung_node prediction, rung_node target,
                              rung_node weight, double delta);
/** @} */

/** @name Normalisation
 * Of images [N, H, W, C] or features [N, F]; channels and features lie on the last axis.
 * @{ */
/** Mean and (biased) variance over `count` adjoining axes from `first`; they stay as dimensions
 * of 1. Nothing cancels: sums of squares are about the means of blocks, joined by Chan's formula.
 * The array has at most RUNG_MAX_RANK - 1 dimensions. */
RUNG_API rung_status rung_moments(rung_graph *g, rung_node a, int first, int count, rung_node *mean,
                                  rung_node *variance);
/** Over which elements mean and variance are taken. */
typedef enum rung_norm {
  RUNG_NORM_BATCH = 0,   /**< Samples and pixels, for each channel: statistics [C]. */
  RUNG_NORM_LAYER = 1,   /**< Pixels and channels, for each sample: [N]. */
  RUNG_NORM_GROUP = 2,   /**< Pixels and each of `groups` equal runs of channels: [N, groups]. */
  RUNG_NORM_INSTANCE = 3 /**< Pixels, for each sample and channel: [N, C]. Images only. */
} rung_norm;
/** (x - mean) / sqrt(variance + epsilon) * gain + shift, of x's shape. Derivatives go through mean
 * and variance too. @param epsilon above 0
 * @param gain,shift [C], or RUNG_NONE for 1 and 0
 * @param mean,variance get the statistics; may be NULL */
RUNG_API rung_node rung_normalize(rung_graph *g, rung_node x, rung_norm kind, int64_t groups,
                                  double epsilon, rung_node gain, rung_node shift, rung_node *mean,
                                  rung_node *variance);
/** The same with statistics [C] that are given, such as running ones. */
RUNG_API rung_node rung_normalize_by(rung_graph *g, rung_node x, rung_node mean, rung_node variance,
                                     double epsilon, rung_node gain, rung_node shift);
/** @} */

/** @name Derivatives
 * Derivatives are nodes of the same graph, so they can be differentiated again. These functions
 * forget the context's earlier error; what `out` holds after a failure means nothing. Statuses
 * beside those of node functions: RUNG_E_UNSUPPORTED where an op on the way has no rule for it; the
 * error of an operand that is RUNG_NONE.
 * @{ */

/**
 * Vector-Jacobian products (reverse mode): out[i] = sum over elements of `y` of
 * cotangent * dy/dx[i], with the shape of x[i]; zeros where y does not depend on x[i].
 * @param y one node of any shape
 * @param cotangent of y's shape, or RUNG_NONE where y has one element: 1. (So a cotangent that
 * failed is not told from none: look at it first.)
 * @param count how many nodes there are in x and out
 * @param x any nodes, inputs or not; where x[1] is computed from x[0], out[0] counts that way too
 * @param out the derivatives
 */
RUNG_API rung_status rung_gradient(rung_graph *g, rung_node y, rung_node cotangent, int count,
                                   const rung_node *x, rung_node *out);
/** Jacobian-vector products (forward mode): out[i], of the shape of y[i], is the change of y[i] as
 * each x[j] changes by tangent[j] (of its shape), the x being taken for independent of each other.
 * The cost does not grow with the number of outputs, that of rung_gradient() not with that of
 * inputs. */
RUNG_API rung_status rung_jvp(rung_graph *g, int count_x, const rung_node *x,
                              const rung_node *tangent, int count_y, const rung_node *y,
                              rung_node *out);
/**
 * Applies a computation to every row of arrays: the nodes `y`, built for one sample from leaves
 * `sample[j]`, are rebuilt for the arrays `batch[j]`, whose shape is that of sample[j] behind one
 * more dimension N at the front; out[i] has the shape of y[i] behind N. Everything else `y` depends
 * on is shared among the samples. rung_gradient() of one sample, mapped, is the per-sample
 * Jacobian.
 * @return RUNG_E_SHAPE also where a node on the way has RUNG_MAX_RANK dimensions already
 */
RUNG_API rung_status rung_map(rung_graph *g, int count, const rung_node *sample,
                              const rung_node *batch, int count_y, const rung_node *y,
                              rung_node *out);
/** Rebuilds `y` with nodes from[j] replaced by to[j] (of the same shape), all at once: what is put
 * in is not looked through again. A y[i] that depends on none of them is out[i] itself. */
RUNG_API rung_status rung_substitute(rung_graph *g, int count, const rung_node *from,
                                     const rung_node *to, int count_y, const rung_node *y,
                                     rung_node *out);
/** @} */

/** @name Programs
 * @{ */

/** A graph compiled to an arithmetic: never changes, and may be run by several threads at once,
 * each with its own context and workspace. It belongs to the graph's context and needs the ops of
 * the graph, but not the graph. */
typedef struct rung_program rung_program;

/** Settings of rung_compile(); rung_compile_options_default() fills them. */
typedef struct rung_compile_options {
  rung_dtype dtype;    /**< The arithmetic. Default RUNG_F64. */
  size_t memory_limit; /**< Most bytes of workspace; 0 for no limit. Default 0. */
  /** Updates in place: output share[k][0] may be the same array as input share[k][1] in a run, from
   * the first element to the last; it need not be. What is computed is the same either way: the
   * input is read before it is written over, if need be by way of the workspace. Each output and
   * each input may stand in one pair, and both have the same number of elements. Default none. */
  int shared;
  const int (*share)[2]; /**< The pairs, `shared` of them; read while compiling only. */
} rung_compile_options;

/** The defaults. */
RUNG_API rung_compile_options rung_compile_options_default(void);

/**
 * Compiles what the outputs need. Inputs and outputs are numbered as given here. Inputs that no
 * output needs may be listed; any node may be an output, inputs and constants too, also twice. The
 * plan has scratch memory for as many threads as the context has now: a run uses no more.
 * @param g the graph; may grow on and be compiled again
 * @param options NULL for the defaults
 * @param inputs,input how many input nodes, and which
 * @param outputs,output how many outputs, and which
 * @param out the program; release it with rung_program_destroy()
 * @return RUNG_E_ARGUMENT where an output depends on an input that is not listed;
 * RUNG_E_UNSUPPORTED where an op has no kernel for the arithmetic;
 * RUNG_E_BUDGET where the plan needs more than the limit (the message names the bytes);
 * RUNG_E_ARGUMENT, RUNG_E_SHAPE for a pair of options->share that cannot be;
 * the error of an output that is RUNG_NONE
 */
RUNG_API rung_status rung_compile(rung_graph *g, const rung_compile_options *options, int inputs,
                                  const rung_node *input, int outputs, const rung_node *output,
                                  rung_program **out);
/** Releases a program. NULL is allowed. */
RUNG_API void rung_program_destroy(rung_program *program);
/** Bytes of workspace that a run takes: all of its memory beside inputs and outputs. */
RUNG_API size_t rung_program_bytes(const rung_program *program);
/** The number of steps in a run, one after the other: a group of fused elementwise ops is one, any
 * other op is one, a view is none, an output that must be copied from elsewhere is one. */
RUNG_API int rung_program_steps(const rung_program *program);

/**
 * Runs a program. Nothing is allocated. The results' bits do not depend on threads or instructions.
 * @param program the program
 * @param ctx the caller's context, not necessarily the program's: errors, threads, instructions
 * @param workspace rung_program_bytes() bytes, aligned to 64; holds nothing between runs, so that
 * programs that do not run at the same time may share one
 * @param inputs arrays of the program's arithmetic (float, double or rung_dd), in the order given
 * to rung_compile(); read only
 * @param outputs likewise; written; may not overlap inputs or each other, but for the pairs of
 * rung_compile_options.share
 * @return RUNG_E_ARGUMENT for a workspace that is not aligned; RUNG_E_DATA where an op refuses the
 * values of its operands (an index out of range): the outputs then hold nothing of use. Infinities
 * and NaN are no errors
 */
RUNG_API rung_status rung_program_run(const rung_program *program, rung_context *ctx,
                                      void *workspace, const void *const *inputs,
                                      void *const *outputs);
/** @} */

#ifdef __cplusplus
}
#endif
#endif
