/* SPDX-License-Identifier: MIT */
/* The parameter store: layout, versions, gradients, permission to write. */
#include "params/parameters.h"

#include "support/one_context.h"

enum { CONV, MEAN, BATCHES, FC_WEIGHT, FC_BIAS, ENTRIES };

static const int64_t conv_shape[] = { 4, 3, 2, 2 }, channels[] = { 5 }, fc_shape[] = { 2, 5 }, two[] = { 2 };

/* conv (parameter), running mean and counter (buffers), linear weight and bias (parameters). */
static rn_status declare_all(rn_parameters *parameters)
{
    size_t index;
    rn_status status;

    status = rn_parameters_declare(&index, parameters, "conv1.weight", true, RN_FLOAT32, 4, conv_shape);
    if (status == RN_OK)
        status = rn_parameters_declare(&index, parameters, "bn1.running_mean", false, RN_FLOAT32, 1, channels);
    if (status == RN_OK)
        status = rn_parameters_declare(&index, parameters, "bn1.num_batches_tracked", false, RN_INT64, 0, NULL);
    if (status == RN_OK)
        status = rn_parameters_declare(&index, parameters, "fc.weight", true, RN_FLOAT32, 2, fc_shape);
    if (status == RN_OK)
        status = rn_parameters_declare(&index, parameters, "fc.bias", true, RN_FLOAT32, 1, two);
    return status == RN_OK ? rn_parameters_finish(parameters) : status;
}

static rn_parameters *make_store(void)
{
    rn_parameters *parameters;

    require_ok(context, rn_parameters_create(&parameters, context));
    require_ok(context, declare_all(parameters));
    return parameters;
}

static void values_lie_one_after_the_other_and_are_zero(void **state)
{
    const int64_t channels_last[] = { 12, 1, 6, 3 };
    rn_parameters *const p = make_store();
    const float *const floats = rn_parameters_floats(p, CONV);

    (void)state;
    assert_int_equal(rn_parameters_count(p), ENTRIES);
    assert_ptr_equal(rn_parameters_floats(p, MEAN), floats + 48);
    assert_null(rn_parameters_floats(p, BATCHES));
    assert_ptr_equal(rn_parameters_floats(p, FC_WEIGHT), floats + 53);
    assert_ptr_equal(rn_parameters_floats(p, FC_BIAS), floats + 63);
    assert_null(rn_parameters_floats(p, ENTRIES));
    for (int i = 0; i < 65; i++)
        assert_true(floats[i] == 0);
    assert_memory_equal(rn_tensor_strides(rn_parameters_value(p, CONV)), channels_last, sizeof channels_last);
    assert_ptr_equal(rn_tensor_const_data(rn_parameters_value(p, CONV)), floats);
    assert_int_equal(rn_tensor_dtype(rn_parameters_value(p, BATCHES)), RN_INT64);
    assert_int_equal(p->entry[FC_BIAS].offset, 63);
    assert_int_equal(p->entry[BATCHES].offset, -1);
    rn_parameters_release(p);
}

static void entries_are_found_and_counted(void **state)
{
    rn_parameters *const p = make_store();
    size_t index = 99;

    (void)state;
    assert_string_equal(rn_parameters_name(p, FC_WEIGHT), "fc.weight");
    assert_null(rn_parameters_name(p, ENTRIES));
    require_ok(context, rn_parameters_find(&index, p, "fc.weight"));
    assert_int_equal(index, FC_WEIGHT);
    require_status(context, rn_parameters_find(&index, p, "fc"), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_find(&index, p, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_find(NULL, p, "fc.weight"), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_parameters_is_parameter(p, CONV), 1);
    assert_int_equal(rn_parameters_is_parameter(p, MEAN), 0);
    assert_int_equal(rn_parameters_is_parameter(p, ENTRIES), 0);
    assert_int_equal(rn_parameters_is_trainable(p, CONV), 1);
    assert_int_equal(rn_parameters_is_trainable(p, MEAN), 0);
    assert_int_equal(rn_parameters_elements(p, 0), 60);
    p->entry[CONV].trainable = false;
    assert_int_equal(rn_parameters_is_trainable(p, CONV), 0);
    assert_int_equal(rn_parameters_elements(p, 0), 60);
    assert_int_equal(rn_parameters_elements(p, 1), 12);
    rn_parameters_release(p);
}

static void senseless_declarations_are_refused(void **state)
{
    static char long_name[2000];
    const int64_t negative[] = { -1 }, huge[] = { INT64_MAX };
    rn_parameters *p;
    size_t index;

    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    require_ok(context, rn_parameters_create(&p, context));
    require_ok(context, rn_parameters_declare(&index, p, "a", true, RN_FLOAT32, 1, two));
    require_status(context, rn_parameters_declare(&index, p, "a", true, RN_FLOAT32, 1, two), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, "", true, RN_FLOAT32, 1, two), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, long_name, true, RN_FLOAT32, 1, two), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, "b", true, RN_INT64, 1, two), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, "b", false, RN_FLOAT16, 1, two), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, "b", true, RN_FLOAT32, 9, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, "b", true, RN_FLOAT32, 1, negative), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_declare(&index, p, "b", true, RN_FLOAT32, 1, huge), RN_NO_MEMORY);
    require_ok(context, rn_parameters_finish(p));
    require_status(context, rn_parameters_declare(&index, p, "b", true, RN_FLOAT32, 1, two), RN_STATE);
    require_status(context, rn_parameters_finish(p), RN_STATE);
    assert_int_equal(rn_parameters_count(p), 1);
    rn_parameters_release(p);
}

