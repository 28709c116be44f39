/* SPDX-License-Identifier: MIT */
/*
 * Copying elements between types and strides.
 *
 * The axes are sorted by the target's strides and merged where both sides are contiguous, so that what remains is a
 * few long rows. A row of one type is moved; otherwise runs of it pass through a buffer of doubles or, where the
 * source has integers, of int64: those keep every value of their sources.
 */
#include "tensor/convert.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { RUN = 256 };

/* Types -------------------------------------------------------------------------------------------------------- */

typedef struct type_facts {
    const char *name;
    size_t size;
    bool is_integer;
} type_facts;

static const type_facts types[] = {
    [0] = { "unknown", 0, false },
    [RN_FLOAT32] = { "float32", 4, false },
    [RN_FLOAT64] = { "float64", 8, false },
    [RN_FLOAT16] = { "float16", 2, false },
    [RN_BFLOAT16] = { "bfloat16", 2, false },
    [RN_INT8] = { "int8", 1, true },
    [RN_INT16] = { "int16", 2, true },
    [RN_INT32] = { "int32", 4, true },
    [RN_INT64] = { "int64", 8, true },
    [RN_UINT8] = { "uint8", 1, true },
    [RN_BOOL] = { "bool", 1, true },
};

static const type_facts *facts_of(rn_dtype dtype)
{
    const size_t index = (size_t)dtype;

    return &types[index < sizeof types / sizeof types[0] ? index : 0];
}

size_t rn_dtype_size(rn_dtype dtype)
{
    return facts_of(dtype)->size;
}

const char *rn_dtype_name(rn_dtype dtype)
{
    return facts_of(dtype)->name;
}

/* Half precision ----------------------------------------------------------------------------------------------- */

/* A binary format of 16 bits: sign, exponent, and this many bits of fraction (IEEE 754, section 3.4). */
static uint16_t narrow(double value, int fraction_bits)
{
    const int top = (1 << (15 - fraction_bits)) - 1, bias = top >> 1;
    uint64_t bits, significand, rounded, rest, half;
    uint16_t sign;
    int exponent, shift = 52 - fraction_bits;

    memcpy(&bits, &value, sizeof bits);
    sign = (uint16_t)(bits >> 63 << 15);
    exponent = (int)(bits >> 52 & 0x7ff);
    significand = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff && significand != 0) /* NaN, made quiet */
        return (uint16_t)(sign | top << fraction_bits | 1 << (fraction_bits - 1) | (int)(significand >> shift));
    if (exponent == 0x7ff)
        return (uint16_t)(sign | top << fraction_bits);
    if (exponent == 0)
        return sign; /* a denormal double is far below half of the smallest number here */
    significand |= UINT64_C(1) << 52;
    exponent += bias - 1023;
    if (exponent < 1) { /* a denormal: fewer bits are left */
        shift += 1 - exponent;
        exponent = 1;
    }
    if (shift > 63)
        return sign;
    rounded = significand >> shift;
    rest = significand & ((UINT64_C(1) << shift) - 1);
    half = UINT64_C(1) << (shift - 1);
    if (rest > half || (rest == half && (rounded & 1) != 0))
        rounded++;
    rounded += (uint64_t)(exponent - 1) << fraction_bits; /* the leading one raises the exponent, and so does a carry */
    if (rounded > (uint64_t)top << fraction_bits)
        rounded = (uint64_t)top << fraction_bits;
    return (uint16_t)(sign | rounded);
}

