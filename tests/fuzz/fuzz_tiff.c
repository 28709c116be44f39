/* SPDX-License-Identifier: MIT */
/* TIFF. */
#define RN_FUZZ_DECODER rn_pixels_decode_tiff
#include "fuzz_decoder.h"
