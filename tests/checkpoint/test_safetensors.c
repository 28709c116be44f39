/* SPDX-License-Identifier: MIT */
/* Headers written by hand: every rule of the reference implementation's validation. */
#include "checkpoint/checkpoint.h"
#include "support/support.h"

typedef struct example {
    const char *header;
    size_t data; /* bytes behind the header: 0, 1, 2, ... */
    rn_status status;
    const char *part; /* of the message */
} example;

static const char *directory;

static int make_directory(void **state)
{
    (void)state;
    directory = rn_test_directory();
    return 0;
}

/* The length of the header can be told wrong by `more`. */
static rn_status open_example(rn_checkpoint **checkpoint, rn_context *context, const example *e, uint64_t more)
{
    const size_t length = strlen(e->header), nbytes = 8 + length + e->data;
    unsigned char *bytes = malloc(nbytes);
    const char *path = rn_test_path(directory, "example");

    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((length + more) >> (8 * i));
    memcpy(bytes + 8, e->header, length);
    for (size_t i = 0; i < e->data; i++)
        bytes[8 + length + i] = (unsigned char)i;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, nbytes, file), nbytes);
    assert_int_equal(fclose(file), 0);
    free(bytes);
    return rn_checkpoint_open(checkpoint, context, path, NULL);
}

static void check(const example *examples, size_t count)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    for (size_t i = 0; i < count; i++) {
        rn_checkpoint *checkpoint = NULL;
        const rn_status status = open_example(&checkpoint, context, &examples[i], 0);

        if (status != examples[i].status ||
            (status != RN_OK && strstr(rn_context_message(context), examples[i].part) == NULL))
            fail_msg("%s: %s, %s", examples[i].header, rn_status_string(status), rn_context_message(context));
        assert_int_equal(checkpoint != NULL, status == RN_OK);
        if (status != RN_OK)
            assert_non_null(strstr(rn_context_message(context), "/example: "));
        rn_checkpoint_destroy(checkpoint);
    }
    rn_context_destroy(context);
}

static void what_is_allowed_is_read(void **state)
{
    static const example examples[] = {
        { "{}", 0, RN_OK, NULL },
        { "{}     ", 0, RN_OK, NULL },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, RN_OK, NULL },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, RN_OK, NULL },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[0,0]}}", 0, RN_OK, NULL },
        { "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},\"a\":{\"dtype\":\"I16\",\"shape\":[1],"
          "\"data_offsets\":[0,2]}}",
          3, RN_OK, NULL },
        { "{\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[1,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_"
          "offsets\":[1,3]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
          3, RN_OK, NULL },
        { "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"shape\":[1],\"data_offsets\":[0,1],\"dtype\":\"BOOL\",\"note\":1}}",
          1, RN_OK, NULL },
    };

    (void)state;
    check(examples, sizeof examples / sizeof examples[0]);
}

#define TENSOR(name, offsets) "\"" name "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" offsets "}"

