/* SPDX-License-Identifier: MIT */
/* WebP. */
#define RN_FUZZ_DECODER rn_pixels_decode_webp
#include "fuzz_decoder.h"
