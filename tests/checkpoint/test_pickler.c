/* SPDX-License-Identifier: MIT */
#include "checkpoint/pickler.h"
#include "checkpoint/pickle.h"
#include "support/support.h"

static rn_checkpoint *with_one(rn_context *context, rn_dtype dtype, int32_t rank, const int64_t *shape)
{
    const int64_t none[RN_MAX_RANK] = { 0 };
    rn_checkpoint *checkpoint;
    rn_storage *storage;
    rn_tensor *tensor;

    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    require_ok(context, rn_storage_allocate(&storage, context, 8));
    require_ok(context, rn_tensor_over(&tensor, storage, storage->memory, dtype, rank, shape, none,
                                       RN_ROW_MAJOR)); /* one element, any shape */
    require_ok(context, rn_checkpoint_share(checkpoint, "w", tensor));
    rn_tensor_destroy(tensor);
    rn_storage_release(storage);
    return checkpoint;
}

static void the_bytes_are_what_python_understands(void **state)
{
    static const char expected[] =
        "\x80\2ccollections\nOrderedDict\nq\0)R(X\1\0\0\0w"
        "ctorch._utils\n_rebuild_tensor_v2\nq\1((X\7\0\0\0storageq\2ctorch\nFloatStorage\nq\5X\1\0\0\0"
        "0"
        "X\3\0\0\0cpuq\3K\6tQK\0(K\2K\3t(K\3K\1t\x89h\0)RtRu.";
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = with_one(context, RN_FLOAT32, 2, (const int64_t[]){ 2, 3 });
    rn_bytes bytes;

    (void)state;
    rn_bytes_init(&bytes, &context->allocator);
    rn_pickle_write(&bytes, checkpoint);
    assert_int_equal(bytes.count, sizeof expected - 1);
    assert_memory_equal(bytes.data, expected, sizeof expected - 1);
    rn_bytes_release(&bytes);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void numbers_of_every_size_are_read_back(void **state)
{
    static const int64_t sizes[] = {
        0, 1, 255, 256, 65535, 65536, INT32_MAX, (int64_t)INT32_MAX + 1, (int64_t)1 << 60
    };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rn_checkpoint *checkpoint = with_one(context, RN_INT8, 1, &sizes[i]);
        rn_pickle pickle;
        rn_budget budget;
        rn_bytes bytes;

        rn_bytes_init(&bytes, &context->allocator);
        rn_pickle_write(&bytes, checkpoint);
        rn_budget_init(&budget, &context->allocator, bytes.count);
        require_ok(context, rn_pickle_read(&pickle, &budget, "file", bytes.data, bytes.count, &context->message));
        const rn_pickle_call *call = rn_pickle_member(&pickle.root, "w")->as.call;
        assert_true(rn_pickle_sequence(&call->arguments->value[2])->value[0].as.integer == sizes[i]);
        assert_true(rn_pickle_sequence(&pickle.persistent.value[0])->value[4].as.integer == sizes[i]);
        rn_pickle_release(&pickle);
        rn_bytes_release(&bytes);
        rn_checkpoint_destroy(checkpoint);
    }
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_what_python_understands),
        cmocka_unit_test(numbers_of_every_size_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
