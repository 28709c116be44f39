/* SPDX-License-Identifier: MIT */
/* Replacing files: all or nothing, and no leftovers. */
#define _GNU_SOURCE
#include "base/file.h"

#include "support/support.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void require_content(const char *path, const void *content, size_t nbytes)
{
    const rn_allocator allocator = rn_default_allocator();
    void *bytes;
    size_t got;

    assert_int_equal(rn_file_read(&bytes, &got, &allocator, path, SIZE_MAX, NULL), RN_OK);
    assert_int_equal(got, nbytes);
    assert_memory_equal(bytes, content, nbytes);
    rn_release(&allocator, bytes);
}

/* Only these many files are in the directory: no temporary one stayed. */
static void require_files(const char *directory, size_t count)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_names names;

    assert_int_equal(rn_directory_list(&names, &allocator, directory, false, NULL), RN_OK);
    assert_int_equal(names.count, count);
    rn_names_release(&names, &allocator);
}

static void replace(const char *path, const char *content)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_replacement *r;

    assert_int_equal(rn_file_replace_begin(&r, &allocator, path, NULL), RN_OK);
    assert_int_equal(rn_file_replace_write(r, content, strlen(content)), RN_OK);
    assert_int_equal(rn_file_replace_commit(r, NULL), RN_OK);
}

static void commit_replaces_and_abandon_does_not(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory(), *const path = rn_test_path(directory, "best");
    rn_replacement *r;

    (void)state;
    replace(path, "old");
    require_content(path, "old", 3);
    assert_int_equal(rn_file_replace_begin(&r, &allocator, path, NULL), RN_OK);
    assert_int_equal(rn_file_replace_write(r, "new", 3), RN_OK);
    require_content(path, "old", 3);
    rn_file_replace_abandon(r);
    rn_file_replace_abandon(NULL);
    require_content(path, "old", 3);
    require_files(directory, 1);
    replace(path, "new");
    require_content(path, "new", 3);
    require_files(directory, 1);
}

static void writes_of_all_sizes_arrive_in_order(void **state)
{
    static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 3, 200000, 65536, 5 };
    const rn_allocator allocator = rn_default_allocator();
    const char *const path = rn_test_path(rn_test_directory(), "file");
    unsigned char *const content = malloc(1 << 20);
    size_t used = 0;
    rn_replacement *r;

    (void)state;
    for (size_t i = 0; i < 1 << 20; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 24);
    assert_int_equal(rn_file_replace_begin(&r, &allocator, path, NULL), RN_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(rn_file_replace_write(r, content + used, sizes[i]), RN_OK);
        used += sizes[i];
    }
    assert_int_equal(rn_file_replace_commit(r, NULL), RN_OK);
    require_content(path, content, used);
    free(content);
}

static void a_new_file_has_the_permissions_of_the_mask(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "file");
    const mode_t before = umask(027);
    struct stat info;

    (void)state;
    replace(path, "x");
    umask(before);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void two_replacements_of_one_file_do_not_meet(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory(), *const path = rn_test_path(directory, "file");
    rn_replacement *a, *b;

    (void)state;
    assert_int_equal(rn_file_replace_begin(&a, &allocator, path, NULL), RN_OK);
    assert_int_equal(rn_file_replace_begin(&b, &allocator, path, NULL), RN_OK);
    assert_int_equal(rn_file_replace_write(a, "first", 5), RN_OK);
    assert_int_equal(rn_file_replace_write(b, "second", 6), RN_OK);
    assert_int_equal(rn_file_replace_commit(a, NULL), RN_OK);
    require_content(path, "first", 5);
    assert_int_equal(rn_file_replace_commit(b, NULL), RN_OK);
    require_content(path, "second", 6);
    require_files(directory, 1);
}

/* A limit on the size of files stands for a full disk: write() takes a part and then fails. */
static void a_full_disk_leaves_the_old_file_and_no_other(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory(), *const path = rn_test_path(directory, "file");
    static unsigned char bytes[300000];
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small;

    (void)state;
    replace(path, "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    for (size_t limit = 0; limit <= 150000; limit += 50000) {
        rn_message message = { "" };
        rn_replacement *r;
        rn_status status;

        small.rlim_cur = limit;
        assert_int_equal(rn_file_replace_begin(&r, &allocator, path, &message), RN_OK);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        for (size_t i = 0; i < 10; i++) /* a failure in the middle stays */
            rn_file_replace_write(r, bytes, i == 3 ? sizeof bytes : 1000);
        assert_int_equal(rn_file_replace_write(r, bytes, 1), RN_IO);
        status = rn_file_replace_commit(r, &message);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, RN_IO);
        assert_non_null(strstr(message.text, path));
        require_content(path, "old", 3);
        require_files(directory, 1);
    }
    signal(SIGXFSZ, handler);
}

enum { SURVIVED, NOT_BEGUN, NOT_REFUSED, LEFT_PENDING, TAKEN_AWAY, LEFT_BLOCKED };

/* In a child of its own: writes beyond the limit while SIGXFSZ would end the process. `foreign`: one is pending before.
 */
static int write_beyond_the_limit(const char *path, bool foreign)
{
    static unsigned char bytes[300000];
    const rn_allocator allocator = rn_default_allocator();
    const struct rlimit small = { .rlim_cur = 1000, .rlim_max = 1000 };
    sigset_t set, pending, mask;
    rn_replacement *r;

    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    sigprocmask(foreign ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    if (foreign)
        raise(SIGXFSZ);
    if (rn_file_replace_begin(&r, &allocator, path, NULL) != RN_OK || setrlimit(RLIMIT_FSIZE, &small) != 0)
        return NOT_BEGUN;
    if (rn_file_replace_write(r, bytes, sizeof bytes) != RN_IO || rn_file_replace_commit(r, NULL) != RN_IO)
        return NOT_REFUSED;
    sigpending(&pending);
    if (sigismember(&pending, SIGXFSZ) != (foreign ? 1 : 0))
        return foreign ? TAKEN_AWAY : LEFT_PENDING;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGXFSZ) == (foreign ? 1 : 0) ? SURVIVED : LEFT_BLOCKED;
}

