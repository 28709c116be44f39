/* SPDX-License-Identifier: MIT */
/*
 * Mutations of every fixture: bytes flipped, cut, inserted, copied about, deterministic. A reader answers RN_OK or
 * refuses with a message that names the file; it leaks nothing, and never asks for more memory at a time than the size
 * of the file justifies. Under the sanitizers it also reads nothing that is not there: the bytes end where their block
 * ends.
 */
#include "checkpoint/saving.h"

#include <dirent.h>

enum { ROUNDS = 3000, LARGEST_FILE = 8192 };

typedef struct watcher {
    size_t largest; /* that was asked for */
    long live;
} watcher;

static void *watch_allocate(size_t bytes, size_t alignment, void *payload)
{
    watcher *w = payload;

    if (bytes > w->largest)
        w->largest = bytes;
    w->live++;
    return aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
}

static void watch_release(void *memory, void *payload)
{
    ((watcher *)payload)->live--;
    free(memory);
}

static uint32_t next(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Changes the bytes in one of several ways; there is room for 64 more. */
static size_t mutate(unsigned char *bytes, size_t nbytes, uint32_t *random)
{
    static const unsigned char interesting[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, '.', '(',
                                                 't',  'q',  'h',  'R',  'Q',  '{', '"' };
    const size_t at = nbytes == 0 ? 0 : next(random) % nbytes;
    const size_t length = nbytes - at < 64 ? nbytes - at : 1 + next(random) % 64;

    switch (next(random) % 6) {
    case 0: return at; /* cut off */
    case 1:
        if (nbytes > 0)
            bytes[at] ^= (unsigned char)(1u << next(random) % 8);
        return nbytes;
    case 2:
        if (nbytes > 0)
            bytes[at] = interesting[next(random) % sizeof interesting];
        return nbytes;
    case 3:
        memmove(bytes + at + 1, bytes + at, nbytes - at);
        bytes[at] = interesting[next(random) % sizeof interesting];
        return nbytes + 1;
    case 4: memmove(bytes + at, bytes + at + length, nbytes - at - length); return nbytes - length;
    default:
        if (nbytes > 0)
            memmove(bytes + next(random) % (nbytes - length + 1), bytes + at, length);
        return nbytes;
    }
}

/* The tensors of an accepted file can be read. */
static void use(const rn_checkpoint *checkpoint)
{
    for (size_t i = 0; i < rn_checkpoint_count(checkpoint); i++) {
        const rn_tensor *tensor = rn_checkpoint_tensor(checkpoint, i);
        const size_t nbytes = rn_tensor_count(tensor) > 1 << 16 ? 0 : (size_t)rn_tensor_count(tensor) * 8;
        double *values = malloc(nbytes + 1);

        assert_non_null(values);
        assert_non_null(rn_checkpoint_name(checkpoint, i));
        if (nbytes > 0)
            assert_int_equal(rn_tensor_read(tensor, RN_FLOAT64, values, nbytes), RN_OK);
        free(values);
    }
}

static int read_mutant(rn_context *context, watcher *w, const unsigned char *bytes, size_t nbytes)
{
    rn_checkpoint *checkpoint = NULL;
    rn_storage *owner;
    unsigned char *exact = aligned_alloc(64, (nbytes + 64) / 64 * 64); /* as a mapping lies */
    const long before = w->live;

    assert_non_null(exact);
    exact = realloc(exact, nbytes == 0 ? 1 : nbytes); /* the end of the block is the end of the bytes */
    assert_non_null(exact);
    if (nbytes > 0)
        memcpy(exact, bytes, nbytes);
    w->largest = 0;
    require_ok(context, rn_storage_create(&owner, context, exact, NULL, NULL));
    const rn_status status = rn_checkpoint_read(&checkpoint, context, "the file", exact, nbytes, owner);
    if (status == RN_OK) {
        use(checkpoint);
        rn_checkpoint_destroy(checkpoint);
    } else {
        assert_true(status == RN_FORMAT || status == RN_UNSUPPORTED);
        assert_non_null(strstr(rn_context_message(context), "the file"));
        assert_null(checkpoint);
    }
    rn_storage_release(owner);
    assert_int_equal(w->live, before);
    if (w->largest > 64 * nbytes + (1 << 17) && w->largest > 1032 * nbytes) /* deflate may justify the second */
        fail_msg("%zu bytes asked for by a file of %zu", w->largest, nbytes);
    free(exact);
    return status == RN_OK;
}

static int mutate_file(rn_context *context, watcher *w, const unsigned char *original, size_t nbytes, uint32_t *random)
{
    unsigned char *bytes = malloc(nbytes + 64);
    int accepted = 0;

    assert_non_null(bytes);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = nbytes;

        if (nbytes > 0)
            memcpy(bytes, original, nbytes);
        for (uint32_t change = 1 + next(random) % 3; change > 0; change--)
            size = mutate(bytes, size, random);
        accepted += read_mutant(context, w, bytes, size);
    }
    free(bytes);
    return accepted;
}

