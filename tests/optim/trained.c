/* SPDX-License-Identifier: MIT */
#include "optim/trained.h"

#include "support/support.h"

static const int64_t shapes[TRAINED_ENTRIES][4] = { { 4, 3, 2, 2 }, { 4 }, { 2, 5 }, { 2 } };
static const int32_t ranks[TRAINED_ENTRIES] = { 4, 1, 2, 1 };
/* The number of the first element, the buffer not counted. */
static const int firsts[TRAINED_ENTRIES] = { 0, -1, 48, 58 };
static const int counts[TRAINED_ENTRIES] = { 48, 4, 10, 2 };

/* Converts row-major numbers into a tensor of any layout, or the other way round. */
static void copy(rn_context *context, size_t index, rn_tensor *tensor, float *numbers, bool out)
{
    rn_tensor *wrapped;

    require_ok(context, rn_tensor_wrap(&wrapped, context, RN_FLOAT32, ranks[index], shapes[index], RN_ROW_MAJOR,
                                       numbers, (size_t)counts[index] * sizeof *numbers));
    require_ok(context, out ? rn_tensor_copy(wrapped, tensor) : rn_tensor_copy(tensor, wrapped));
    rn_tensor_destroy(wrapped);
}

rn_parameters *rn_test_trained(rn_context *context)
{
    static const char *const names[] = { "conv1.weight", "bn1.running_mean", "fc.weight", "fc.bias" };
    rn_parameters *made;
    float numbers[48];
    size_t index;

    require_ok(context, rn_parameters_create(&made, context));
    for (size_t i = 0; i < TRAINED_ENTRIES; i++)
        require_ok(context,
                   rn_parameters_declare(&index, made, names[i], i != TRAINED_MEAN, RN_FLOAT32, ranks[i], shapes[i]));
    require_ok(context, rn_parameters_finish(made));
    for (size_t i = 0; i < TRAINED_ENTRIES; i++) {
        for (int k = 0; k < counts[i]; k++)
            numbers[k] = (float)((firsts[i] + k) * 5 % 17 - 8) / 16;
        copy(context, i, made->entry[i].value, numbers, false);
    }
    require_ok(context, rn_parameters_gradients_ready(made));
    return made;
}

void rn_test_trained_gradient(rn_parameters *parameters, size_t index, int step)
{
    float numbers[48];

    for (int k = 0; k < counts[index]; k++)
        numbers[k] = (float)(((firsts[index] + k) * 7 + step * 13) % 23 - 11) / 64;
    copy(parameters->context, index, parameters->entry[index].gradient, numbers, false);
    parameters->entry[index].has_gradient = true;
}

void rn_test_trained_gradients(rn_parameters *parameters, int step)
{
    rn_test_trained_gradient(parameters, TRAINED_CONV, step);
    rn_test_trained_gradient(parameters, TRAINED_WEIGHT, step);
    if (step >= TRAINED_BIAS_BEGINS)
        rn_test_trained_gradient(parameters, TRAINED_BIAS, step);
}

static void check(rn_context *context, size_t index, rn_tensor *tensor, const float *expected, const char *what)
{
    float numbers[48];

    copy(context, index, tensor, numbers, true);
    for (int k = 0; k < counts[index]; k++) {
        const double wanted = expected[firsts[index] + k];

        if (!(fabs(numbers[k] - wanted) <= 1e-7 + 5e-7 * fabs(wanted)))
            fail_msg("%s: element %d of entry %zu is %.9g instead of %.9g", what, k, index, (double)numbers[k], wanted);
    }
}

static void check_values(const rn_parameters *parameters, const float *expected, const char *what)
{
    for (size_t i = 0; i < TRAINED_ENTRIES; i++)
        if (i != TRAINED_MEAN)
            check(parameters->context, i, parameters->entry[i].value, expected, what);
}

static void check_slot(const rn_optimizer *optimizer, int32_t slot, const float *expected, const char *what)
{
    rn_context *const context = optimizer->parameters->context;

    for (size_t i = 0; i < TRAINED_ENTRIES; i++) {
        rn_tensor *tensor;

        require_ok(context, rn_optimizer_slot(&tensor, optimizer, i, slot));
        assert_int_equal(tensor == NULL, i == TRAINED_MEAN);
        if (tensor != NULL)
            check(context, i, tensor, expected, what);
        rn_tensor_destroy(tensor);
    }
}

void rn_test_trained_follow(rn_optimizer *optimizer, const rn_test_trajectory *expected)
{
    rn_parameters *const p = optimizer->parameters;
    rn_context *const context = p->context;
    rn_scheduler *step_lr = NULL;

    if (expected->step_size > 0)
        require_ok(context, rn_step_lr_create(
                                &step_lr, optimizer,
                                RN_OPTIONS(rn_step_lr, .step_size = expected->step_size, .gamma = expected->gamma)));
    for (int step = 0; step < TRAINED_STEPS; step++) {
        rn_test_trained_gradients(p, step);
        require_ok(context, rn_optimizer_step(optimizer));
        if (step_lr != NULL)
            require_ok(context, rn_scheduler_step(step_lr, NULL));
        if (step == 0)
            check_values(p, expected->first, expected->what);
    }
    check_values(p, expected->last, expected->what);
    for (int32_t slot = 0; slot < 3; slot++)
        if (expected->slot[slot] != NULL)
            check_slot(optimizer, slot, expected->slot[slot], expected->what);
    assert_true(fabs(rn_optimizer_lr(optimizer, 0) - expected->lr) <= 1e-15);
    rn_scheduler_destroy(step_lr);
}
