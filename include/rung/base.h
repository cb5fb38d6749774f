/**
 * @file base.h
 * What every other part of Rung uses: status codes, the context (memory, errors, log, threads) and
 * the number formats.
 *
 * Rules that hold in every header:
 * - Where a function makes something, it is `*out`, the caller's to release with the function named
 *   beside it. When the function fails, `*out` is NULL and there is nothing to release.
 * - Other results are to be used only after success.
 * - Pointers must not be NULL where NULL is not mentioned.
 * - Text is UTF-8 and ends with a 0 character. Text and arrays that are passed in are copied where
 *   the library needs them after the call; text that is handed out as `const char *` belongs to
 *   what it was asked of.
 */
#ifndef RUNG_BASE_H
#define RUNG_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks a function as part of the shared library's interface; everything else is hidden. */
#if defined(__GNUC__)
#define RUNG_API __attribute__((visibility("default")))
#else
#define RUNG_API
#endif

/** Marks a function that takes a printf format (argument `place`) and checks what follows from
 * argument `first` on. */
#if defined(__GNUC__)
#define RUNG_PRINTF(place, first) __attribute__((format(printf, place, first)))
#else
#define RUNG_PRINTF(place, first)
#endif

#define RUNG_VERSION_MAJOR 0 /**< Changes when programs must be adapted. */
#define RUNG_VERSION_MINOR 1 /**< Changes when something is added. */
#define RUNG_VERSION_PATCH 0 /**< Changes when something is mended. */

/** Every status with its number and its meaning; the enum and the strings are made from it. */
#define RUNG_STATUS_LIST(X)                                                                        \
  X(RUNG_OK, 0, "success")                                                                         \
  X(RUNG_E_ARGUMENT, -1, "invalid argument")                                                       \
  X(RUNG_E_MEMORY, -2, "out of memory")                                                            \
  X(RUNG_E_IO, -3, "input or output failed")                                                       \
  X(RUNG_E_FORMAT, -4, "malformed input")                                                          \
  X(RUNG_E_DATA, -5, "unusable data")                                                              \
  X(RUNG_E_SHAPE, -6, "shapes do not fit")                                                         \
  X(RUNG_E_BUDGET, -7, "memory budget too small")                                                  \
  X(RUNG_E_NUMERIC, -8, "arithmetic broke down")                                                   \
  X(RUNG_E_CANCELLED, -9, "cancelled")                                                             \
  X(RUNG_E_UNSUPPORTED, -10, "not supported")                                                      \
  X(RUNG_E_INTERNAL, -11, "internal error")

/** What a function returns: RUNG_OK, or a negative code whose message rung_error() holds. */
typedef enum rung_status {
#define RUNG_STATUS_ENUM(name, number, text) name = (number), /**< See RUNG_STATUS_LIST. */
  RUNG_STATUS_LIST(RUNG_STATUS_ENUM)
#undef RUNG_STATUS_ENUM
} rung_status;

/** The fixed meaning of a status, for example "malformed input". Never NULL. */
RUNG_API const char *rung_status_text(rung_status status);

/** The library's version, for example "0.1.0". */
RUNG_API const char *rung_version(void);

/** The arithmetic in which a graph is computed. */
typedef enum rung_dtype {
  RUNG_F32 = 0, /**< IEEE binary32, "single". */
  RUNG_F64 = 1, /**< IEEE binary64, "double". */
  RUNG_DD = 2   /**< Pairs of binary64, about 32 decimal digits, "quad". Element: rung_dd. */
} rung_dtype;

/** A double-double number: the unevaluated sum hi + lo with |lo| <= ulp(hi)/2. */
typedef struct rung_dd {
  double hi; /**< The number rounded to double. */
  double lo; /**< What the rounding left. */
} rung_dd;

/** Bytes of one element: 4, 8 or 16. */
RUNG_API size_t rung_dtype_size(rung_dtype dtype);

/** "single", "double" or "quad". */
RUNG_API const char *rung_dtype_name(rung_dtype dtype);

/** The inverse of rung_dtype_name(). @return RUNG_E_ARGUMENT (no message) for another name; then
 * *out stays as it was. */
RUNG_API rung_status rung_dtype_parse(const char *name, rung_dtype *out);

/**
 * Where memory comes from. `alloc` returns memory aligned for any type, or NULL, which becomes
 * RUNG_E_MEMORY; `release` gets back what `alloc` gave, with its size, and never NULL. Both get
 * `user`. They are called only from the thread that calls the library; an allocator that contexts
 * of several threads share must be safe for that. What the libraries below allocate for themselves
 * (OpenMP's threads, OpenBLAS's buffers) does not come from here.
 */
