/* SPDX-License-Identifier: MIT */
/* CPU counts under quotas (with files like the kernel's) and the instruction set. */
#define _GNU_SOURCE
#include "base/cpu.h"

#include "support/support.h"

#include <sched.h>
#include <sys/stat.h>

static const char *write_file(const char *directory, const char *name, const char *text)
{
    const char *const path = rn_test_path(directory, name);
    FILE *const file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

static const char *make_directory(const char *parent, const char *name)
{
    const char *const path = rn_test_path(parent, name);

    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void version_2_takes_the_least_of_the_group_and_its_parents(void **state)
{
    const char *const mount = rn_test_directory(), *const groups = write_file(mount, "cgroup", "0::/outer/inner\n");
    const char *const outer = make_directory(mount, "outer"), *const inner = make_directory(outer, "inner");

    (void)state;
    assert_int_equal(rn_cgroup_cpus(groups, mount), INT32_MAX);
    write_file(inner, "cpu.max", "max 100000\n");
    assert_int_equal(rn_cgroup_cpus(groups, mount), INT32_MAX);
    write_file(inner, "cpu.max", "400000 100000\n");
    assert_int_equal(rn_cgroup_cpus(groups, mount), 4);
    write_file(outer, "cpu.max", "250000 100000\n"); /* two and a half: three */
    assert_int_equal(rn_cgroup_cpus(groups, mount), 3);
    write_file(mount, "cpu.max", "20000 100000\n");
    assert_int_equal(rn_cgroup_cpus(groups, mount), 1);
}

static void a_container_that_does_not_see_its_group_has_its_mount(void **state)
{
    const char *const mount = rn_test_directory();
    const char *const groups = write_file(mount, "cgroup", "0::/system.slice/docker-0123.scope\n");

    (void)state;
    write_file(mount, "cpu.max", "200000 100000\n");
    assert_int_equal(rn_cgroup_cpus(groups, mount), 2);
}

static void version_1_has_quota_and_period_of_the_cpu_controller(void **state)
{
    const char *const mount = rn_test_directory();
    const char *const groups = write_file(mount, "cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/job\n0::/\n");
    const char *const cpu = make_directory(mount, "cpu,cpuacct");
    const char *const job = make_directory(cpu, "job"), *const other = make_directory(cpu, "other");

    (void)state;
    write_file(job, "cpu.cfs_period_us", "50000\n");
    write_file(job, "cpu.cfs_quota_us", "-1\n");
    write_file(other, "cpu.cfs_period_us", "50000\n");
    write_file(other, "cpu.cfs_quota_us", "50000\n"); /* another controller's group of the same hierarchy: not ours */
    assert_int_equal(rn_cgroup_cpus(groups, mount), INT32_MAX);
    write_file(job, "cpu.cfs_quota_us", "150000\n");
    assert_int_equal(rn_cgroup_cpus(groups, mount), 3);
}

static void nonsense_limits_nothing(void **state)
{
    static const char *const limits[] = { "", "x y\n", "0 0\n", "-5 100000\n", "100000\n", "9223372036854775807 1\n" };
    const char *const mount = rn_test_directory();
    const char *const groups = write_file(mount, "cgroup", "\n::\n0::\n0\n:\n0::/a");

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        write_file(mount, "cpu.max", limits[i]);
        assert_int_equal(rn_cgroup_cpus(groups, mount), INT32_MAX);
    }
    assert_int_equal(rn_cgroup_cpus(rn_test_path(mount, "absent"), mount), INT32_MAX);
}

static void the_affinity_mask_bounds_the_count(void **state)
{
    cpu_set_t before, one;
    int32_t alone;

    (void)state;
    assert_true(rn_cpu_count(0) >= 1);
    if (sched_getaffinity(0, sizeof before, &before) != 0)
        skip(); /* more CPUs than this mask has */
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &one);
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    alone = rn_cpu_count(0);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(alone, 1);
    assert_true(rn_cpu_count(0) <= CPU_COUNT(&before));
}

/* The compiler's run-time library looks at CPUID and XCR0 by itself. */
static void the_instruction_set_is_what_the_compiler_finds(void **state)
{
    (void)state;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");

    assert_int_equal(rn_cpu_isas(), RN_ISA_REFERENCE | RN_ISA_BASELINE | (avx2 ? RN_ISA_AVX2 : 0) |
                                        (avx2 && avx512 ? RN_ISA_AVX512 : 0));
#else
    assert_int_equal(rn_cpu_isas(), RN_ISA_REFERENCE | RN_ISA_BASELINE);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2_takes_the_least_of_the_group_and_its_parents),
        cmocka_unit_test(a_container_that_does_not_see_its_group_has_its_mount),
        cmocka_unit_test(version_1_has_quota_and_period_of_the_cpu_controller),
        cmocka_unit_test(nonsense_limits_nothing),
        cmocka_unit_test(the_affinity_mask_bounds_the_count),
        cmocka_unit_test(the_instruction_set_is_what_the_compiler_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
