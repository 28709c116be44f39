/* SPDX-License-Identifier: MIT */
/* The loops of resizing with vectors of 256 bits. */
#define RN_RESAMPLE_TABLE rn_resample_avx2
#include "image/resample_body.h"

#if !defined(__AVX2__)
#error "the build compiles this file with AVX2"
#endif
