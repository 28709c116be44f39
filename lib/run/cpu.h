/* SPDX-License-Identifier: MIT */
/* What cpu.c takes from the other files of the CPU's backend. */
#ifndef RN_RUN_CPU_H
#define RN_RUN_CPU_H

#include "run/backend.h"

/* cpu_conv.c */
size_t rn_cpu_plan_conv(rn_tape *tape, int32_t operation);
void rn_cpu_conv(const rn_tape *tape, const rn_operation *operation);
size_t rn_cpu_plan_conv_backward(rn_tape *tape, int32_t operation);
void rn_cpu_conv_backward(const rn_tape *tape, const rn_operation *operation);
rn_halving rn_cpu_conv_halves(const rn_tape *tape, const rn_operation *operation);

#endif