static void sums_that_overflow_are_no_memory(void **state)
{
    const int64_t large[] = { PTRDIFF_MAX / 8 };
    rn_parameters *p;

    (void)state;
    require_ok(context, rn_parameters_create(&p, context));
    for (int i = 0; i < 9; i++) {
        char name[16];
        size_t index;

        snprintf(name, sizeof name, "p%d", i);
        require_ok(context, rn_parameters_declare(&index, p, name, true, RN_FLOAT32, 1, large));
    }
    require_status(context, rn_parameters_finish(p), RN_NO_MEMORY);
    rn_parameters_release(p);
}

static void writing_converts_and_raises_the_version(void **state)
{
    rn_parameters *const p = make_store();
    rn_tensor *value, *wrong;
    double numbers[48], read;

    (void)state;
    for (int i = 0; i < 48; i++)
        numbers[i] = i;
    require_ok(context,
               rn_tensor_wrap(&value, context, RN_FLOAT64, 4, conv_shape, RN_ROW_MAJOR, numbers, sizeof numbers));
    require_ok(context, rn_tensor_wrap(&wrong, context, RN_FLOAT64, 1, two, RN_ROW_MAJOR, numbers, sizeof numbers));
    require_ok(context, rn_parameters_write(p, CONV, value));
    assert_true(p->version > 0);
    assert_true(p->entry[CONV].version == p->version);
    assert_true(p->entry[FC_WEIGHT].version == 0);
    require_ok(context, rn_tensor_get(rn_parameters_value(p, CONV), (const int64_t[]){ 3, 1, 1, 0 }, &read));
    assert_true(read == 3 * 12 + 1 * 4 + 2);
    assert_true(rn_parameters_floats(p, CONV)[3 * 12 + 1 * 6 + 1] == read); /* (out, kh, kw, in) in memory */
    require_status(context, rn_parameters_write(p, CONV, wrong), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "conv1.weight"));
    assert_non_null(strstr(rn_context_message(context), "(4, 3, 2, 2)"));
    require_status(context, rn_parameters_write(p, CONV, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_parameters_write(p, ENTRIES, value), RN_INVALID_ARGUMENT);
    assert_true(p->version == 1);
    rn_tensor_destroy(value);
    rn_tensor_destroy(wrong);
    rn_parameters_release(p);
}

