/* SPDX-License-Identifier: MIT */
/* Copying elements between types and strides. */
#ifndef RN_TENSOR_CONVERT_H
#define RN_TENSOR_CONVERT_H

#include <resnet/tensor.h>

/*
 * target[i] = source[i] for every index of the shape, converted as tensor.h says. Strides count elements; data need
 * not be aligned. The two may be the same elements in the same type, but must not overlap otherwise.
 */
void rn_copy_elements(void *target, rn_dtype target_dtype, const int64_t *target_strides, const void *source,
                      rn_dtype source_dtype, const int64_t *source_strides, int32_t rank, const int64_t *shape);

/* IEEE 754 binary16 and bfloat16 as bits; to nearest, ties to even. */
uint16_t rn_to_float16(double value);
double rn_from_float16(uint16_t bits);
uint16_t rn_to_bfloat16(double value);
double rn_from_bfloat16(uint16_t bits);

#endif
