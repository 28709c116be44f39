/* SPDX-License-Identifier: MIT */
/* Winograd's transforms with vectors of 4 floats. */
#define RN_LANES 4
#define RN_WINOGRAD_TABLE rn_winograd_baseline
#include "kernels/winograd_body.h"
