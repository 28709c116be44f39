/* SPDX-License-Identifier: MIT */
/*
 * Vectors of RN_LANES floats, for the files of row_body.h; and the numbers of maps, which are floats, or, if RN_HALVES,
 * bfloat16: the upper halves of floats, rounded to the nearest, ties to even, when they are stored. What is computed is
 * float32 in either case. Denormals are not there to be rounded, since they are flushed where kernels run
 * (base/parallel.c).
 */
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
typedef uint16_t uvh __attribute__((vector_size(RN_LANES * 2), aligned(2), may_alias));
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

/* ---- numbers of maps --------------------------------------------------------------------------------------------- */

#if defined(RN_HALVES)
typedef uint16_t number __attribute__((may_alias));
#else
typedef float number;
#endif

enum { NUMBERS = sizeof(float) / sizeof(number) /* in the place of a float, which pitches count */ };

static ALWAYS_INLINE number *number_at(rn_matrix m, int64_t r, int64_t c)
{
    return (number *)(void *)(m.data + r * m.pitch) + c;
}

#if defined(RN_HALVES)
enum { QUIET = 0x40 /* of a NaN */ };

static inline vf load_map(const number *p)
{
    return (vf)(__builtin_convertvector(*(const uvh *)p, vi) << 16);
}

/* RN_ROUNDED: the set's instruction for it. */
static inline vh rounded(vf v)
{
#if defined(RN_ROUNDED)
    return RN_ROUNDED(v);
#else
    const vi bits = (vi)v, upper = bits >> 16, is_nan = v != v;
    const vi nearest = (bits + 0x7FFF + (upper & 1)) >> 16;

    return __builtin_convertvector((is_nan & (upper | QUIET)) | (~is_nan & nearest), vh);
#endif
}

static inline void store_map(number *p, vf v)
{
    *(uvh *)p = rounded(v);
}

static inline float load_number(const number *p)
{
    const union {
        uint32_t bits;
        float value;
    } wide = { (uint32_t)*p << 16 };

    return wide.value;
}

static inline void store_number(number *p, float v)
{
    const union {
        float value;
        uint32_t bits;
    } wide = { v };
    const uint32_t upper = wide.bits >> 16;

    *p = (number)(v != v ? upper | QUIET : (wide.bits + 0x7FFF + (upper & 1)) >> 16);
}
#else
static inline vf load_map(const number *p)
{
    return *(const uvf *)p;
}

static inline void store_map(number *p, vf v)
{
    *(uvf *)p = v;
}

static inline float load_number(const number *p)
{
    return *p;
}

static inline void store_number(number *p, float v)
{
    *p = v;
}
#endif

/* ---- masks ------------------------------------------------------------------------------------------------------- */

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
