/* SPDX-License-Identifier: MIT */
/* The loops of colour for any CPU. */
#define RN_COLOUR_TABLE rn_colour_baseline
#include "image/colour_body.h"
