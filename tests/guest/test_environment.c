/* SPDX-License-Identifier: MIT */
/*
 * How many threads a context has under the variables and limits that users set. The runtime reads some of them when a
 * program starts, so each case is a program of its own: this one, called again with "print".
 */
#define _GNU_SOURCE
#include <resnet/resnet.h>

#include "support/support.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int available; /* CPUs, without any variable */

static int print_threads(const char *wanted)
{
    rn_context *context = NULL;

    if (rn_context_create(&context, RN_OPTIONS(rn_context, .threads = atoi(wanted))) != RN_OK)
        return 1;
    printf("%d\n", (int)rn_context_threads(context));
    rn_context_destroy(context);
    return 0;
}

/* Keeps the first `cpus` CPUs of the process, as taskset does. */
static void keep_cpus(int cpus)
{
    cpu_set_t all, kept;

    CPU_ZERO(&kept);
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&kept) < cpus; cpu++) {
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &kept);
    }
    sched_setaffinity(0, sizeof kept, &kept);
}

/* Threads of a context of a program under these variables ("NAME=value", ended by NULL) and an option. */
static int threads_under(char *const *variables, const char *wanted, int cpus)
{
    int ends[2], status = -1, threads = -1;
    char text[32] = "";
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        if (cpus > 0)
            keep_cpus(cpus);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execve("/proc/self/exe", (char *[]){ (char *)"test", (char *)"print", (char *)wanted, NULL }, variables);
        _exit(9);
    }
    close(ends[1]);
    if (read(ends[0], text, sizeof text - 1) > 0)
        threads = atoi(text);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return threads;
}

#define UNDER(wanted, ...) threads_under((char *[]){ __VA_ARGS__, NULL }, wanted, 0)

static void binding_leaves_the_number(void **state)
{
    (void)state;
    assert_int_equal(UNDER("0", (char *)"OMP_PROC_BIND=true"), available);
    assert_int_equal(UNDER("0", (char *)"OMP_PROC_BIND=close"), available);
    assert_int_equal(UNDER("0", (char *)"OMP_PROC_BIND=spread", (char *)"OMP_PLACES=threads"), available);
    assert_int_equal(UNDER("0", (char *)"OMP_PROC_BIND=false"), available);
    assert_int_equal(UNDER("0", (char *)"OMP_PLACES=cores"), available);
}

static void places_are_what_there_is(void **state)
{
    cpu_set_t all;
    char places[64], affinity[64];
    int first = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    while (!CPU_ISSET(first, &all))
        first++;
    snprintf(places, sizeof places, "OMP_PLACES={%d}", first);
    assert_int_equal(UNDER("0", places), 1);
    assert_int_equal(UNDER("0", places, (char *)"OMP_PROC_BIND=true"), 1);
    snprintf(affinity, sizeof affinity, "GOMP_CPU_AFFINITY=%d", first);
    if (UNDER("0", affinity) != available) /* clang's runtime does not know it */
        assert_int_equal(UNDER("0", affinity), 1);
}

static void a_number_is_taken(void **state)
{
    (void)state;
    assert_int_equal(UNDER("0", (char *)"OMP_NUM_THREADS=3"), 3);
    assert_int_equal(UNDER("0", (char *)"OMP_NUM_THREADS=5,2"), 5);
    assert_int_equal(UNDER("0", (char *)"OMP_NUM_THREADS=3", (char *)"OMP_PROC_BIND=true"), 3);
    assert_int_equal(UNDER("0", (char *)"OMP_NUM_THREADS="), available);
    assert_int_equal(UNDER("0", (char *)"OMP_NUM_THREADS=7", (char *)"OMP_THREAD_LIMIT=4"), 4);
    assert_int_equal(UNDER("0", (char *)"OMP_THREAD_LIMIT=1"), 1);
}

static void ours_win(void **state)
{
    (void)state;
    assert_int_equal(UNDER("4", (char *)"OMP_NUM_THREADS=3"), 4);
    assert_int_equal(UNDER("0", (char *)"OMP_NUM_THREADS=3", (char *)"RN_THREADS=6"), 6);
    assert_int_equal(UNDER("4", (char *)"OMP_PROC_BIND=true", (char *)"RN_THREADS=6"), 6);
}

static void a_mask_is_kept(void **state)
{
    char *none[] = { NULL }, *bound[] = { (char *)"OMP_PROC_BIND=true", NULL };

    (void)state;
    assert_int_equal(threads_under(none, "0", 1), 1);
    assert_int_equal(threads_under(bound, "0", 1), 1);
    assert_int_equal(threads_under(bound, "2", 1), 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binding_leaves_the_number),
        cmocka_unit_test(places_are_what_there_is),
        cmocka_unit_test(a_number_is_taken),
        cmocka_unit_test(ours_win),
        cmocka_unit_test(a_mask_is_kept),
    };
    char *none[] = { NULL };

    if (argc == 3 && strcmp(argv[1], "print") == 0)
        return print_threads(argv[2]);
    available = threads_under(none, "0", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
