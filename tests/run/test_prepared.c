/* SPDX-License-Identifier: MIT */
#include "run/networks.h"

static void read_logits(rn_context *context, rn_session *session, const rn_tensor *images, float *logits, size_t count)
{
    const rn_tensor *output = NULL;

    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&output, session, 0));
    require_ok(context, rn_tensor_read(output, RN_FLOAT32, logits, count * sizeof *logits));
}

/* Scales a parameter by a factor through the public call. */
static void scale_parameter(rn_context *context, rn_model *model, const char *name, float factor)
{
    rn_parameters *const parameters = rn_model_parameters(model);
    rn_tensor *copy = NULL;
    float *values;
    size_t index;

    require_ok(context, rn_parameters_find(&index, parameters, name));
    require_ok(context, rn_tensor_convert(&copy, rn_parameters_value(parameters, index), RN_FLOAT32, RN_ROW_MAJOR));
    values = rn_tensor_data(copy);
    for (int64_t i = 0; i < rn_tensor_count(copy); i++)
        values[i] *= factor;
    require_ok(context, rn_parameters_write(parameters, index, copy));
    rn_tensor_destroy(copy);
}

/* A session that has run must see every later write: weights, bias, and each part of a batch norm. */
static void what_is_prepared_follows_every_write(void **state)
{
    static const char *const names[] = { "conv1.weight",    "bn1.weight",          "bn1.bias", "bn1.running_mean",
                                         "bn1.running_var", "fire.squeeze.weight", "fc.weight" };
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *const model = residual_network(context, 0);
    rn_tensor *const images = residual_images(context, 2, 1);
    rn_session *kept = NULL;
    float before[2 * RESIDUAL_CLASSES], after[2 * RESIDUAL_CLASSES], fresh[2 * RESIDUAL_CLASSES];

    (void)state;
    scale_parameter(context, model, "bn1.bias", 0);
    require_ok(context, rn_session_create(&kept, context, model, NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rn_session *session = NULL;
        rn_tensor *value = NULL;
        size_t index;

        read_logits(context, kept, images, before, 2 * RESIDUAL_CLASSES);
        require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), names[i]));
        require_ok(context, rn_tensor_convert(&value, rn_parameters_value(rn_model_parameters(model), index),
                                              RN_FLOAT32, RN_ROW_MAJOR));
        for (int64_t j = 0; j < rn_tensor_count(value); j++)
            ((float *)rn_tensor_data(value))[j] = ((float *)rn_tensor_data(value))[j] * 1.5f + 0.25f;
        require_ok(context, rn_parameters_write(rn_model_parameters(model), index, value));
        rn_tensor_destroy(value);
        read_logits(context, kept, images, after, 2 * RESIDUAL_CLASSES);
        require_ok(context, rn_session_create(&session, context, model, NULL));
        read_logits(context, session, images, fresh, 2 * RESIDUAL_CLASSES);
        assert_memory_equal(after, fresh, sizeof after);
        assert_memory_not_equal(after, before, sizeof after);
        rn_session_destroy(session);
    }
    rn_session_destroy(kept);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_prepared_follows_every_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
