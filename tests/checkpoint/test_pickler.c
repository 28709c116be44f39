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

/* The archive of values: what was opened, put and closed is the tree that is read. */
static void values_of_every_kind_are_read_back(void **state)
{
    static const int64_t integers[] = { 0, -1, 255, 256, 65536, -65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };
    static const double numbers[] = { 0.1, -1e-300, 1e300, INFINITY };
    const size_t integer_count = sizeof integers / sizeof integers[0],
                 number_count = sizeof numbers / sizeof numbers[0];
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const rn_pickle_items *items;
    rn_pickle pickle;
    rn_pickler p;
    rn_budget budget;
    rn_bytes bytes;

    (void)state;
    rn_bytes_init(&bytes, &context->allocator);
    rn_pickler_begin(&p, &bytes);
    rn_pickler_open(&p, RN_PICKLER_DICT);
    rn_pickler_text(&p, "integers");
    rn_pickler_open(&p, RN_PICKLER_LIST);
    for (size_t i = 0; i < integer_count; i++)
        rn_pickler_integer(&p, integers[i]);
    rn_pickler_close(&p, RN_PICKLER_LIST);
    rn_pickler_text(&p, "numbers");
    rn_pickler_open(&p, RN_PICKLER_TUPLE);
    for (size_t i = 0; i < number_count; i++)
        rn_pickler_number(&p, numbers[i]);
    rn_pickler_close(&p, RN_PICKLER_TUPLE);
    rn_pickler_integer(&p, 7);
    rn_pickler_open(&p, RN_PICKLER_ORDERED);
    rn_pickler_text(&p, "none");
    rn_pickler_none(&p);
    rn_pickler_text(&p, "true");
    rn_pickler_truth(&p, true);
    rn_pickler_text(&p, "false");
    rn_pickler_truth(&p, false);
    rn_pickler_close(&p, RN_PICKLER_ORDERED);
    rn_pickler_text(&p, "empty");
    rn_pickler_open(&p, RN_PICKLER_DICT);
    rn_pickler_close(&p, RN_PICKLER_DICT);
    rn_pickler_close(&p, RN_PICKLER_DICT);
    rn_pickler_end(&p);
    rn_budget_init(&budget, &context->allocator, bytes.count);
    require_ok(context, rn_pickle_read(&pickle, &budget, "file", bytes.data, bytes.count, &context->message));

    assert_int_equal(pickle.root.as.items->count, 8);
    assert_int_equal(rn_pickle_member(&pickle.root, "integers")->type, RN_PICKLE_LIST);
    items = rn_pickle_sequence(rn_pickle_member(&pickle.root, "integers"));
    assert_int_equal(items->count, integer_count);
    for (size_t i = 0; i < integer_count; i++)
        assert_true(items->value[i].type == RN_PICKLE_INTEGER && items->value[i].as.integer == integers[i]);
    assert_int_equal(rn_pickle_member(&pickle.root, "numbers")->type, RN_PICKLE_TUPLE);
    items = rn_pickle_sequence(rn_pickle_member(&pickle.root, "numbers"));
    assert_int_equal(items->count, number_count);
    for (size_t i = 0; i < number_count; i++)
        assert_true(items->value[i].type == RN_PICKLE_FLOAT && items->value[i].as.number == numbers[i]);
    items = pickle.root.as.items;
    assert_true(items->value[4].type == RN_PICKLE_INTEGER && items->value[4].as.integer == 7);
    assert_int_equal(rn_pickle_member(&items->value[5], "none")->type, RN_PICKLE_NONE);
    assert_true(rn_pickle_member(&items->value[5], "true")->as.integer == 1);
    assert_int_equal(rn_pickle_member(&items->value[5], "false")->type, RN_PICKLE_BOOL);
    assert_true(rn_pickle_member(&items->value[5], "false")->as.integer == 0);
    assert_int_equal(rn_pickle_member(&pickle.root, "empty")->as.items->count, 0);
    rn_pickle_release(&pickle);
    rn_bytes_release(&bytes);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_what_python_understands),
        cmocka_unit_test(numbers_of_every_size_are_read_back),
        cmocka_unit_test(values_of_every_kind_are_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