static void the_signal_of_a_file_too_large_ends_nobody(void **state)
{
    const char *const directory = rn_test_directory(), *const path = rn_test_path(directory, "file");

    (void)state;
    replace(path, "old");
    for (int foreign = 0; foreign < 2; foreign++) {
        const pid_t child = fork();
        int ended = 0;

        assert_true(child >= 0);
        if (child == 0)
            _exit(write_beyond_the_limit(path, foreign));
        assert_int_equal(waitpid(child, &ended, 0), child);
        assert_true(WIFEXITED(ended));
        assert_int_equal(WEXITSTATUS(ended), SURVIVED);
        require_content(path, "old", 3);
        require_files(directory, 1);
    }
}

/* What fits the buffer fails only when it is flushed. */
static void a_failure_at_the_last_moment_is_reported_by_commit(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory(), *const path = rn_test_path(directory, "file");
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, none;
    rn_replacement *r;
    rn_status status;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(rn_file_replace_begin(&r, &allocator, path, NULL), RN_OK);
    assert_int_equal(rn_file_replace_write(r, "new", 3), RN_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    status = rn_file_replace_commit(r, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, RN_IO);
    require_files(directory, 0);

    /* The target became a directory in between: the rename fails. */
    assert_int_equal(rn_file_replace_begin(&r, &allocator, path, NULL), RN_OK);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(rn_file_replace_commit(r, NULL), RN_IO);
    require_files(directory, 0);
}

static void what_cannot_be_replaced_is_refused_at_once(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory();
    const char *const paths[] = { directory, "/dev/null", rn_test_path(directory, "absent/file") };

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        rn_message message = { "" };
        rn_replacement *r;

        assert_int_equal(rn_file_replace_begin(&r, &allocator, paths[i], &message), RN_IO);
        assert_null(r);
        assert_non_null(strstr(message.text, paths[i]));
        assert_null(strstr(message.text, ".tmp")); /* a name of ours, which the caller has never heard of */
    }
}

static void a_name_without_a_directory_is_of_the_current_one(void **state)
{
    const char *const directory = rn_test_directory();
    char before[4096];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    replace("file", "x");
    assert_int_equal(chdir(before), 0);
    require_content(rn_test_path(directory, "file"), "x", 1);
}

static void leave(const char *directory, const char *name)
{
    FILE *const file = fopen(rn_test_path(directory, name), "w");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

/* A killed process leaves its temporary file: the fork below ends without a chance to remove it. */
static void leftovers_of_killed_processes_are_removed_and_nothing_else(void **state)
{
    static const char *const others[] = { "best",          "best.1.tmp",  "best.1-x.tmp",  "best.-1.tmp",
                                          "best.1-2.tmpx", "bes.1-2.tmp", "bestx.1-2.tmp", "xbest.1-2.tmp" };
    const size_t count = sizeof others / sizeof others[0];
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory(), *const path = rn_test_path(directory, "best");
    const pid_t child = fork();
    char before[4096];

    (void)state;
    if (child == 0) {
        rn_replacement *r;

        _exit(rn_file_replace_begin(&r, &allocator, path, NULL) != RN_OK);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (size_t i = 0; i < count; i++)
        leave(directory, others[i]);
    require_files(directory, count + 1);
    assert_int_equal(rn_file_replace_clean(&allocator, path, NULL), RN_OK);
    require_files(directory, count);
    assert_int_equal(access(path, F_OK), 0);
    leave(directory, "best.77-0.tmp");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(rn_file_replace_clean(&allocator, "best", NULL), RN_OK);
    assert_int_equal(chdir(before), 0);
    require_files(directory, count);
    assert_int_equal(rn_file_replace_clean(&allocator, "/absent/best", NULL), RN_IO);
}

typedef struct beginning {
    rn_test_allocator hooks;
    const char *directory;
} beginning;

static rn_status begin_and_abandon(void *payload)
{
    beginning *const job = payload;
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &job->hooks };
    rn_replacement *r;
    const rn_status status = rn_file_replace_begin(&r, &allocator, rn_test_path(job->directory, "file"), NULL);

    rn_file_replace_abandon(r);
    require_files(job->directory, 0);
    return status;
}

static void every_failing_allocation_is_no_memory_and_leaks_nothing(void **state)
{
    beginning job = { .directory = rn_test_directory() };

    (void)state;
    rn_test_fail_each(&job.hooks, begin_and_abandon, &job, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_replaces_and_abandon_does_not),
        cmocka_unit_test(writes_of_all_sizes_arrive_in_order),
        cmocka_unit_test(a_new_file_has_the_permissions_of_the_mask),
        cmocka_unit_test(two_replacements_of_one_file_do_not_meet),
        cmocka_unit_test(a_full_disk_leaves_the_old_file_and_no_other),
        cmocka_unit_test(the_signal_of_a_file_too_large_ends_nobody),
        cmocka_unit_test(a_failure_at_the_last_moment_is_reported_by_commit),
        cmocka_unit_test(what_cannot_be_replaced_is_refused_at_once),
        cmocka_unit_test(a_name_without_a_directory_is_of_the_current_one),
        cmocka_unit_test(leftovers_of_killed_processes_are_removed_and_nothing_else),
        cmocka_unit_test(every_failing_allocation_is_no_memory_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