typedef struct rung_allocator {
  void *(*alloc)(void *user, size_t bytes);                /**< As malloc. */
  void (*release)(void *user, void *memory, size_t bytes); /**< As free, with the size. */
  void *user;                                              /**< Passed to both. */
} rung_allocator;

/**
 * Carries the allocator, the last error, the log and the number of threads. A context is used by
 * one thread at a time; several threads take a context each. What is made with a context belongs to
 * it: it is released before the context is, and by the thread that uses the context then.
 */
typedef struct rung_context rung_context;

/**
 * Makes a context; release it with rung_context_destroy().
 * @param allocator NULL for malloc and free; copied
 * @return RUNG_E_MEMORY, or RUNG_E_ARGUMENT where `out` is NULL.
 */
RUNG_API rung_status rung_context_create(const rung_allocator *allocator, rung_context **out);

/** Releases a context, after everything that was made with it. NULL is allowed. */
RUNG_API void rung_context_destroy(rung_context *ctx);

/** The message of the last error: what was expected, what was found, where. "" if there was none.
 * It is valid until the next call with this context. A call that succeeds may leave an older
 * message standing: the status says whether there is an error. */
RUNG_API const char *rung_error(const rung_context *ctx);

/** The status that the last error returned; RUNG_OK if there was none. */
RUNG_API rung_status rung_error_status(const rung_context *ctx);

/** Forgets the last error. */
RUNG_API void rung_clear_error(rung_context *ctx);

/** Records an error, with a printf format: for callbacks that the library calls with a context, a
 * rung_function or an op's `shape`, so that the caller learns why. @return `status` */
RUNG_API rung_status rung_fail(rung_context *ctx, rung_status status, const char *format, ...)
    RUNG_PRINTF(3, 4);

/**
 * How many threads share the work; 0 (the default) means one for each processor. Results do not
 * depend on it. A number that is set goes before a recipe's. @return RUNG_E_ARGUMENT outside
 * 0..1024.
 */
RUNG_API rung_status rung_set_threads(rung_context *ctx, int threads);

/** The number of threads that will be used, at least 1. */
RUNG_API int rung_threads(const rung_context *ctx);

/** Which instructions the kernels use. Results do not depend on it. */
typedef enum rung_isa {
  RUNG_ISA_PORTABLE = 0, /**< Plain C. */
  RUNG_ISA_AVX2 = 1,     /**< AVX2 and FMA. */
  RUNG_ISA_AVX512 = 2    /**< AVX-512 F, DQ, VL, BW. */
} rung_isa;

/** The best instructions that this processor has. */
RUNG_API rung_isa rung_isa_best(void);

/** Uses at most `isa`; the default is rung_isa_best(). @return RUNG_E_UNSUPPORTED above the best.
 */
RUNG_API rung_status rung_set_isa(rung_context *ctx, rung_isa isa);

/** Receives one line of log, without newline. */
typedef void (*rung_log_fn)(void *user, const char *line);

/** Sends log lines to `log`, from the thread that calls the library; NULL (the default) for none.
 * The library itself never prints. */
RUNG_API void rung_set_log(rung_context *ctx, rung_log_fn log, void *user);

/** Memory from the context's allocator, aligned to 64 bytes, not set to anything, for example a
 * program's workspace; release it with rung_free(). */
RUNG_API rung_status rung_alloc(rung_context *ctx, size_t bytes, void **out);

/** Releases memory that the library handed out through this context. NULL is allowed. */
RUNG_API void rung_free(rung_context *ctx, void *memory);

/** Bytes that the library holds through this context now, without the context itself. */
RUNG_API size_t rung_memory_now(const rung_context *ctx);

/** The most bytes that the library has held through this context. */
RUNG_API size_t rung_memory_peak(const rung_context *ctx);

/**
 * Reads a decimal number ("-1.25", "3e-7", "inf", "nan") to double-double; the result is the
 * nearest double-double or its neighbour, and every number of 31 significant digits survives text
 * -> dd -> text. `end`, if not NULL, gets the first character that is not part of the number.
 * @return RUNG_E_FORMAT (no message) where `text` does not begin with a number.
 */
RUNG_API rung_status rung_dd_parse(const char *text, const char **end, rung_dd *out);

/**
 * Writes `x` with `digits` significant digits (1..40, correctly rounded) and a final 0 character,
 * in the shorter of fixed and exponent notation as printf's %g. 34 digits give back the same bits
 * where |lo| is at least a quarter of an ulp of `hi`, else the same value to 2^-108 of its size.
 * @param size bytes at `out`; 64 always suffice. @return RUNG_E_ARGUMENT (no message) where they do
 * not, or for other numbers of digits.
 */
RUNG_API rung_status rung_dd_format(rung_dd x, int digits, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
