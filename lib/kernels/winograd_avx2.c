/* SPDX-License-Identifier: MIT */
/* Winograd's transforms with vectors of 8 floats. */
#define RN_LANES 8
#define RN_WINOGRAD_TABLE rn_winograd_avx2
#include "kernels/winograd_body.h"
