/* SPDX-License-Identifier: MIT */
/* Winograd's transforms with vectors of 16 floats. */
#define RN_LANES 16
#define RN_WINOGRAD_TABLE rn_winograd_avx512
#include "kernels/winograd_body.h"
