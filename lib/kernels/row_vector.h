/* SPDX-License-Identifier: MIT */
/* Vectors of RN_LANES floats, for the files of row_body.h. */
#ifndef RN_KERNELS_ROW_VECTOR_H
#define RN_KERNELS_ROW_VECTOR_H

#include <math.h>
#include <stddef.h>

#include "kernels/row_kernels.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Vectors as values, and (u...) as they lie in memory, on any float or byte. */
typedef float vf __attribute__((vector_size(RN_LANES * 4)));
typedef int32_t vi __attribute__((vector_size(RN_LANES * 4)));
typedef uint16_t vh __attribute__((vector_size(RN_LANES * 2)));
typedef double vd __attribute__((vector_size(RN_LANES * 4)));
typedef float uvf __attribute__((vector_size(RN_LANES * 4), aligned(4), may_alias));
typedef float uvhf __attribute__((vector_size(RN_LANES * 2), aligned(4), may_alias)); /* half a vector */
typedef double uvd __attribute__((vector_size(RN_LANES * 4), aligned(8), may_alias));
typedef uint8_t uvb __attribute__((vector_size(RN_LANES), aligned(1), may_alias));

enum { LANES = RN_LANES };

static inline vf load(const float *p)
{
    return *(const uvf *)p;
}

static inline void store(float *p, vf v)
{
    *(uvf *)p = v;
}

static inline vf splat(float x)
{
    return x - (vf){ 0 };
}

static inline vi splat_int(int32_t x)
{
    return x - (vi){ 0 };
}

/* v where the mask is set, else +0. */
static inline vf keep(vi mask, vf v)
{
    return (vf)((vi)v & mask);
}

/* max(v, 0); NaN stays NaN, as in PyTorch. */
static inline vf relu(vf v)
{
    return keep(~(v <= (vf){ 0 }), v);
}

static inline float relu_one(float x)
{
    return x <= 0 ? 0 : x;
}

#endif
