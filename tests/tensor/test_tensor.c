/* SPDX-License-Identifier: MIT */
/* Tensors: shapes and strides, wrapping, windows, copies, single elements, and what is refused. */
#include "tensor/tensor.h"

#include "support/one_context.h"

static rn_tensor *numbered(rn_dtype dtype, int32_t rank, const int64_t *shape, rn_order order)
{
    rn_tensor *tensor;
    int64_t count;
    double *numbers;

    require_ok(context, rn_tensor_create(&tensor, context, dtype, rank, shape, order));
    count = rn_tensor_count(tensor);
    numbers = malloc(((size_t)count + 1) * sizeof *numbers);
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (double)(i % 100);
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT64, numbers, (size_t)count * sizeof *numbers));
    free(numbers);
    return tensor;
}

static void a_new_tensor_is_zero_and_knows_itself(void **state)
{
    const int64_t shape[] = { 2, 3, 4, 5 }, row_major[] = { 60, 20, 5, 1 }, channels_last[] = { 60, 1, 15, 3 };
    rn_tensor *tensor;
    double value = 1;

    (void)state;
    require_ok(context, rn_tensor_create(&tensor, context, RN_INT16, 4, shape, RN_ROW_MAJOR));
    assert_int_equal(rn_tensor_dtype(tensor), RN_INT16);
    assert_int_equal(rn_tensor_rank(tensor), 4);
    assert_int_equal(rn_tensor_count(tensor), 120);
    assert_memory_equal(rn_tensor_shape(tensor), shape, sizeof shape);
    assert_memory_equal(rn_tensor_strides(tensor), row_major, sizeof row_major);
    assert_ptr_equal(rn_tensor_data(tensor), rn_tensor_const_data(tensor));
    require_ok(context, rn_tensor_get(tensor, (const int64_t[]){ 1, 2, 3, 4 }, &value));
    assert_true(value == 0);
    rn_tensor_destroy(tensor);
    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    assert_memory_equal(rn_tensor_strides(tensor), channels_last, sizeof channels_last);
    assert_int_equal((uintptr_t)rn_tensor_data(tensor) % RN_ALIGNMENT, 0);
    rn_tensor_destroy(tensor);
}

static void scalars_and_empty_tensors_are_tensors(void **state)
{
    const int64_t shape[] = { 3, 0, 2 };
    rn_tensor *scalar, *empty, *copy;
    double value;

    (void)state;
    require_ok(context, rn_tensor_create(&scalar, context, RN_INT64, 0, NULL, RN_ROW_MAJOR));
    assert_int_equal(rn_tensor_count(scalar), 1);
    require_ok(context, rn_tensor_set(scalar, NULL, 7));
    require_ok(context, rn_tensor_get(scalar, NULL, &value));
    assert_true(value == 7);
    require_ok(context, rn_tensor_create(&empty, context, RN_FLOAT32, 3, shape, RN_ROW_MAJOR));
    assert_int_equal(rn_tensor_count(empty), 0);
    require_ok(context, rn_tensor_fill(empty, 3));
    require_ok(context, rn_tensor_read(empty, RN_FLOAT32, NULL, 0));
    require_ok(context, rn_tensor_convert(&copy, empty, RN_INT8, RN_ROW_MAJOR));
    require_status(context, rn_tensor_get(empty, (const int64_t[]){ 0, 0, 0 }, &value), RN_SHAPE);
    rn_tensor_destroy(copy);
    rn_tensor_destroy(empty);
    rn_tensor_destroy(scalar);
}

