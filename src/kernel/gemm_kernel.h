/* Between the driver of the matrix products and their kernels. */
#ifndef RG_GEMM_KERNEL_H
#define RG_GEMM_KERNEL_H

#include "kernel/gemm.h"

/* The definition in plain loops: the portable path, and what every other kernel agrees with. */
void rg_gemm_plain(const rg_gemm_args *args);

#endif
