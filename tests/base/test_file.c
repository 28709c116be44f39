/* SPDX-License-Identifier: MIT */
/* Reading and mapping files, and the lock. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"

#include "support/support.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *write_bytes(const char *name, const void *bytes, size_t nbytes)
{
    const char *const path = rn_test_path(rn_test_directory(), name);
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, nbytes, file), nbytes);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void the_whole_file_is_read_and_ends_in_a_zero(void **state)
{
    static const size_t sizes[] = { 0, 1, 4096, 100001 };
    const rn_allocator allocator = rn_default_allocator();

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *const content = malloc(sizes[i] + 1);
        void *bytes;
        size_t nbytes;

        for (size_t j = 0; j < sizes[i]; j++)
            content[j] = (char)(j * 7 + 1);
        content[sizes[i]] = '\0';
        assert_int_equal(
            rn_file_read(&bytes, &nbytes, &allocator, write_bytes("file", content, sizes[i]), sizes[i], NULL), RN_OK);
        assert_int_equal(nbytes, sizes[i]);
        assert_memory_equal(bytes, content, sizes[i] + 1);
        rn_release(&allocator, bytes);
        free(content);
    }
}

static void a_file_over_the_limit_is_refused_by_name(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const path = write_bytes("large", "12345", 5);
    rn_message message;
    void *bytes;
    size_t nbytes;

    (void)state;
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, path, 5, &message), RN_OK);
    rn_release(&allocator, bytes);
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, path, SIZE_MAX, &message), RN_OK);
    rn_release(&allocator, bytes);
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, path, 4, &message), RN_FORMAT);
    assert_null(bytes);
    assert_non_null(strstr(message.text, path));
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, path, 0, &message), RN_FORMAT);
}

/* The kernel says that its files have no bytes, and they have. */
static void a_file_that_is_longer_than_its_size_says_is_read_whole(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    void *bytes;
    size_t nbytes;

    (void)state;
    if (access("/proc/self/smaps", R_OK) != 0)
        skip();
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, "/proc/self/smaps", 1 << 24, NULL), RN_OK);
    assert_true(nbytes > 5000); /* the buffer had to grow at least once */
    assert_int_equal(strlen(bytes), nbytes);
    rn_release(&allocator, bytes);
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, "/proc/self/smaps", 5000, NULL), RN_FORMAT);
}

static void what_is_no_file_is_refused_with_path_and_reason(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const directory = rn_test_directory();
    const char *const pipe_path = rn_test_path(directory, "pipe"), *const absent = rn_test_path(directory, "absent");
    const char *const paths[] = { directory, pipe_path, absent, "/dev/null" };

    (void)state;
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        rn_message message = { "" };
        rn_mapping mapping;
        void *bytes;
        size_t nbytes;

        assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, paths[i], 100, &message), RN_IO);
        assert_non_null(strstr(message.text, paths[i]));
        assert_null(bytes);
        message.text[0] = '\0';
        assert_int_equal(rn_file_map(&mapping, paths[i], &message), RN_IO);
        assert_non_null(strstr(message.text, paths[i]));
        rn_file_unmap(&mapping);
    }
}

static rn_status read_file(void *payload)
{
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, payload };
    void *bytes;
    size_t nbytes;
    const rn_status status = rn_file_read(&bytes, &nbytes, &allocator, write_bytes("file", "12345", 5), 100, NULL);

    rn_release(&allocator, bytes);
    return status;
}

static void every_failing_allocation_is_no_memory_and_leaks_nothing(void **state)
{
    rn_test_allocator hooks = { 0 };

    (void)state;
    rn_test_fail_each(&hooks, read_file, &hooks, 1);
}

static void a_mapping_shows_the_file(void **state)
{
    rn_mapping mapping;

    (void)state;
    assert_int_equal(rn_file_map(&mapping, write_bytes("file", "12345", 5), NULL), RN_OK);
    assert_int_equal(mapping.nbytes, 5);
    assert_memory_equal(mapping.bytes, "12345", 5);
    rn_file_unmap(&mapping);
    assert_null(mapping.bytes);
    assert_int_equal(rn_file_map(&mapping, write_bytes("empty", "", 0), NULL), RN_OK);
    assert_int_equal(mapping.nbytes, 0);
    assert_non_null(mapping.bytes);
    rn_file_unmap(&mapping);
}

static int lock_in_child(const char *path)
{
    const pid_t child = fork();
    int answer = -1;

    if (child == 0) {
        int handle;
        const rn_status status = rn_file_lock(&handle, path, NULL);

        _exit((int)status);
    }
    assert_int_equal(waitpid(child, &answer, 0), child);
    assert_true(WIFEXITED(answer));
    return WEXITSTATUS(answer);
}

static void a_lock_keeps_other_processes_out_until_it_goes(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "lock");
    rn_message message;
    int handle, second;

    (void)state;
    assert_int_equal(rn_file_lock(&handle, path, NULL), RN_OK);
    assert_int_equal(lock_in_child(path), RN_BUSY);
    assert_int_equal(rn_file_lock(&second, path, &message), RN_BUSY); /* also within the process */
    assert_int_equal(second, -1);
    assert_non_null(strstr(message.text, path));
    rn_file_unlock(handle);
    rn_file_unlock(-1);
    assert_int_equal(lock_in_child(path), RN_OK);
    assert_int_equal(rn_file_lock(&handle, rn_test_path(path, "below"), NULL), RN_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_file_is_read_and_ends_in_a_zero),
        cmocka_unit_test(a_file_over_the_limit_is_refused_by_name),
        cmocka_unit_test(a_file_that_is_longer_than_its_size_says_is_read_whole),
        cmocka_unit_test(what_is_no_file_is_refused_with_path_and_reason),
        cmocka_unit_test(every_failing_allocation_is_no_memory_and_leaks_nothing),
        cmocka_unit_test(a_mapping_shows_the_file),
        cmocka_unit_test(a_lock_keeps_other_processes_out_until_it_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