static double widen(uint16_t half, int fraction_bits)
{
    const int top = (1 << (15 - fraction_bits)) - 1, bias = top >> 1;
    const uint64_t sign = (uint64_t)(half >> 15) << 63;
    const int exponent = half >> fraction_bits & top;
    uint64_t bits = half & ((UINT64_C(1) << fraction_bits) - 1);
    double value;

    if (exponent == 0) {
        value = ldexp((double)bits, 1 - bias - fraction_bits);
        memcpy(&bits, &value, sizeof bits);
    } else {
        bits = bits << (52 - fraction_bits) | (uint64_t)(exponent == top ? 0x7ff : exponent + 1023 - bias) << 52;
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

enum { FLOAT16_FRACTION = 10, BFLOAT16_FRACTION = 7 };

uint16_t rn_to_float16(double value)
{
    return narrow(value, FLOAT16_FRACTION);
}

double rn_from_float16(uint16_t bits)
{
    return widen(bits, FLOAT16_FRACTION);
}

uint16_t rn_to_bfloat16(double value)
{
    return narrow(value, BFLOAT16_FRACTION);
}

double rn_from_bfloat16(uint16_t bits)
{
    return widen(bits, BFLOAT16_FRACTION);
}

/* Runs --------------------------------------------------------------------------------------------------------- */

/* Steps count bytes here. Elements are loaded and stored by memcpy: a file need not align them. */

static void load_reals(double *values, const char *source, rn_dtype dtype, int64_t step, int64_t count)
{
    for (int64_t i = 0; i < count; i++, source += step) {
        float single;
        uint16_t half;

        switch (dtype) {
        case RN_FLOAT32:
            memcpy(&single, source, sizeof single);
            values[i] = (double)single;
            break;
        case RN_FLOAT64: memcpy(&values[i], source, sizeof values[i]); break;
        default:
            memcpy(&half, source, sizeof half);
            values[i] = dtype == RN_FLOAT16 ? rn_from_float16(half) : rn_from_bfloat16(half);
        }
    }
}

static void load_integers(int64_t *values, const char *source, rn_dtype dtype, int64_t step, int64_t count)
{
    for (int64_t i = 0; i < count; i++, source += step) {
        int16_t two;
        int32_t four;

        switch (dtype) {
        case RN_INT8: values[i] = *(const signed char *)source; break;
        case RN_INT16:
            memcpy(&two, source, sizeof two);
            values[i] = two;
            break;
        case RN_INT32:
            memcpy(&four, source, sizeof four);
            values[i] = four;
            break;
        case RN_INT64: memcpy(&values[i], source, sizeof values[i]); break;
        case RN_UINT8: values[i] = *(const unsigned char *)source; break;
        default: values[i] = *source != 0;
        }
    }
}

static void store_reals(char *target, rn_dtype dtype, int64_t step, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++, target += step) {
        float single;
        uint16_t half;

        switch (dtype) {
        case RN_FLOAT32:
            single = (float)values[i];
            memcpy(target, &single, sizeof single);
            break;
        case RN_FLOAT64: memcpy(target, &values[i], sizeof values[i]); break;
        default:
            half = dtype == RN_FLOAT16 ? rn_to_float16(values[i]) : rn_to_bfloat16(values[i]);
            memcpy(target, &half, sizeof half);
        }
    }
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void store_integers(char *target, rn_dtype dtype, int64_t step, const int64_t *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++, target += step) {
        int16_t two;
        int32_t four;

        switch (dtype) {
        case RN_INT8: *(signed char *)target = (signed char)clamp(values[i], INT8_MIN, INT8_MAX); break;
        case RN_INT16:
            two = (int16_t)clamp(values[i], INT16_MIN, INT16_MAX);
            memcpy(target, &two, sizeof two);
            break;
        case RN_INT32:
            four = (int32_t)clamp(values[i], INT32_MIN, INT32_MAX);
            memcpy(target, &four, sizeof four);
            break;
        case RN_INT64: memcpy(target, &values[i], sizeof values[i]); break;
        case RN_UINT8: *(unsigned char *)target = (unsigned char)clamp(values[i], 0, UINT8_MAX); break;
        default: *target = values[i] != 0;
        }
    }
}

/*
 * An integer as a double on its way to a shorter format. Rounding twice could be wrong where the first rounding makes a
 * tie; rounding to odd first (the last of 53 bits is set if anything was lost) cannot. S. Boldo, G. Melquiond, "When
 * double rounding is odd", 2005.
 */
static double odd_double(int64_t value)
{
    const bool negative = value < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t scale = 1;

    while (magnitude >> 53 != 0) {
        magnitude = magnitude >> 1 | (magnitude & 1);
        scale <<= 1;
    }
    return (negative ? -1.0 : 1.0) * (double)magnitude * (double)scale;
}

static int64_t truncated(double value)
{
    if (isnan(value))
        return 0;
    if (value >= 0x1p63)
        return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

/* A run of at most RUN elements from one type to another. */
static void convert_run(char *target, rn_dtype target_dtype, int64_t target_step, const char *source,
                        rn_dtype source_dtype, int64_t source_step, int64_t count)
{
    double reals[RUN];
    int64_t integers[RUN];

    if (facts_of(source_dtype)->is_integer) {
        load_integers(integers, source, source_dtype, source_step, count);
        for (int64_t i = 0; i < count && !facts_of(target_dtype)->is_integer; i++)
            reals[i] = target_dtype == RN_FLOAT64 ? (double)integers[i] : odd_double(integers[i]);
    } else {
        load_reals(reals, source, source_dtype, source_step, count);
        for (int64_t i = 0; i < count && facts_of(target_dtype)->is_integer; i++)
            integers[i] = target_dtype == RN_BOOL ? reals[i] != 0 : truncated(reals[i]);
    }
    if (facts_of(target_dtype)->is_integer)
        store_integers(target, target_dtype, target_step, integers, count);
    else
        store_reals(target, target_dtype, target_step, reals, count);
}

/* Elements of one type, moved as they are: a NaN keeps its payload. */
static void move_row(char *target, int64_t target_step, const char *source, int64_t source_step, size_t size,
                     int64_t count)
{
    if (target_step == (int64_t)size && source_step == (int64_t)size) {
        memcpy(target, source, size * (size_t)count);
        return;
    }
    for (int64_t i = 0; i < count; i++, target += target_step, source += source_step) {
        switch (size) { /* constant sizes become single moves */
        case 8: memcpy(target, source, 8); break;
        case 4: memcpy(target, source, 4); break;
        case 2: memcpy(target, source, 2); break;
        default: *target = *source;
        }
    }
}

/* Rows --------------------------------------------------------------------------------------------------------- */

/* An axis to walk: steps in bytes. */
typedef struct axis {
    int64_t size, target_step, source_step;
} axis;

/*
 * The axes with more than one element, outermost first by the target's steps, neighbours merged. Returns how many; at
 * least 1.
 */
static int32_t arrange(axis *axes, int32_t rank, const int64_t *shape, const int64_t *target_strides,
                       int64_t target_size, const int64_t *source_strides, int64_t source_size)
{
    int32_t count = 0, merged = 0;

    for (int32_t i = 0; i < rank; i++) {
        int32_t at = count;
        axis a;

        if (shape[i] == 1)
            continue;
        a = (axis){ shape[i], target_strides[i] * target_size, source_strides[i] * source_size };
        for (; at > 0 && axes[at - 1].target_step < a.target_step; at--)
            axes[at] = axes[at - 1];
        axes[at] = a;
        count++;
    }
    if (count == 0)
        axes[count++] = (axis){ 1, target_size, source_size };
    for (int32_t i = 1; i < count; i++) {
        axis *const outer = &axes[merged];

        if (outer->target_step == axes[i].target_step * axes[i].size &&
            outer->source_step == axes[i].source_step * axes[i].size)
            *outer = (axis){ outer->size * axes[i].size, axes[i].target_step, axes[i].source_step };
        else
            axes[++merged] = axes[i];
    }
    return merged + 1;
}

static void copy_row(char *target, rn_dtype target_dtype, const char *source, rn_dtype source_dtype, const axis *row)
{
    if (target_dtype == source_dtype) {
        move_row(target, row->target_step, source, row->source_step, rn_dtype_size(target_dtype), row->size);
        return;
    }
    for (int64_t i = 0; i < row->size; i += RUN) {
        const int64_t count = row->size - i < RUN ? row->size - i : RUN;

        convert_run(target + i * row->target_step, target_dtype, row->target_step, source + i * row->source_step,
                    source_dtype, row->source_step, count);
    }
}

static bool same_elements(const void *target, rn_dtype target_dtype, const int64_t *target_strides, const void *source,
                          rn_dtype source_dtype, const int64_t *source_strides, int32_t rank)
{
    bool same = target == source && target_dtype == source_dtype;

    for (int32_t i = 0; i < rank; i++)
        same = same && target_strides[i] == source_strides[i];
    return same;
}

void rn_copy_elements(void *target, rn_dtype target_dtype, const int64_t *target_strides, const void *source,
                      rn_dtype source_dtype, const int64_t *source_strides, int32_t rank, const int64_t *shape)
{
    axis axes[RN_MAX_RANK + 1];
    int64_t index[RN_MAX_RANK + 1] = { 0 };
    int64_t to = 0, from = 0; /* bytes */
    int32_t last, at;

    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] == 0)
            return;
    }
    if (same_elements(target, target_dtype, target_strides, source, source_dtype, source_strides, rank))
        return;
    last = arrange(axes, rank, shape, target_strides, (int64_t)rn_dtype_size(target_dtype), source_strides,
                   (int64_t)rn_dtype_size(source_dtype)) -
           1;
    do {
        copy_row((char *)target + to, target_dtype, (const char *)source + from, source_dtype, &axes[last]);
        /* The next row: like an odometer, the innermost of the outer axes first. */
        for (at = last - 1; at >= 0; at--) {
            to += axes[at].target_step;
            from += axes[at].source_step;
            if (++index[at] < axes[at].size)
                break;
            to -= axes[at].size * axes[at].target_step;
            from -= axes[at].size * axes[at].source_step;
            index[at] = 0;
        }
    } while (at >= 0);
}
