/* SPDX-License-Identifier: MIT */
/* What the files of the CPU's backend share. */
#ifndef RN_RUN_CPU_H
#define RN_RUN_CPU_H

#include "run/tape.h"

/* The gradient of a parameter, about to be written, or added to if *accumulate: nobody has used it up yet. NULL: the
 * operand is absent. */
float *rn_cpu_begin_gradient(const rn_tape *tape, const rn_operation *operation, int operand, bool *accumulate);

/* cpu_conv.c */
size_t rn_cpu_plan_conv(rn_tape *tape, int32_t operation);
void rn_cpu_conv(const rn_tape *tape, const rn_operation *operation);
size_t rn_cpu_plan_conv_backward(rn_tape *tape, int32_t operation);
void rn_cpu_conv_backward(const rn_tape *tape, const rn_operation *operation);

#endif
