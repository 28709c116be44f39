/* SPDX-License-Identifier: MIT */
#include "checkpoint/saving.h"

static void what_is_saved_is_read_back(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = make_checkpoint(context), *again;
    const char *path = rn_test_path(rn_test_directory(), "x.safetensors");

    (void)state;
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    require_ok(context, rn_checkpoint_open(&again, context, path, NULL));
    assert_same_tensors(checkpoint, again);
    assert_int_equal(rn_checkpoint_metadata_count(again), 2);
    assert_string_equal(rn_checkpoint_metadata(again, "z"), rn_checkpoint_metadata(checkpoint, "z"));
    assert_string_equal(rn_checkpoint_metadata(again, "a"), "");
    rn_checkpoint_destroy(again);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void the_bytes_are_those_of_the_format(void **state)
{
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"},\"small\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[4,7]},"
        "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    const size_t length = (sizeof header - 1 + 7) / 8 * 8;
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const char *path = rn_test_path(rn_test_directory(), "x.safetensors");
    rn_checkpoint *checkpoint;
    rn_tensor *tensor;
    size_t nbytes;

    (void)state;
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    require_ok(context, rn_tensor_create(&tensor, context, RN_UINT8, 1, (const int64_t[]){ 3 }, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(tensor, 9));
    require_ok(context, rn_checkpoint_add(checkpoint, "small", tensor));
    rn_tensor_destroy(tensor);
    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, 0, NULL, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(tensor, 1));
    require_ok(context, rn_checkpoint_add(checkpoint, "scalar", tensor));
    rn_tensor_destroy(tensor);
    require_ok(context, rn_checkpoint_set_metadata(checkpoint, "k", "v"));
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    unsigned char *bytes = whole_file(&nbytes, path);
    assert_int_equal(nbytes, 8 + length + 7);
    assert_int_equal(rn_get_u64(bytes), length);
    assert_memory_equal(bytes + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < length; i++)
        assert_int_equal(bytes[8 + i], ' ');
    assert_memory_equal(bytes + 8 + length, "\0\0\x80\x3f\x09\x09\x09", 7);
    free(bytes);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void equal_contents_give_equal_bytes(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *one = make_checkpoint(context), *other = make_checkpoint(context), *again;
    const char *directory = rn_test_directory();
    const char *first = rn_test_path(directory, "first"), *second = rn_test_path(directory, "second"),
               *third = rn_test_path(directory, "third");

    (void)state;
    require_ok(context, rn_checkpoint_set_metadata(other, "z", NULL)); /* metadata has no order */
    require_ok(context, rn_checkpoint_set_metadata(other, "z", rn_checkpoint_metadata(one, "z")));
    require_ok(context, rn_checkpoint_save(one, first, RN_FORMAT_SAFETENSORS, NULL));
    require_ok(context, rn_checkpoint_save(other, second, RN_FORMAT_SAFETENSORS, NULL));
    assert_same_file(first, second);
    require_ok(context, rn_checkpoint_open(&again, context, first, NULL));
    require_ok(context, rn_checkpoint_save(again, third, RN_FORMAT_SAFETENSORS, NULL));
    assert_same_file(first, third);
    /* over the file that it views */
    require_ok(context, rn_checkpoint_save(again, first, RN_FORMAT_SAFETENSORS, NULL));
    assert_same_file(first, third);
    rn_checkpoint_destroy(again);
    rn_checkpoint_destroy(one);
    rn_checkpoint_destroy(other);
    rn_context_destroy(context);
}

static void every_tensor_is_aligned_in_the_file(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = make_checkpoint(context), *again;
    const char *path = rn_test_path(rn_test_directory(), "x.safetensors");

    (void)state;
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    require_ok(context, rn_checkpoint_open(&again, context, path, NULL));
    for (size_t i = 1; i < rn_checkpoint_count(again); i++) /* all view the one mapping */
        assert_ptr_equal(rn_checkpoint_tensor(again, i)->storage, rn_checkpoint_tensor(again, 0)->storage);
    rn_checkpoint_destroy(again);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void an_empty_checkpoint_is_a_file_too(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;
    const char *path = rn_test_path(rn_test_directory(), "x.safetensors");

    (void)state;
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(checkpoint);
    require_ok(context, rn_checkpoint_open(&checkpoint, context, path, NULL));
    assert_int_equal(rn_checkpoint_count(checkpoint), 0);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void what_cannot_be_written_leaves_the_file_alone(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = make_checkpoint(context);
    const char *directory = rn_test_directory(), *path = rn_test_path(directory, "x"),
               *copy = rn_test_path(directory, "copy");

    (void)state;
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    require_ok(context, rn_checkpoint_save(checkpoint, copy, RN_FORMAT_SAFETENSORS, NULL));
    require_ok(context, rn_checkpoint_share(checkpoint, "__metadata__", rn_checkpoint_tensor(checkpoint, 0)));
    require_status(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL), RN_INVALID_ARGUMENT);
    assert_same_file(path, copy);
    require_status(context, rn_checkpoint_save(checkpoint, rn_test_path(directory, "no/such/x"), RN_FORMAT_TORCH, NULL),
                   RN_IO);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_is_read_back),
        cmocka_unit_test(the_bytes_are_those_of_the_format),
        cmocka_unit_test(equal_contents_give_equal_bytes),
        cmocka_unit_test(every_tensor_is_aligned_in_the_file),
        cmocka_unit_test(an_empty_checkpoint_is_a_file_too),
        cmocka_unit_test(what_cannot_be_written_leaves_the_file_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