static void nothing_is_written_between_forward_and_backward(void **state)
{
    rn_parameters *const p = make_store();
    rn_tensor *value;

    (void)state;
    require_ok(context, rn_tensor_create(&value, context, RN_FLOAT32, 1, two, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(value, 1));
    atomic_store(&p->pins, 1);
    require_status(context, rn_parameters_write(p, FC_BIAS, value), RN_STATE);
    assert_true(rn_parameters_floats(p, FC_BIAS)[0] == 0);
    atomic_store(&p->pins, 0);
    require_ok(context, rn_parameters_write(p, FC_BIAS, value));
    assert_true(rn_parameters_floats(p, FC_BIAS)[0] == 1);
    rn_tensor_destroy(value);
    rn_parameters_release(p);
}

static void gradients_have_room_for_what_is_trainable_only(void **state)
{
    rn_parameters *const p = make_store();

    (void)state;
    assert_null(rn_parameters_gradient_floats(p, CONV));
    require_ok(context, rn_parameters_gradients_ready(p));
    assert_non_null(rn_parameters_gradient_floats(p, CONV));
    assert_null(rn_parameters_gradient_floats(p, MEAN));
    assert_ptr_equal(rn_parameters_gradient_floats(p, FC_WEIGHT), rn_parameters_gradient_floats(p, CONV) + 48);
    assert_memory_equal(p->entry[CONV].gradient->strides, p->entry[CONV].value->strides, 4 * sizeof(int64_t));
    p->entry[CONV].trainable = false;
    require_ok(context, rn_parameters_gradients_ready(p));
    assert_null(rn_parameters_gradient_floats(p, CONV));
    assert_ptr_equal(rn_parameters_gradient_floats(p, FC_WEIGHT), p->gradients->memory);
    p->entry[FC_WEIGHT].trainable = p->entry[FC_BIAS].trainable = false;
    require_ok(context, rn_parameters_gradients_ready(p));
    assert_null(rn_parameters_gradient_floats(p, FC_WEIGHT));
    rn_parameters_release(p);
}

static void a_gradient_is_shown_only_while_there_is_one(void **state)
{
    rn_parameters *const p = make_store();

    (void)state;
    require_ok(context, rn_parameters_gradients_ready(p));
    assert_null(rn_parameters_gradient(p, FC_BIAS));
    assert_int_equal(rn_parameters_has_gradient(p, FC_BIAS), 0);
    p->entry[FC_BIAS].has_gradient = true;
    assert_ptr_equal(rn_parameters_gradient(p, FC_BIAS), p->entry[FC_BIAS].gradient);
    assert_int_equal(rn_parameters_has_gradient(p, FC_BIAS), 1);
    require_ok(context, rn_parameters_gradients_ready(p)); /* nothing changed: it stays */
    assert_non_null(rn_parameters_gradient(p, FC_BIAS));
    rn_parameters_clear_gradients(p);
    assert_null(rn_parameters_gradient(p, FC_BIAS));
    p->entry[FC_BIAS].has_gradient = true;
    p->entry[CONV].trainable = false; /* another set: all are forgotten */
    require_ok(context, rn_parameters_gradients_ready(p));
    assert_null(rn_parameters_gradient(p, FC_BIAS));
    assert_null(rn_parameters_gradient(p, ENTRIES));
    rn_parameters_release(p);
}

static void a_steady_state_allocates_nothing(void **state)
{
    rn_test_allocator hooks = { .fail_at = -1 };
    rn_context *own;
    rn_parameters *p;
    long before;

    (void)state;
    assert_int_equal(rn_context_create(&own, RN_OPTIONS(rn_context, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &hooks)),
                     RN_OK);
    require_ok(own, rn_parameters_create(&p, own));
    require_ok(own, declare_all(p));
    require_ok(own, rn_parameters_gradients_ready(p));
    before = hooks.calls;
    for (int i = 0; i < 3; i++) {
        require_ok(own, rn_parameters_gradients_ready(p));
        rn_parameters_clear_gradients(p);
    }
    assert_int_equal(hooks.calls, before);
    rn_context_destroy(own);
    rn_parameters_release(p);
    assert_int_equal(hooks.live, 0);
}

static void null_is_answered_everywhere(void **state)
{
    rn_tensor *const none = NULL;
    size_t index;

    (void)state;
    assert_int_equal(rn_parameters_count(NULL), 0);
    assert_null(rn_parameters_name(NULL, 0));
    assert_int_equal(rn_parameters_find(&index, NULL, "x"), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_parameters_is_parameter(NULL, 0), 0);
    assert_int_equal(rn_parameters_is_trainable(NULL, 0), 0);
    assert_int_equal(rn_parameters_has_gradient(NULL, 0), 0);
    assert_int_equal(rn_parameters_elements(NULL, 0), 0);
    assert_null(rn_parameters_value(NULL, 0));
    assert_int_equal(rn_parameters_write(NULL, 0, none), RN_INVALID_ARGUMENT);
    assert_null(rn_parameters_gradient(NULL, 0));
    rn_parameters_clear_gradients(NULL);
    rn_parameters_release(NULL);
}

/* Everything that allocates, the arrays growing included. */
static rn_status make_everything(void *payload)
{
    rn_test_allocator *const hooks = payload;
    rn_context *own = NULL;
    rn_parameters *p = NULL;
    size_t index;
    rn_status status = rn_context_create(&own, RN_OPTIONS(rn_context, .allocate = rn_test_allocate,
                                                          .release = rn_test_release, .allocator_payload = hooks));

    if (status == RN_OK)
        status = rn_parameters_create(&p, own);
    for (int i = 0; i < 65 && status == RN_OK; i++) {
        char name[32];

        snprintf(name, sizeof name, "buffer%d", i);
        status = rn_parameters_declare(&index, p, name, false, i % 2 == 0 ? RN_FLOAT32 : RN_INT64, 1, two);
    }
    if (status == RN_OK)
        status = declare_all(p);
    if (status == RN_OK)
        status = rn_parameters_gradients_ready(p);
    if (status == RN_OK) {
        p->entry[65 + CONV].trainable = false;
        status = rn_parameters_gradients_ready(p);
    }
    if (p != NULL && p->values->memory != NULL) { /* what failed may be tried again */
        hooks->fail_at = -1;
        assert_int_equal(rn_parameters_gradients_ready(p), RN_OK);
    }
    rn_parameters_release(p);
    rn_context_destroy(own);
    return status;
}

static void every_failing_allocation_is_no_memory_and_leaks_nothing(void **state)
{
    rn_test_allocator hooks = { 0 };

    (void)state;
    rn_test_fail_each(&hooks, make_everything, &hooks, 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_lie_one_after_the_other_and_are_zero),
        cmocka_unit_test(entries_are_found_and_counted),
        cmocka_unit_test(senseless_declarations_are_refused),
        cmocka_unit_test(sums_that_overflow_are_no_memory),
        cmocka_unit_test(writing_converts_and_raises_the_version),
        cmocka_unit_test(nothing_is_written_between_forward_and_backward),
        cmocka_unit_test(gradients_have_room_for_what_is_trainable_only),
        cmocka_unit_test(a_gradient_is_shown_only_while_there_is_one),
        cmocka_unit_test(a_steady_state_allocates_nothing),
        cmocka_unit_test(null_is_answered_everywhere),
        cmocka_unit_test(every_failing_allocation_is_no_memory_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
