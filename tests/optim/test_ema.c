/* SPDX-License-Identifier: MIT */
/* Averages of weights against torch.optim.swa_utils, their swap, and their state dict. */
#include "optim/ema.h"

#include "optim/ema_fixtures.h"
#include "params/parameters.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

enum { WEIGHT, MEAN, COUNT, ENTRIES };

static const int64_t weight_shape[4] = { 4, 3, 2, 2 }, mean_shape[1] = { 5 };

static rn_parameters *make(rn_context *in)
{
    rn_parameters *p;
    size_t index;

    require_ok(in, rn_parameters_create(&p, in));
    require_ok(in, rn_parameters_declare(&index, p, "weight", true, RN_FLOAT32, 4, weight_shape));
    require_ok(in, rn_parameters_declare(&index, p, "mean", false, RN_FLOAT32, 1, mean_shape));
    require_ok(in, rn_parameters_declare(&index, p, "count", false, RN_INT64, 0, NULL));
    require_ok(in, rn_parameters_finish(p));
    return p;
}

/* The values of make_ema.py at a step, which are written in row-major order. */
static void set(rn_parameters *p, int step)
{
    const rn_context *const in = p->context;
    float values[48];
    int64_t count = 10 * step;
    rn_tensor *tensor;

    for (int64_t i = 0; i < 48; i++)
        values[i] = (float)((i * 5 + step * 7) % 17 - 8) / 16;
    require_ok(in,
               rn_tensor_wrap(&tensor, p->context, RN_FLOAT32, 4, weight_shape, RN_ROW_MAJOR, values, sizeof values));
    require_ok(in, rn_parameters_write(p, WEIGHT, tensor));
    rn_tensor_destroy(tensor);
    require_ok(
        in, rn_tensor_wrap(&tensor, p->context, RN_FLOAT32, 1, mean_shape, RN_ROW_MAJOR, values, 5 * sizeof *values));
    require_ok(in, rn_parameters_write(p, MEAN, tensor));
    rn_tensor_destroy(tensor);
    require_ok(in, rn_tensor_wrap(&tensor, p->context, RN_INT64, 0, NULL, RN_ROW_MAJOR, &count, sizeof count));
    require_ok(in, rn_parameters_write(p, COUNT, tensor));
    rn_tensor_destroy(tensor);
}

/* Values in row-major order. */
static void get(float *values, const rn_parameters *p, size_t index)
{
    rn_tensor *tensor;

    require_ok(p->context, rn_tensor_convert(&tensor, p->entry[index].value, RN_FLOAT32, RN_ROW_MAJOR));
    memcpy(values, rn_tensor_const_data(tensor), (size_t)p->entry[index].count * sizeof *values);
    rn_tensor_destroy(tensor);
}

static int64_t counter(const rn_parameters *p)
{
    return *(const int64_t *)rn_tensor_const_data(rn_parameters_value(p, COUNT));
}

static void require_close(const rn_parameters *p, size_t index, const float *expected)
{
    float values[48];

    get(values, p, index);
    for (int64_t i = 0; i < p->entry[index].count; i++) /* 20 roundings of numbers below 1 */
        assert_true(fabsf(values[i] - expected[i]) <= 20 * 6e-8F);
}

static void averages_are_those_of_pytorch(void **state)
{
    static const struct {
        double decay;
        int32_t buffers;
        const float *weight, *mean;
        int64_t count;
    } cases[] = { { 0, 0, ema_plain_weight, ema_plain_mean, ema_plain_count },
                  { 0.9, 1, ema_buffers_weight, ema_buffers_mean, ema_buffers_count },
                  { 0.3, 1, ema_light_weight, ema_light_mean, ema_light_count } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_parameters *const p = make(context);
        rn_ema *ema;

        set(p, 0);
        require_ok(
            context,
            rn_ema_create(&ema, p, RN_OPTIONS(rn_ema, .decay = cases[i].decay, .average_buffers = cases[i].buffers)));
        for (int step = 1; step <= EMA_STEPS; step++) {
            set(p, step);
            require_ok(context, rn_ema_update(ema));
        }
        require_ok(context, rn_ema_swap(ema));
        require_close(p, WEIGHT, cases[i].weight);
        require_close(p, MEAN, cases[i].mean);
        assert_int_equal(counter(p), cases[i].count);
        require_ok(context, rn_ema_swap(ema));
        assert_int_equal(counter(p), 10 * EMA_STEPS);
        rn_ema_destroy(ema);
        rn_parameters_release(p);
    }
}

/* The first of every three calls counts; until then the average is what it began with. */
static void every_so_many_th_call_counts(void **state)
{
    rn_parameters *const p = make(context);
    rn_ema *ema;

    (void)state;
    set(p, 3);
    require_ok(context, rn_ema_create(&ema, p, RN_OPTIONS(rn_ema, .decay = RN_ZERO, .every = 3)));
    for (int step = 4; step <= 9; step++) {
        set(p, step);
        require_ok(context, rn_ema_update(ema));
        require_ok(context, rn_ema_swap(ema));
        assert_int_equal(counter(p), 10 * (step < 7 ? 4 : 7));
        require_ok(context, rn_ema_swap(ema));
    }
    rn_ema_destroy(ema);
    rn_parameters_release(p);
}

