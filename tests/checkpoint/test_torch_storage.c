/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

#include "checkpoint/torch.h"

static void tensors_outside_their_storage_are_refused(void **state)
{
    (void)state;
    EXPECT_FIXTURES("reach.pth", "offset.pth", "negative.pth", "overflow.pth", "stride.pth");
}

static const struct {
    rn_torch_layout layout;
    rn_status status;
} placings[] = {
    { { .length = 6, .rank = 2, .shape = { 2, 3 }, .strides = { 3, 1 } }, RN_OK },
    { { .length = 6, .rank = 2, .shape = { 2, 3 }, .strides = { 1, 2 } }, RN_OK },
    { { .length = 6, .rank = 2, .shape = { 2, 3 }, .strides = { 0, 0 }, .offset = 5 }, RN_OK },
    { { .start = 2, .length = 4, .rank = 1, .shape = { 4 }, .strides = { 1 } }, RN_OK },
    { { .length = 6, .rank = 1, .shape = { 0 }, .strides = { INT64_MAX }, .offset = INT64_MAX },
      RN_OK }, /* nothing is reached */
    { { .length = 6, .rank = 1, .shape = { 1 }, .strides = { INT64_MAX } }, RN_OK },
    { { .length = 6, .rank = 0 }, RN_OK },
    { { .length = 0, .rank = 0 }, RN_FORMAT },
    { { .length = 6, .rank = 0, .offset = 6 }, RN_FORMAT },
    { { .length = 6, .rank = 0, .offset = -1 }, RN_FORMAT },
    { { .length = 7, .rank = 0 }, RN_FORMAT },
    { { .length = -1, .rank = 0 }, RN_FORMAT },
    { { .start = 3, .length = 4, .rank = 0 }, RN_FORMAT },
    { { .start = INT64_MAX, .length = INT64_MAX, .rank = 0 }, RN_FORMAT },
    { { .start = 2, .length = 4, .rank = 1, .shape = { 5 }, .strides = { 1 } }, RN_FORMAT },
    { { .length = 6, .rank = 1, .shape = { 7 }, .strides = { 1 } }, RN_FORMAT },
    { { .length = 6, .rank = 1, .shape = { -1 }, .strides = { 1 } }, RN_FORMAT },
    { { .length = 6, .rank = 2, .shape = { 3, 3 }, .strides = { INT64_MAX / 2, INT64_MAX / 2 } }, RN_FORMAT },
    { { .length = 6, .rank = 2, .shape = { INT64_MAX, 3 }, .strides = { 0, 0 } }, RN_FORMAT },
};

static void placing_checks_every_bound(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_storage *owner;

    (void)state;
    require_ok(context, rn_storage_allocate(&owner, context, 24));
    rn_torch_storage storage = {
        .key = (char *)(uintptr_t) "k", .owner = owner, .data = owner->memory, .nbytes = 24, .dtype = RN_FLOAT32
    };
    rn_budget budget;
    const rn_reader reader = { .context = context, .path = "file", .budget = &budget };
    rn_budget_init(&budget, &context->allocator, 24);
    for (size_t i = 0; i < sizeof placings / sizeof placings[0]; i++) {
        rn_torch_layout layout = placings[i].layout;
        rn_tensor *tensor = NULL;

        layout.storage = &storage;
        layout.dtype = RN_FLOAT32;
        if (rn_torch_place(&tensor, &reader, "t", &layout) != placings[i].status)
            fail_msg("case %zu: %s", i, rn_context_message(context));
        rn_tensor_destroy(tensor);
    }
    rn_storage_release(owner);
    rn_context_destroy(context);
}

static void keys_are_texts_or_numbers(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_budget budget;
    const rn_reader reader = { .budget = &budget };
    char key[RN_TORCH_KEY], text[400];
    rn_pickle_value value = { .type = RN_PICKLE_INTEGER, .as.integer = 94 };

    (void)state;
    rn_budget_init(&budget, &allocator, 400);
    assert_true(rn_torch_key(key, &reader, &value));
    assert_string_equal(key, "94");
    memset(text, 'k', sizeof text);
    value = (rn_pickle_value){ .type = RN_PICKLE_TEXT, .length = RN_TORCH_KEY - 1, .as.text = text };
    assert_true(rn_torch_key(key, &reader, &value));
    value.length++;
    assert_false(rn_torch_key(key, &reader, &value));
    value.length = 0;
    assert_false(rn_torch_key(key, &reader, &value));
    value.type = RN_PICKLE_NONE;
    assert_false(rn_torch_key(key, &reader, &value));
}

static void a_key_is_taken_once(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_budget budget;
    const rn_reader reader = { .context = context, .path = "file", .budget = &budget };
    rn_torch_storages storages = { 0 };
    const rn_torch_storage storage = { .dtype = RN_INT8 };

    (void)state;
    rn_budget_init(&budget, &context->allocator, 1000);
    for (int i = 0; i < 100; i++) {
        char key[16];

        snprintf(key, sizeof key, "%d", i);
        require_ok(context, rn_torch_storages_add(&storages, &reader, &storage, key));
    }
    require_status(context, rn_torch_storages_add(&storages, &reader, &storage, "7"), RN_FORMAT);
    assert_non_null(rn_torch_storages_find(&storages, "99"));
    assert_null(rn_torch_storages_find(&storages, "100"));
    rn_torch_storages_release(&storages, &budget.allocator);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_outside_their_storage_are_refused),
        cmocka_unit_test(placing_checks_every_bound),
        cmocka_unit_test(keys_are_texts_or_numbers),
        cmocka_unit_test(a_key_is_taken_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
