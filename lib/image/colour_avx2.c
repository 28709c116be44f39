/* SPDX-License-Identifier: MIT */
/* The loops of colour with vectors of 256 bits. */
#define RN_COLOUR_TABLE rn_colour_avx2
#include "image/colour_body.h"

#if !defined(__AVX2__)
#error "the build compiles this file with AVX2"
#endif
