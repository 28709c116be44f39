/* SPDX-License-Identifier: MIT */
/* The box of CutMix, for tests: the rest is public. */
#ifndef RN_DATA_MIXING_H
#define RN_DATA_MIXING_H

#include <resnet/mixing.h>

/* CutMix of a lambda, with the centre (x, y): the box, and the lambda of what is left of it. */
void rn_mix_cut(rn_mixture *mix, double lambda, int64_t x, int64_t y, int64_t height, int64_t width);

#endif
