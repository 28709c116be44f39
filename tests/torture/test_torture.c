/* SPDX-License-Identifier: MIT */
/*
 * Every reader and writer again with each of its calls to the system failing once: nothing crashes, leaks or hangs, the
 * status is that of a failed allocation or of a failed call (damage is never blamed), and a file that was to be
 * replaced is the old or the new one, whole, with nothing beside it.
 */
#define _GNU_SOURCE
#include "base/file.h"
#include "torture/failpoints.h"
#include "torture/torture.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEFAULT_CALLS = 24 };

static const char old_content[] = "old";

typedef struct outcome {
    rn_status status;
    long count[FAIL_KINDS];
    void *content; /* of the target after it; released with free */
    size_t nbytes;
} outcome;

static int remove_below(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    return place->level > 0 ? remove(path) : 0;
}

static void *content_of(const char *path, size_t *nbytes)
{
    const rn_allocator allocator = rn_default_allocator();
    void *content = NULL;

    assert_int_equal(rn_file_read(&content, nbytes, &allocator, path, SIZE_MAX / 4, NULL), RN_OK);
    return content;
}

static void require_alone(const char *directory)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_names names;

    assert_int_equal(rn_directory_list(&names, &allocator, directory, false, NULL), RN_OK);
    assert_int_equal(names.count, 1);
    rn_names_release(&names, &allocator);
}

static void put_old(const char *path)
{
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(old_content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static outcome run_once(const torture_scenario *scenario, const char *directory, fail_kind kind, long number)
{
    torture_place place = { .directory = directory };
    outcome result = { 0 };

    assert_int_equal(nftw(directory, remove_below, 16, FTW_DEPTH | FTW_PHYS), 0);
    place.context = rn_test_context(1, RN_ISA_AUTO);
    if (scenario->prepare != NULL)
        scenario->prepare(&place);
    if (scenario->target != NULL)
        put_old(rn_test_path(directory, scenario->target));
    fail_begin(kind, number);
    result.status = scenario->run(&place);
    memcpy(result.count, fail_end(), sizeof result.count);
    rn_model_destroy(place.model);
    rn_checkpoint_destroy(place.file);
    rn_dataset_destroy(place.train);
    rn_dataset_destroy(place.valid);
    rn_context_destroy(place.context);
    if (scenario->check != NULL)
        scenario->check(&(torture_place){ .directory = directory });
    if (scenario->target != NULL)
        result.content = content_of(rn_test_path(directory, scenario->target), &result.nbytes);
    return result;
}

static bool acceptable(rn_status status, fail_kind kind)
{
    if (kind == FAIL_SHORT || kind == FAIL_INTERRUPTED)
        return status == RN_OK;
    return status == RN_OK || status == (kind == FAIL_ALLOCATION ? RN_NO_MEMORY : RN_IO);
}

static bool same(const outcome *a, const void *content, size_t nbytes)
{
    return a->nbytes == nbytes && memcmp(a->content, content, nbytes) == 0;
}

/* One failure; how many of the demands it broke, each said. */
static int torture(const torture_scenario *scenario, const char *directory, const outcome *whole, fail_kind kind,
                   long number)
{
    const fail_holdings before = fail_held();
    outcome got = run_once(scenario, directory, kind, number);
    const char *complaint = NULL;
    fail_holdings after;

    if (!acceptable(got.status, kind))
        complaint = rn_status_string(got.status);
    else if (scenario->target != NULL && !same(&got, whole->content, whole->nbytes) &&
             (got.status == RN_OK || !same(&got, old_content, strlen(old_content))))
        complaint = "the file is neither the old nor the new one";
    if (scenario->target != NULL)
        require_alone(directory);
    free(got.content);
    after = fail_held();
    if (complaint == NULL && after.blocks != before.blocks)
        complaint = "memory is left";
    else if (complaint == NULL && (after.handles != before.handles || after.mappings != before.mappings))
        complaint = "a handle or a mapping is left";
    if (complaint == NULL)
        return 0;
    print_error("%s, %s %ld: %s\n", scenario->name, fail_kind_name[kind], number, complaint);
    return 1;
}

/* The first `most` calls, then as many spread evenly over the rest. */
static int torture_kind(const torture_scenario *scenario, const char *directory, const outcome *whole, fail_kind kind,
                        long most)
{
    const long count = whole->count[kind], rest = count - most, step = rest > most ? (rest + most - 1) / most : 1;
    int broken = 0;
    long tried = 0;

    for (long i = 0; i < count; i += i < most ? 1 : step, tried++)
        broken += torture(scenario, directory, whole, kind, i);
    if (count > 0)
        print_message("    %s: %ld of %ld calls%s\n", fail_kind_name[kind], tried, count,
                      tried < count ? ", a sample" : "");
    return broken;
}

static long total[FAIL_KINDS];

static void each_call_fails_once(void **state)
{
    const torture_scenario *const scenario = *state;
    const char *const chosen = getenv("RN_TORTURE_CALLS"), *const directory = rn_test_directory();
    const long most = chosen != NULL && atol(chosen) > 0 ? atol(chosen) : DEFAULT_CALLS;
    outcome warm = run_once(scenario, directory, FAIL_ALLOCATION, -1), whole;
    int broken = 0;

    free(warm.content); /* what the C library keeps from a first use is kept now */
    whole = run_once(scenario, directory, FAIL_ALLOCATION, -1);
    assert_int_equal(whole.status, RN_OK);
    for (int kind = 0; kind < FAIL_KINDS; kind++) {
        broken += torture_kind(scenario, directory, &whole, (fail_kind)kind, most);
        total[kind] += whole.count[kind];
    }
    free(whole.content);
    assert_int_equal(broken, 0);
}

/* Or nothing above would have been tested. */
static void calls_of_each_kind_were_seen(void **state)
{
    (void)state;
    for (int kind = 0; kind < FAIL_KINDS; kind++)
        if (total[kind] == 0)
            fail_msg("no call of kind %s was seen", fail_kind_name[kind]);
}

static size_t add_tests(struct CMUnitTest *tests, size_t count, const torture_scenario *scenarios)
{
    for (; scenarios->name != NULL; scenarios++)
        tests[count++] = (struct CMUnitTest){ .name = scenarios->name,
                                              .test_func = each_call_fails_once,
                                              .initial_state = (void *)(uintptr_t)scenarios };
    return count;
}

int main(void)
{
    struct CMUnitTest tests[64] = { 0 };
    size_t count = add_tests(tests, add_tests(tests, 0, torture_files), torture_runs);

    tests[count++] =
        (struct CMUnitTest){ .name = "calls of each kind were seen", .test_func = calls_of_each_kind_were_seen };
    return _cmocka_run_group_tests("torture", tests, count, NULL, NULL);
}
