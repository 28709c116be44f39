/* SPDX-License-Identifier: MIT */
/* The loops of resizing for any CPU. */
#define RN_RESAMPLE_TABLE rn_resample_baseline
#include "image/resample_body.h"