static void a_swap_writes_what_differs_and_is_taken_back(void **state)
{
    rn_parameters *const p = make(context);
    rn_checkpoint *file;
    rn_ema *ema;
    uint64_t version;

    (void)state;
    set(p, 1);
    require_ok(context, rn_ema_create(&ema, p, NULL));
    set(p, 2);
    set(p, 1);
    version = p->version;
    require_ok(context, rn_ema_swap(ema));
    assert_int_equal(p->version, version); /* all is equal */
    require_status(context, rn_ema_update(ema), RN_STATE);
    require_ok(context, rn_checkpoint_create(&file, context));
    require_status(context, rn_ema_state_dict(file, ema), RN_STATE);
    require_status(context, rn_ema_load_state_dict(ema, file), RN_STATE);
    rn_checkpoint_destroy(file);
    require_ok(context, rn_ema_swap(ema));
    set(p, 2);
    version = p->version;
    require_ok(context, rn_ema_swap(ema));
    assert_int_equal(p->version, version + ENTRIES);
    assert_int_equal(counter(p), 10);
    require_ok(context, rn_ema_swap(ema));
    assert_int_equal(counter(p), 20);
    rn_ema_destroy(ema);
    rn_parameters_release(p);
}

static void a_state_dict_gives_it_back(void **state)
{
    rn_parameters *const p = make(context);
    rn_checkpoint *file, *none;
    rn_ema *ema, *other;

    (void)state;
    set(p, 1);
    require_ok(context, rn_ema_create(&ema, p, RN_OPTIONS(rn_ema, .decay = 0.5, .every = 2)));
    for (int step = 1; step < 4; step++) {
        set(p, step);
        require_ok(context, rn_ema_update(ema));
    }
    require_ok(context, rn_checkpoint_create(&file, context));
    require_ok(context, rn_ema_state_dict(file, ema));
    assert_string_equal(rn_checkpoint_metadata(file, "rn.ema"), "3");
    assert_non_null(rn_checkpoint_find(file, "ema.weight"));
    require_ok(context, rn_ema_create(&other, p, RN_OPTIONS(rn_ema, .decay = 0.5, .every = 2)));
    require_ok(context, rn_ema_load_state_dict(other, file));
    set(p, 9);
    require_ok(context, rn_ema_update(other)); /* the file's are not touched */
    require_ok(context, rn_ema_update(other));
    require_ok(context, rn_ema_update(ema));
    require_ok(context, rn_ema_update(ema));
    for (size_t i = 0; i < ENTRIES; i++)
        assert_memory_equal(ema->average[i]->memory, other->average[i]->memory, rn_ema_bytes(ema, i));
    require_ok(context, rn_ema_load_state_dict(other, file));
    assert_int_equal(other->calls, 3);

    require_ok(context, rn_checkpoint_create(&none, context));
    require_status(context, rn_ema_load_state_dict(ema, none), RN_FORMAT);
    require_ok(context, rn_checkpoint_set_metadata(none, "rn.ema", "-1"));
    require_status(context, rn_ema_load_state_dict(ema, none), RN_FORMAT);
    require_ok(context, rn_checkpoint_set_metadata(none, "rn.ema", "7"));
    require_status(context, rn_ema_load_state_dict(ema, none), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "ema.weight"));
    require_ok(context, rn_checkpoint_add(none, "ema.weight", rn_checkpoint_find(file, "ema.mean")));
    require_status(context, rn_ema_load_state_dict(ema, none), RN_SHAPE);
    rn_checkpoint_destroy(none);
    rn_checkpoint_destroy(file);
    rn_ema_destroy(other);
    rn_ema_destroy(ema);
    rn_parameters_release(p);
}

static void what_makes_no_sense_is_refused(void **state)
{
    rn_parameters *const p = make(context);
    rn_ema *ema;

    (void)state;
    require_status(context, rn_ema_create(&ema, p, RN_OPTIONS(rn_ema, .decay = 1.5)), RN_INVALID_ARGUMENT);
    assert_null(ema);
    require_status(context, rn_ema_create(&ema, p, RN_OPTIONS(rn_ema, .decay = NAN)), RN_INVALID_ARGUMENT);
    require_status(context, rn_ema_create(&ema, p, RN_OPTIONS(rn_ema, .every = -1)), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_ema_create(&ema, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_ema_update(NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_ema_swap(NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_ema_state_dict(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_ema_load_state_dict(NULL, NULL), RN_INVALID_ARGUMENT);
    rn_ema_destroy(NULL);
    rn_parameters_release(p);
}

static rn_status use(void *payload)
{
    rn_parameters *const p = payload;
    rn_checkpoint *file = NULL;
    rn_ema *ema = NULL;
    rn_status status = rn_ema_create(&ema, p, NULL);

    if (status == RN_OK)
        status = rn_checkpoint_create(&file, p->context);
    if (status == RN_OK)
        status = rn_ema_state_dict(file, ema);
    if (status == RN_OK)
        status = rn_ema_update(ema); /* the file holds the averages: they are copied */
    if (status == RN_OK)
        status = rn_ema_load_state_dict(ema, file);
    rn_checkpoint_destroy(file);
    rn_ema_destroy(ema);
    return status;
}

static void out_of_memory_nothing_leaks(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *const in = rn_test_allocator_context(&allocator, 1);
    rn_parameters *const p = make(in);

    (void)state;
    set(p, 1);
    rn_test_fail_each(&allocator, use, p, 12);
    rn_parameters_release(p);
    rn_context_destroy(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_are_those_of_pytorch),
        cmocka_unit_test(every_so_many_th_call_counts),
        cmocka_unit_test(a_swap_writes_what_differs_and_is_taken_back),
        cmocka_unit_test(a_state_dict_gives_it_back),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(out_of_memory_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