static void senseless_shapes_and_types_are_refused(void **state)
{
    const int64_t shape[] = { 2, 3, 4, 5, 1, 1, 1, 1, 1 }, negative[] = { 2, -1 };
    const int64_t large[] = { INT64_MAX, 2 }, large_bytes[] = { INT64_MAX / 4 };
    rn_tensor *tensor = (rn_tensor *)state;

    require_status(context, rn_tensor_create(&tensor, context, (rn_dtype)0, 1, shape, RN_ROW_MAJOR),
                   RN_INVALID_ARGUMENT);
    assert_null(tensor);
    require_status(context, rn_tensor_create(&tensor, context, (rn_dtype)11, 1, shape, RN_ROW_MAJOR),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, 1, shape, (rn_order)2), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, 9, shape, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, -1, shape, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, 2, NULL, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, 2, negative, RN_ROW_MAJOR),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, 3, shape, RN_CHANNELS_LAST), RN_SHAPE);
    require_status(context, rn_tensor_create(&tensor, context, RN_INT8, 2, large, RN_ROW_MAJOR), RN_NO_MEMORY);
    require_status(context, rn_tensor_create(&tensor, context, RN_FLOAT64, 1, large_bytes, RN_ROW_MAJOR), RN_NO_MEMORY);
    require_status(context, rn_tensor_create(NULL, context, RN_INT8, 1, shape, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_create(&tensor, NULL, RN_INT8, 1, shape, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    assert_null(tensor);
}

static void null_is_answered_everywhere(void **state)
{
    rn_tensor *tensor;
    double value;

    (void)state;
    assert_int_equal(rn_tensor_wrap(&tensor, NULL, RN_INT8, 0, NULL, RN_ROW_MAJOR, &value, 1), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_wrap(&tensor, context, RN_INT8, 0, NULL, RN_ROW_MAJOR, NULL, 1),
                   RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_view(&tensor, NULL, 0, 0, 1), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_convert(&tensor, NULL, RN_INT8, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    assert_null(tensor);
    assert_int_equal(rn_tensor_copy(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_fill(NULL, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_read(NULL, RN_INT8, &value, 1), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_write(NULL, RN_INT8, &value, 1), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_get(NULL, NULL, &value), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_tensor_set(NULL, NULL, 0), RN_INVALID_ARGUMENT);
    require_ok(context, rn_tensor_create(&tensor, context, RN_INT8, 1, (const int64_t[]){ 1 }, RN_ROW_MAJOR));
    require_status(context, rn_tensor_copy(tensor, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_read(tensor, RN_INT8, NULL, 1), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_get(tensor, NULL, &value), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_get(tensor, (const int64_t[]){ 0 }, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_view(NULL, tensor, 0, 0, 1), RN_INVALID_ARGUMENT);
    require_status(context, rn_tensor_convert(NULL, tensor, RN_INT8, RN_ROW_MAJOR), RN_INVALID_ARGUMENT);
    rn_tensor_destroy(tensor);
    rn_tensor_destroy(NULL);
    assert_int_equal(rn_tensor_dtype(NULL), 0);
    assert_int_equal(rn_tensor_rank(NULL), 0);
    assert_int_equal(rn_tensor_count(NULL), 0);
    assert_null(rn_tensor_shape(NULL));
    assert_null(rn_tensor_strides(NULL));
    assert_null(rn_tensor_data(NULL));
    assert_null(rn_tensor_const_data(NULL));
}

static void wrapped_memory_is_used_in_place(void **state)
{
    const int64_t shape[] = { 1, 2, 1, 3 };
    float numbers[6] = { 0, 1, 2, 3, 4, 5 }, read[6];
    const float expected[6] = { 0, 2, 4, 1, 3, 5 };
    rn_tensor *tensor;

    (void)state;
    require_status(context, rn_tensor_wrap(&tensor, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST, numbers, 23),
                   RN_SHAPE);
    require_ok(context,
               rn_tensor_wrap(&tensor, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST, numbers, sizeof numbers));
    assert_ptr_equal(rn_tensor_data(tensor), numbers);
    require_ok(context, rn_tensor_read(tensor, RN_FLOAT32, read, sizeof read));
    assert_memory_equal(read, expected, sizeof read);
    require_ok(context, rn_tensor_set(tensor, (const int64_t[]){ 0, 1, 0, 0 }, 10));
    assert_true(numbers[1] == 10);
    rn_tensor_destroy(tensor);
}

static void a_window_shares_and_keeps_the_memory(void **state)
{
    const int64_t shape[] = { 4, 3, 2, 2 };
    rn_tensor *const base = numbered(RN_FLOAT32, 4, shape, RN_CHANNELS_LAST);
    rn_tensor *images, *channel, *none;
    double value;

    (void)state;
    require_ok(context, rn_tensor_view(&images, base, 0, 1, 2));
    require_ok(context, rn_tensor_view(&channel, images, 1, 2, 1));
    require_ok(context, rn_tensor_view(&none, base, 0, 4, 0));
    assert_int_equal(rn_tensor_count(none), 0);
    rn_tensor_destroy(base);
    rn_tensor_destroy(images);
    assert_int_equal(rn_tensor_shape(channel)[0], 2);
    assert_int_equal(rn_tensor_shape(channel)[1], 1);
    require_ok(context, rn_tensor_get(channel, (const int64_t[]){ 1, 0, 1, 0 }, &value));
    assert_true(value == 2 * 12 + 2 * 4 + 2); /* element (2, 2, 1, 0) */
    require_ok(context, rn_tensor_set(channel, (const int64_t[]){ 0, 0, 0, 0 }, -1));
    rn_tensor_destroy(none);
    rn_tensor_destroy(channel);
}

static void a_window_must_lie_inside(void **state)
{
    const int64_t shape[] = { 4, 3 };
    rn_tensor *const base = numbered(RN_FLOAT32, 2, shape, RN_ROW_MAJOR);
    rn_tensor *window;

    (void)state;
    require_status(context, rn_tensor_view(&window, base, 2, 0, 1), RN_SHAPE);
    require_status(context, rn_tensor_view(&window, base, -1, 0, 1), RN_SHAPE);
    require_status(context, rn_tensor_view(&window, base, 0, -1, 1), RN_SHAPE);
    require_status(context, rn_tensor_view(&window, base, 0, 5, 0), RN_SHAPE);
    require_status(context, rn_tensor_view(&window, base, 0, 2, 3), RN_SHAPE);
    require_status(context, rn_tensor_view(&window, base, 0, 2, INT64_MAX), RN_SHAPE);
    require_status(context, rn_tensor_view(&window, base, 0, 0, -1), RN_SHAPE);
    assert_null(window);
    rn_tensor_destroy(base);
}

static void reading_is_row_major_whatever_the_strides(void **state)
{
    const int64_t shape[] = { 2, 3, 2, 2 };
    unsigned char expected[24], read[24];

    (void)state;
    for (int order = RN_ROW_MAJOR; order <= RN_CHANNELS_LAST; order++) {
        rn_tensor *const tensor = numbered(RN_FLOAT32, 4, shape, (rn_order)order);

        for (int i = 0; i < 24; i++)
            expected[i] = (unsigned char)i;
        require_ok(context, rn_tensor_read(tensor, RN_UINT8, read, sizeof read));
        assert_memory_equal(read, expected, sizeof read);
        require_status(context, rn_tensor_read(tensor, RN_UINT8, read, 23), RN_SHAPE);
        require_status(context, rn_tensor_read(tensor, RN_INT16, read, 24), RN_SHAPE);
        require_status(context, rn_tensor_read(tensor, (rn_dtype)99, read, 24), RN_INVALID_ARGUMENT);
        require_status(context, rn_tensor_write(tensor, RN_UINT8, read, 25), RN_SHAPE);
        rn_tensor_destroy(tensor);
    }
}

static void copies_keep_elements_across_orders_and_windows(void **state)
{
    const int64_t shape[] = { 2, 3, 4, 5 };
    rn_tensor *const source = numbered(RN_INT32, 4, shape, RN_ROW_MAJOR);
    rn_tensor *copy, *window, *other;
    double a, b;

    (void)state;
    require_ok(context, rn_tensor_convert(&copy, source, RN_FLOAT16, RN_CHANNELS_LAST));
    require_ok(context, rn_tensor_view(&window, source, 3, 1, 3));
    require_ok(context, rn_tensor_convert(&other, window, RN_FLOAT64, RN_CHANNELS_LAST));
    for (int64_t i = 0; i < 120; i++) {
        const int64_t index[] = { i / 60, i / 20 % 3, i / 5 % 4, i % 5 };

        require_ok(context, rn_tensor_get(copy, index, &a));
        assert_true(a == (double)(i % 100));
        if (index[3] < 3) {
            require_ok(context, rn_tensor_get(other, index, &b));
            assert_true(b == (double)((i + 1) % 100));
        }
    }
    require_status(context, rn_tensor_copy(other, source), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "(2, 3, 4, 3)"));
    require_ok(context, rn_tensor_copy(copy, copy)); /* the same */
    rn_tensor_destroy(other);
    rn_tensor_destroy(window);
    rn_tensor_destroy(copy);
    rn_tensor_destroy(source);
}

static void filling_stays_inside_a_window(void **state)
{
    const int64_t shape[] = { 3, 4 };
    rn_tensor *const base = numbered(RN_INT8, 2, shape, RN_ROW_MAJOR);
    const signed char expected[] = { 0, 9, 9, 3, 4, 9, 9, 7, 8, 9, 9, 11 };
    rn_tensor *window;

    (void)state;
    require_ok(context, rn_tensor_view(&window, base, 1, 1, 2));
    require_ok(context, rn_tensor_fill(window, 9.75)); /* truncated */
    assert_memory_equal(rn_tensor_const_data(base), expected, sizeof expected);
    rn_tensor_destroy(window);
    rn_tensor_destroy(base);
}

static void elements_out_of_range_are_refused(void **state)
{
    const int64_t shape[] = { 3, 4 };
    rn_tensor *const tensor = numbered(RN_FLOAT32, 2, shape, RN_ROW_MAJOR);
    double value;

    (void)state;
    require_status(context, rn_tensor_get(tensor, (const int64_t[]){ 3, 0 }, &value), RN_SHAPE);
    require_status(context, rn_tensor_get(tensor, (const int64_t[]){ 0, -1 }, &value), RN_SHAPE);
    require_status(context, rn_tensor_set(tensor, (const int64_t[]){ INT64_MAX, 0 }, 0), RN_SHAPE);
    rn_tensor_destroy(tensor);
}

static void shapes_print_as_tuples(void **state)
{
    const int64_t shape[] = { 64, 3, 7, 7 };
    char text[32], small[5];

    (void)state;
    assert_string_equal(rn_shape_text(text, sizeof text, 4, shape), "(64, 3, 7, 7)");
    assert_string_equal(rn_shape_text(text, sizeof text, 1, shape), "(64,)");
    assert_string_equal(rn_shape_text(text, sizeof text, 0, NULL), "()");
    assert_string_equal(rn_shape_text(small, sizeof small, 4, shape), "(64,");
}

/* Everything that allocates, once with each allocation failing. */
static rn_status make_everything(void *payload)
{
    const int64_t shape[] = { 2, 3, 2, 2 };
    rn_context *own = NULL;
    rn_tensor *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    float numbers[24] = { 0 };
    rn_status status;

    status = rn_context_create(&own, RN_OPTIONS(rn_context, .allocate = rn_test_allocate, .release = rn_test_release,
                                                .allocator_payload = payload));
    if (status == RN_OK)
        status = rn_tensor_create(&a, own, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST);
    if (status == RN_OK)
        status = rn_tensor_view(&b, a, 0, 1, 1);
    if (status == RN_OK)
        status = rn_tensor_convert(&c, b, RN_FLOAT16, RN_ROW_MAJOR);
    if (status == RN_OK)
        status = rn_tensor_wrap(&d, own, RN_FLOAT32, 4, shape, RN_ROW_MAJOR, numbers, sizeof numbers);
    rn_context_destroy(own);
    rn_tensor_destroy(a);
    rn_tensor_destroy(b);
    rn_tensor_destroy(c);
    rn_tensor_destroy(d);
    return status;
}

static void every_failing_allocation_is_no_memory_and_leaks_nothing(void **state)
{
    rn_test_allocator hooks = { 0 };

    (void)state;
    rn_test_fail_each(&hooks, make_everything, &hooks, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_tensor_is_zero_and_knows_itself),
        cmocka_unit_test(scalars_and_empty_tensors_are_tensors),
        cmocka_unit_test(senseless_shapes_and_types_are_refused),
        cmocka_unit_test(null_is_answered_everywhere),
        cmocka_unit_test(wrapped_memory_is_used_in_place),
        cmocka_unit_test(a_window_shares_and_keeps_the_memory),
        cmocka_unit_test(a_window_must_lie_inside),
        cmocka_unit_test(reading_is_row_major_whatever_the_strides),
        cmocka_unit_test(copies_keep_elements_across_orders_and_windows),
        cmocka_unit_test(filling_stays_inside_a_window),
        cmocka_unit_test(elements_out_of_range_are_refused),
        cmocka_unit_test(shapes_print_as_tuples),
        cmocka_unit_test(every_failing_allocation_is_no_memory_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
