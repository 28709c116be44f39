/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "support/support.h"

#include "support/bfloat16.h"
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef RN_TESTS_DIRECTORY
#error "the build says where tests/ lies"
#endif

enum { KEPT_PATHS = 4096, PATH_SIZE = 1024 };

void rn_require_status(const rn_context *context, rn_status status, rn_status expected, const char *call,
                       const char *file, int line)
{
    if (status == expected)
        return;
    print_error("%s\n    answered %s instead of %s: %s\n", call, rn_status_string(status), rn_status_string(expected),
                rn_context_message(context));
    _fail(file, line);
}

rn_context *rn_test_context(int32_t threads, rn_isa isa)
{
    return rn_test_context_of(threads, isa, RN_PRECISION_DEFAULT);
}

rn_context *rn_test_context_of(int32_t threads, rn_isa isa, rn_precision precision)
{
    rn_context *context = NULL;
    rn_status status = rn_context_create(
        &context, RN_OPTIONS(rn_context, .threads = threads, .isas = (uint32_t)isa, .precision = precision));

    if (status != RN_OK)
        fail_msg("no context: %s", rn_status_string(status));
    if (precision == RN_PRECISION_BFLOAT16)
        rn_test_emulate_bfloat16(context);
    return context;
}

int rn_test_has_bfloat16(void)
{
    rn_context *context = NULL;
    int has;

    require_ok(NULL, rn_context_create(&context, RN_OPTIONS(rn_context, .precision = RN_PRECISION_BFLOAT16)));
    has = rn_context_precision(context) == RN_PRECISION_BFLOAT16;
    rn_context_destroy(context);
    return has;
}

void rn_test_need_bfloat16(void)
{
    rn_context *const context = rn_test_context_of(1, RN_ISA_AUTO, RN_PRECISION_BFLOAT16);
    const rn_precision precision = rn_context_precision(context);

    rn_context_destroy(context);
    if (precision == RN_PRECISION_BFLOAT16)
        return;
    print_message("skipped: this CPU has no products of bfloat16, nor AVX2 to emulate them\n");
    skip();
}

int rn_test_has_isa(rn_isa isa)
{
    rn_context *context = NULL;
    rn_status status = rn_context_create(&context, RN_OPTIONS(rn_context, .isas = (uint32_t)isa));

    rn_context_destroy(context);
    return status == RN_OK;
}

static char kept_paths[KEPT_PATHS][PATH_SIZE];
static int kept_count;

static const char *keep_path(const char *a, const char *b)
{
    char *kept;

    if (kept_count == KEPT_PATHS)
        kept_count = 0;
    kept = kept_paths[kept_count++];
    snprintf(kept, PATH_SIZE, "%s/%s", a, b);
    return kept;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

static char made_directories[64][64];
static int made_count;

static void remove_directories(void)
{
    for (int i = 0; i < made_count; i++)
        nftw(made_directories[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *rn_test_directory(void)
{
    char *made;

    assert_true(made_count < 64);
    if (made_count == 0)
        atexit(remove_directories);
    made = made_directories[made_count];
    snprintf(made, sizeof made_directories[0], "/tmp/resnet-test-XXXXXX");
    assert_non_null(mkdtemp(made));
    made_count++;
    return made;
}

const char *rn_test_path(const char *directory, const char *name)
{
    return keep_path(directory, name);
}

const char *rn_test_fixture(const char *name)
{
    return keep_path(RN_TESTS_DIRECTORY, name);
}

const char *rn_test_data_or_null(const char *name)
{
    const char *root = getenv("RESNET_TEST_DATA");
    const char *path = keep_path(root != NULL ? root : RN_TESTS_DIRECTORY "/../../shared/data", name);

    return access(path, R_OK) == 0 ? path : NULL;
}

const char *rn_test_data(const char *name)
{
    const char *path = rn_test_data_or_null(name);

    if (path == NULL) {
        print_message("skipped: no %s among the test data\n", name);
        skip();
    }
    return path;
}

void rn_test_fill(float *values, size_t count, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1u;

    for (size_t i = 0; i < count; i++) {
        float sum = 0;

        for (int j = 0; j < 4; j++) {
            state = state * 1664525u + 1013904223u;
            sum += (float)(state >> 8) * (1.0f / 16777216.0f) - 0.5f;
        }
        values[i] = sum * 1.7320508f;
    }
}

double rn_test_error(const float *a, const float *b, size_t count)
{
    double difference = 0, largest = 0;

    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - (double)b[i]);

        if (!(d <= difference))
            difference = d; /* NaN gets through */
        if (fabs((double)b[i]) > largest)
            largest = fabs((double)b[i]);
    }
    return difference / (largest > 0 ? largest : 1);
}

static const uint64_t guard_value = UINT64_C(0x5ca1ab1e0ddba11);

typedef struct block_header {
    void *base;
    size_t bytes;
} block_header;

void *rn_test_allocate(size_t bytes, size_t alignment, void *payload)
{
    rn_test_allocator *const allocator = payload;
    const long call = allocator->calls++;
    char *base, *memory;
    block_header header;

    if (allocator->fail_at >= 0 && (call == allocator->fail_at || (allocator->sticky && call > allocator->fail_at))) {
        allocator->failures++;
        return NULL;
    }
    base = malloc(bytes + 2 * alignment + sizeof header + sizeof guard_value);
    if (base == NULL)
        return NULL;
    memory = base + sizeof header;
    memory += (alignment - (uintptr_t)memory % alignment) % alignment;
    header = (block_header){ base, bytes };
    memcpy(memory - sizeof header, &header, sizeof header);
    memcpy(memory + bytes, &guard_value, sizeof guard_value);
    allocator->live++;
    allocator->bytes += bytes;
    return memory;
}

void rn_test_release(void *memory, void *payload)
{
    rn_test_allocator *const allocator = payload;
    block_header header;

    memcpy(&header, (char *)memory - sizeof header, sizeof header);
    if (memcmp((char *)memory + header.bytes, &guard_value, sizeof guard_value) != 0) {
        fprintf(stderr, "a block of %zu bytes was written past its end\n", header.bytes);
        abort();
    }
    allocator->live--;
    allocator->bytes -= header.bytes;
    free(header.base);
}

rn_context *rn_test_allocator_context(rn_test_allocator *allocator, int32_t threads)
{
    rn_context *context = NULL;

    *allocator = (rn_test_allocator){ .fail_at = -1 };
    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .threads = threads, .allocate = rn_test_allocate,
                                               .release = rn_test_release, .allocator_payload = allocator)),
        RN_OK);
    return context;
}

void rn_test_fail_each(rn_test_allocator *allocator, rn_status (*attempt)(void *payload), void *payload, long least)
{
    const long before = allocator->live;

    for (allocator->sticky = 0; allocator->sticky < 2; allocator->sticky++) {
        rn_status status = RN_NO_MEMORY;

        for (long n = 0; status != RN_OK; n++) {
            allocator->calls = 0;
            allocator->failures = 0;
            allocator->fail_at = n;
            status = attempt(payload);
            assert_int_equal(allocator->live, before);
            if (status != (allocator->failures > 0 ? RN_NO_MEMORY : RN_OK))
                fail_msg("allocation %ld: %s, %ld failed", n, rn_status_string(status), allocator->failures);
            assert_true(status != RN_OK || n >= least);
        }
    }
    allocator->sticky = 0;
    allocator->fail_at = -1;
}