static const example not_allowed[] = {
    { "{", 0, RN_FORMAT, "damaged" },
    { "{\"a\"}", 0, RN_FORMAT, "damaged" },
    { "{\"\xff\":1}", 0, RN_FORMAT, "damaged" },
    { "{} x", 0, RN_FORMAT, "damaged" },
    { "{\"a\":1}", 0, RN_FORMAT, "'a'" },
    { "{\"a\":{\"shape\":[2],\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "lacks" },
    { "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "lacks" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2, RN_FORMAT, "lacks" },
    { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, RN_FORMAT,
      "described twice" },
    { "{\"a\":{\"dtype\":8,\"shape\":[2],\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "dtype" },
    { "{\"a\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, RN_UNSUPPORTED, "U16" },
    { "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, RN_UNSUPPORTED, "F8_E4M3" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":2,\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "shape" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[-2],\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "whole number" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "whole number" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[9007199254740994],\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "2^53" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,2]}}", 2, RN_UNSUPPORTED,
      "8 dimensions" },
    { "{\"a\":{\"dtype\":\"F64\",\"shape\":[9007199254740992,9007199254740992],\"data_offsets\":[0,2]}}", 2, RN_FORMAT,
      "fit its shape" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,2]}}", 2, RN_FORMAT, "fit its shape" },
    { "{" TENSOR("a", "[0]") "}", 2, RN_FORMAT, "data_offsets" },
    { "{" TENSOR("a", "[0,2,4]") "}", 2, RN_FORMAT, "data_offsets" },
    { "{" TENSOR("a", "[0,\"2\"]") "}", 2, RN_FORMAT, "data_offsets" },
    { "{" TENSOR("a", "[2,0]") "}", 2, RN_FORMAT, "outside" },
    { "{" TENSOR("a", "[0,3]") "}", 2, RN_FORMAT, "outside" },
    { "{" TENSOR("a", "[0,2]") "}", 1, RN_FORMAT, "outside" },
    { "{" TENSOR("a", "[1,3]") "}", 3, RN_FORMAT, "hole" },
    { "{" TENSOR("a", "[0,2]") "," TENSOR("b", "[3,5]") "}", 5, RN_FORMAT, "hole" },
    { "{" TENSOR("a", "[0,2]") "," TENSOR("b", "[1,3]") "}", 3, RN_FORMAT, "overlaps" },
    { "{" TENSOR("a", "[0,2]") "," TENSOR("b", "[0,2]") "}", 2, RN_FORMAT, "overlaps" },
    { "{" TENSOR("a", "[0,2]") "}", 6, RN_FORMAT, "4 bytes at its end" },
    { "{}", 4, RN_FORMAT, "4 bytes at its end" },
    { "{" TENSOR("a", "[0,2]") "," TENSOR("a", "[2,4]") "}", 4, RN_FORMAT, "twice" },
    { "{" TENSOR("", "[0,2]") "}", 2, RN_UNSUPPORTED, "empty name" },
    { "{\"__metadata__\":[]}", 0, RN_FORMAT, "__metadata__" },
    { "{\"__metadata__\":{\"k\":1}}", 0, RN_FORMAT, "'k'" },
    { "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, RN_FORMAT, "'k'" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, RN_FORMAT, "twice" },
};

static void what_is_not_is_refused(void **state)
{
    (void)state;
    check(not_allowed, sizeof not_allowed / sizeof not_allowed[0]);
}

static void wrong_lengths_of_the_header_are_refused(void **state)
{
    static const example e = { "{}", 0, RN_FORMAT, NULL };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;

    (void)state;
    require_status(context, open_example(&checkpoint, context, &e, 1), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "longer than the file"));
    require_status(context, open_example(&checkpoint, context, &e, 100000000), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "longer than 100000000"));
    require_status(context, open_example(&checkpoint, context, &e, UINT64_MAX), RN_FORMAT); /* one too short: "{" */
    rn_context_destroy(context);
}

static void tensors_come_in_the_order_of_the_header(void **state)
{
    static const example e = { "{\"z\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]},\"a\":{\"dtype\":"
                               "\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                               6, RN_OK, NULL };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;
    double value;

    (void)state;
    require_ok(context, open_example(&checkpoint, context, &e, 0));
    assert_string_equal(rn_checkpoint_name(checkpoint, 0), "z");
    require_ok(context, rn_tensor_get(rn_checkpoint_find(checkpoint, "z"), (const int64_t[]){ 1 }, &value));
    assert_true(value == 5);
    require_ok(context, rn_tensor_get(rn_checkpoint_find(checkpoint, "a"), (const int64_t[]){ 0 },
                                      &value)); /* copied: it lies askew */
    assert_true(value == 0x03020100);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_allowed_is_read),
        cmocka_unit_test(what_is_not_is_refused),
        cmocka_unit_test(wrong_lengths_of_the_header_are_refused),
        cmocka_unit_test(tensors_come_in_the_order_of_the_header),
    };
    return cmocka_run_group_tests(tests, make_directory, NULL);
}
