/* SPDX-License-Identifier: MIT */
/* Opens a fixture and compares it with what fixtures/expect.tsv says PyTorch reads in it, or how it must be refused. */
#ifndef RN_TESTS_CHECKPOINT_EXPECT_H
#define RN_TESTS_CHECKPOINT_EXPECT_H

#include "support/support.h"

static inline uint32_t expect_crc(const unsigned char *bytes, size_t nbytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < nbytes; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0u - (crc & 1u)));
    }
    return ~crc;
}

static inline void expect_tensor(const rn_checkpoint *checkpoint, const char *name, const char *dtype,
                                 const char *shape, const char *crc)
{
    const rn_tensor *tensor = rn_checkpoint_find(checkpoint, name);
    char text[128] = "-";
    size_t used = 0;

    if (tensor == NULL)
        fail_msg("there is no tensor '%s'", name);
    assert_string_equal(rn_dtype_name(rn_tensor_dtype(tensor)), dtype);
    for (int32_t i = 0; i < rn_tensor_rank(tensor); i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i == 0 ? "" : ",",
                                 (long long)rn_tensor_shape(tensor)[i]);
    assert_string_equal(text, shape);
    const size_t nbytes = (size_t)rn_tensor_count(tensor) * rn_dtype_size(rn_tensor_dtype(tensor));
    unsigned char *bytes = malloc(nbytes + 1);
    assert_non_null(bytes);
    assert_int_equal(rn_tensor_read(tensor, rn_tensor_dtype(tensor), bytes, nbytes), RN_OK);
    const uint32_t sum = expect_crc(bytes, nbytes);
    free(bytes);
    if (sum != (uint32_t)strtoul(crc, NULL, 16))
        fail_msg("tensor '%s' has other values than PyTorch's", name);
}

static inline void expect_refusal(const rn_context *context, const char *file, rn_status status, const char *wanted,
                                  const char *part)
{
    if (strcmp(rn_status_string(status), wanted) != 0 || strstr(rn_context_message(context), part) == NULL)
        fail_msg("%s: %s with \"%s\" instead of %s with \"%s\"", file, rn_status_string(status),
                 rn_context_message(context), wanted, part);
    assert_non_null(strstr(rn_context_message(context), file));
}

static inline void expect_fixture(rn_context *context, const char *file)
{
    char path[256], line[1024];
    rn_checkpoint *checkpoint = NULL;
    size_t lines = 0, tensors = 0;

    snprintf(path, sizeof path, "checkpoint/fixtures/%s", file);
    const rn_status status = rn_checkpoint_open(&checkpoint, context, rn_test_fixture(path), NULL);
    FILE *table = fopen(rn_test_fixture("checkpoint/fixtures/expect.tsv"), "r");
    assert_non_null(table);
    while (fgets(line, sizeof line, table) != NULL) {
        char *field[6] = { NULL }, *at = line;

        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < 6 && at != NULL; i++) {
            field[i] = at;
            at = strchr(at, '\t');
            if (at != NULL)
                *at++ = '\0';
        }
        if (strcmp(field[0], file) != 0)
            continue;
        lines++;
        if (strcmp(field[1], "refused") == 0) {
            expect_refusal(context, file, status, field[2], field[3]);
            assert_null(checkpoint);
            continue;
        }
        rn_require_status(context, status, RN_OK, file, __FILE__, __LINE__);
        if (strcmp(field[1], "tensor") == 0) {
            tensors++;
            expect_tensor(checkpoint, field[2], field[3], field[4], field[5]);
        } else {
            const char *value = rn_checkpoint_metadata(checkpoint, field[2]);

            if (value == NULL || strcmp(value, field[3]) != 0)
                fail_msg("%s: metadata '%s' is '%s' instead of '%s'", file, field[2],
                         value == NULL ? "(absent)" : value, field[3]);
        }
    }
    fclose(table);
    assert_true(lines > 0); /* a fixture that the table knows */
    assert_int_equal(rn_checkpoint_count(checkpoint), tensors);
    rn_checkpoint_destroy(checkpoint);
}

static inline void expect_fixtures(const char *const *files, size_t count)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    for (size_t i = 0; i < count; i++)
        expect_fixture(context, files[i]);
    rn_context_destroy(context);
}

#define EXPECT_FIXTURES(...) \
    expect_fixtures((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

#endif