static void mutated_fixtures_are_read_or_refused(void **state)
{
    watcher w = { 0 };
    rn_context *context;
    DIR *directory = opendir(rn_test_fixture("checkpoint/fixtures"));
    uint32_t random = 20240607;
    int files = 0, accepted = 0;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = watch_allocate,
                                                            .release = watch_release, .allocator_payload = &w)),
                     RN_OK);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[512];
        size_t nbytes;

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "expect.tsv") == 0)
            continue;
        snprintf(name, sizeof name, "checkpoint/fixtures/%s", entry->d_name);
        unsigned char *bytes = whole_file(&nbytes, rn_test_fixture(name));
        assert_true(nbytes <= LARGEST_FILE);
        accepted += mutate_file(context, &w, bytes, nbytes, &random);
        free(bytes);
        files++;
    }
    closedir(directory);
    assert_true(files > 40);
    assert_true(accepted > 100); /* the mutations reach beyond the first check */
    rn_context_destroy(context);
    assert_int_equal(w.live, 0);
}

static void mutated_safetensors_are_read_or_refused(void **state)
{
    watcher w = { 0 };
    rn_context *context;
    const char *path = rn_test_path(rn_test_directory(), "x.safetensors");
    uint32_t random = 7;
    size_t nbytes;
    int accepted = 0;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = watch_allocate,
                                                            .release = watch_release, .allocator_payload = &w)),
                     RN_OK);
    rn_checkpoint *checkpoint = make_checkpoint(context);
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(checkpoint);
    unsigned char *bytes = whole_file(&nbytes, path);
    for (int i = 0; i < 10; i++)
        accepted += mutate_file(context, &w, bytes, nbytes, &random);
    assert_true(accepted > 100);
    free(bytes);
    rn_context_destroy(context);
    assert_int_equal(w.live, 0);
}

static void every_cut_of_every_container_is_refused(void **state)
{
    static const char *const files[] = { "views.zip.pth", "views.legacy.pth", "old.tar" };
    watcher w = { 0 };
    rn_context *context;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = watch_allocate,
                                                            .release = watch_release, .allocator_payload = &w)),
                     RN_OK);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        size_t nbytes, contents;

        snprintf(name, sizeof name, "checkpoint/fixtures/%s", files[i]);
        unsigned char *bytes = whole_file(&nbytes, rn_test_fixture(name));
        contents = nbytes;
        while (contents > 0 && bytes[contents - 1] == 0 && strstr(files[i], ".tar") != NULL)
            contents--; /* an archive ends in zeros */
        for (size_t cut = 0; cut < contents; cut++)
            if (read_mutant(context, &w, bytes, cut))
                fail_msg("%s: the first %zu bytes were accepted", files[i], cut);
        assert_true(read_mutant(context, &w, bytes, nbytes));
        free(bytes);
    }
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_fixtures_are_read_or_refused),
        cmocka_unit_test(mutated_safetensors_are_read_or_refused),
        cmocka_unit_test(every_cut_of_every_container_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
