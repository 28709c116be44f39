/* SPDX-License-Identifier: MIT */
/* What this CPU and operating system offer. */
#ifndef RN_BASE_CPU_H
#define RN_BASE_CPU_H

#include <resnet/context.h>
#include <stdbool.h>

/*
 * The instruction sets (bits of rn_isa): CPUID's flags and, through XCR0, that the system saves the registers.
 * Reference and baseline are always among them.
 */
uint32_t rn_cpu_isas(void);
/* Whether AVX-512 has products of bfloat16 pairs. */
bool rn_cpu_has_bf16(void);
/*
 * CPUs that this process may use: `known` or, if that is 0, its affinity mask; cut by the cgroup's quota (v2 cpu.max,
 * v1 cfs_quota), at least 1.
 */
int32_t rn_cpu_count(int32_t known);
/*
 * The quota alone, rounded up, INT32_MAX if there is none. `groups` is a file like /proc/self/cgroup, `mount` where
 * the groups are mounted.
 */
int32_t rn_cgroup_cpus(const char *groups, const char *mount);

#endif
