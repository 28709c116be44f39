/* SPDX-License-Identifier: MIT */
/*
 * What this CPU can do and how much of it this process may use.
 *
 * Instruction sets: Intel's manual, volume 1, 14.3 and 15.2: the CPU has the set, and the system saves its registers
 * (XCR0). Quotas: the kernel's Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst
 * (cpu.cfs_quota_us).
 */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

static uint64_t enabled_registers(void)
{
    uint32_t low, high;

    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0)); /* xgetbv, for assemblers without it */
    return low | (uint64_t)high << 32;
}

uint32_t rn_cpu_isas(void)
{
    enum { ALWAYS = RN_ISA_REFERENCE | RN_ISA_BASELINE };
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX = 1 << 28 };                          /* leaf 1, ecx */
    enum { AVX2 = 1 << 5, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30 }; /* leaf 7, ebx */
    const uint32_t avx512vl = UINT32_C(1) << 31;
    const uint32_t avx512 = avx512vl | AVX512F | AVX512DQ | AVX512BW;
    const uint64_t ymm = 0x6, zmm = 0xe6; /* bits of XCR0: xmm and ymm; also masks, upper halves, zmm16 to 31 */
    uint32_t a, b, c, d;
    uint64_t enabled;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (FMA | OSXSAVE | AVX)) != (FMA | OSXSAVE | AVX))
        return ALWAYS;
    enabled = enabled_registers();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & AVX2) == 0 || (enabled & ymm) != ymm)
        return ALWAYS;
    return ALWAYS | RN_ISA_AVX2 | ((b & avx512) == avx512 && (enabled & zmm) == zmm ? RN_ISA_AVX512 : 0);
}

bool rn_cpu_has_bf16(void)
{
    enum { AVX512_BF16 = 1 << 5 }; /* leaf 7, subleaf 1, eax */
    uint32_t a, b, c, d;

    return (rn_cpu_isas() & RN_ISA_AVX512) != 0 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && a >= 1 &&
           __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & AVX512_BF16) != 0;
}
#else
uint32_t rn_cpu_isas(void)
{
    return RN_ISA_REFERENCE | RN_ISA_BASELINE;
}

bool rn_cpu_has_bf16(void)
{
    return false;
}
#endif

enum { NO_LIMIT = INT32_MAX, LINE_SIZE = 4096, PATH_SIZE = 2 * LINE_SIZE };

/* quota / period rounded up: half a CPU more is worth a thread. */
static int32_t quota_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0 || (quota - 1) / period >= NO_LIMIT)
        return NO_LIMIT;
    return (int32_t)((quota - 1) / period + 1);
}

static bool read_line(char *line, size_t size, const char *directory, const char *name)
{
    char path[PATH_SIZE + 64];
    const int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *const file = length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
    bool got;

    if (file == NULL)
        return false;
    got = fgets(line, (int)size, file) != NULL;
    fclose(file);
    return got;
}

/* The limit of one group; NO_LIMIT if it has none or cannot be read. */
static int32_t group_limit(const char *directory)
{
    char line[128], *rest;
    long long quota, period;

    if (read_line(line, sizeof line, directory, "cpu.max")) { /* "max 100000" or "150000 100000" */
        quota = strtoll(line, &rest, 10);
        return rest == line ? NO_LIMIT : quota_cpus(quota, strtoll(rest, NULL, 10));
    }
    if (!read_line(line, sizeof line, directory, "cpu.cfs_quota_us"))
        return NO_LIMIT;
    quota = strtoll(line, NULL, 10); /* -1: none */
    period = read_line(line, sizeof line, directory, "cpu.cfs_period_us") ? strtoll(line, NULL, 10) : 0;
    return quota_cpus(quota, period);
}

/* The least limit of a group and its parents up to the mount, which in a container is all that can be seen. */
static int32_t path_limit(const char *mount, const char *group)
{
    char directory[PATH_SIZE];
    const size_t root = strlen(mount);
    const int length = snprintf(directory, sizeof directory, "%s%s", mount, group);
    int32_t limit = NO_LIMIT;

    if (length < 0 || (size_t)length >= sizeof directory)
        return NO_LIMIT;
    for (;;) {
        const int32_t here = group_limit(directory);
        char *const slash = strrchr(directory, '/');

        if (here < limit)
            limit = here;
        if (strlen(directory) <= root || slash == NULL)
            return limit;
        *(slash < directory + root ? directory + root : slash) = '\0';
    }
}

/* True if `name` is one of the comma-separated controllers. */
static bool has_controller(const char *controllers, const char *name)
{
    const size_t length = strlen(name);

    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* A line of /proc/self/cgroup is "number:controllers:/group"; version 2 has number 0 and no controllers. */
static int32_t line_limit(char *line, const char *mount)
{
    static const char *const places[] = { "", "/unified", "/cpu", "/cpu,cpuacct" };
    char *const controllers = strchr(line, ':');
    char *const group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    int32_t limit = NO_LIMIT;

    if (group == NULL)
        return NO_LIMIT;
    *group = '\0';
    group[1 + strcspn(group + 1, "\n")] = '\0';
    if (controllers[1] != '\0' && !has_controller(controllers + 1, "cpu"))
        return NO_LIMIT;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char root[LINE_SIZE];
        const int length = snprintf(root, sizeof root, "%s%s", mount, places[i]);
        const int32_t here = length > 0 && (size_t)length < sizeof root ? path_limit(root, group + 1) : NO_LIMIT;

        if (here < limit)
            limit = here;
    }
    return limit;
}

int32_t rn_cgroup_cpus(const char *groups, const char *mount)
{
    FILE *const file = fopen(groups, "re");
    char line[LINE_SIZE];
    int32_t limit = NO_LIMIT;

    if (file == NULL)
        return NO_LIMIT;
    while (fgets(line, sizeof line, file) != NULL) {
        const int32_t here = line_limit(line, mount);

        if (here < limit)
            limit = here;
    }
    fclose(file);
    return limit;
}

/* CPUs of the affinity mask. The kernel refuses a mask that is too short for the machine, so it grows. */
static int32_t affinity_cpus(void)
{
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
        const size_t bytes = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *const set = CPU_ALLOC(cpus);
        int count = 0;

        if (set == NULL)
            break;
        if (sched_getaffinity(0, bytes, set) == 0)
            count = CPU_COUNT_S(bytes, set);
        CPU_FREE(set);
        if (count > 0)
            return (int32_t)count;
    }
    return 1;
}

int32_t rn_cpu_count(int32_t known)
{
    const int32_t affinity = known > 0 ? known : affinity_cpus(),
                  quota = rn_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");

    return quota < affinity ? quota : affinity;
}
