/* SPDX-License-Identifier: MIT */
/* Sessions that compute with products of bfloat16: who asks, who is told, and the same bits for any number of
 * threads. */
#include "context/context.h"
#include "run/training.h"
#include "support/bfloat16.h"

static rn_context *context_of(int32_t threads, rn_isa isa, rn_precision precision)
{
    return rn_test_context_of(threads, isa, precision);
}

static rn_precision precision_of(rn_context *context, rn_model *model, int32_t wanted)
{
    rn_session *session = NULL;
    rn_precision got;

    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .precision = wanted)));
    got = rn_session_precision(session);
    rn_session_destroy(session);
    return got;
}

static void a_session_takes_the_contexts_precision_or_its_own(void **state)
{
    const rn_precision bfloat16 = RN_PRECISION_BFLOAT16;
    rn_context *const plain = context_of(1, RN_ISA_AUTO, RN_PRECISION_DEFAULT), *const context =
                                                                                    context_of(1, RN_ISA_AUTO,
                                                                                               RN_PRECISION_BFLOAT16);
    rn_model *const of_plain = residual_network(plain, 0), *const model = residual_network(context, 0);
    rn_session *session = (rn_session *)state;

    rn_test_need_bfloat16();
    rn_test_emulate_bfloat16(plain);
    assert_int_equal(precision_of(plain, of_plain, RN_PRECISION_DEFAULT), RN_PRECISION_FLOAT32);
    assert_int_equal(precision_of(plain, of_plain, RN_PRECISION_BFLOAT16), bfloat16);
    assert_int_equal(precision_of(context, model, RN_PRECISION_DEFAULT), bfloat16);
    assert_int_equal(precision_of(context, model, RN_PRECISION_FLOAT32), RN_PRECISION_FLOAT32);
    assert_int_equal(rn_session_precision(NULL), RN_PRECISION_FLOAT32);
    require_status(plain, rn_session_create(&session, plain, of_plain, RN_OPTIONS(rn_session, .precision = 3)),
                   RN_INVALID_ARGUMENT);
    assert_null(session);
    require_status(plain, rn_session_create(&session, plain, of_plain, RN_OPTIONS(rn_session, .reserved = 1)),
                   RN_INVALID_ARGUMENT);
    rn_model_destroy(model);
    rn_model_destroy(of_plain);
    rn_context_destroy(context);
    rn_context_destroy(plain);
}

static void count_warning(rn_log_level level, const char *line, void *payload)
{
    *(int *)payload += level == RN_LOG_WARNING && strstr(line, "bfloat16") != NULL && strstr(line, "baseline") != NULL;
}

/* The baseline never has them. */
static void where_there_is_none_it_says_so_and_has_the_bits_of_float32(void **state)
{
    int warnings = 0;
    rn_context *context = NULL;
    training plain, wanting;

    (void)state;
    require_ok(NULL, rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .isas = RN_ISA_BASELINE,
                                                            .precision = RN_PRECISION_BFLOAT16, .log = count_warning,
                                                            .log_payload = &warnings)));
    assert_int_equal(rn_context_precision(context), RN_PRECISION_FLOAT32);
    training_begin_with(&wanting, context, 0, 4);
    assert_int_equal(rn_session_precision(wanting.session), RN_PRECISION_FLOAT32);
    assert_int_equal(warnings, 1);
    training_begin_with(&plain, context_of(1, RN_ISA_BASELINE, RN_PRECISION_FLOAT32), 0, 4);
    for (int i = 0; i < 3; i++)
        assert_true(training_step(&wanting) == training_step(&plain));
    training_end(&plain);
    training_end(&wanting);
}

/* What comes of it is near float32's, and not the same. */
static void ten_steps_have_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    rn_test_need_bfloat16();
    for (int32_t threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        training one, many, plain;
        bool differs = false;
        size_t count, other;
        float *x, *y;

        training_begin_with(&one, context_of(1, RN_ISA_AUTO, RN_PRECISION_BFLOAT16), 0.5, 4);
        training_begin_with(&many, context_of(threads, RN_ISA_AUTO, RN_PRECISION_BFLOAT16), 0.5, 4);
        training_begin_with(&plain, context_of(1, RN_ISA_AUTO, RN_PRECISION_FLOAT32), 0.5, 4);
        for (int i = 0; i < 10; i++) {
            const double loss = training_step(&one), exact = training_step(&plain);

            assert_true(loss == training_step(&many));
            differs = differs || loss != exact;
            if (i == 0)
                assert_true(fabs(loss - exact) <= 0.02 * fabs(exact));
        }
        assert_true(differs);
        x = training_all_values(&one, &count);
        y = training_all_values(&many, &other);
        assert_int_equal(count, other);
        assert_memory_equal(x, y, count * sizeof *x);
        free(x);
        free(y);
        training_end(&plain);
        training_end(&many);
        training_end(&one);
    }
}

enum { FEATURES = 48, HIDDEN = 40, CLASSES = 5 };

static rn_model *linear_network(rn_context *context)
{
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&graph, context));
    x = rn_flatten(graph, rn_graph_input(graph, "images", 3, 4, 4, NULL), NULL);
    x = rn_relu(graph, rn_linear(graph, x, "hidden", HIDDEN, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", CLASSES, NULL));
    rn_graph_head(graph, "fc");
    require_ok(context, rn_model_build(&model, graph, "linear", NULL));
    rn_graph_destroy(graph);
    return model;
}

/* The logits of two samples, in whatever the model's layers are. */
static void read_logits(rn_context *context, rn_model *model, rn_mode mode, rn_precision precision, float *logits)
{
    const int64_t shape[4] = { 2, 3, 4, 4 };
    const rn_tensor *output = NULL;
    rn_session *session = NULL;
    rn_tensor *images = NULL;

    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(images), 2 * FEATURES, 7);
    require_ok(context, rn_session_create(&session, context, model,
                                          RN_OPTIONS(rn_session, .mode = mode, .precision = (int32_t)precision)));
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&output, session, 0));
    require_ok(context, rn_tensor_read(output, RN_FLOAT32, logits, 2 * CLASSES * sizeof *logits));
    rn_session_destroy(session);
    rn_tensor_destroy(images);
}

/* Kept weights are rounded, those that are trained never; a layer that is frozen is what it is in inference. */
static void linear_layers_multiply_bfloat16_where_they_are_not_trained(void **state)
{
    rn_context *const context = rn_test_context_of(1, RN_ISA_AUTO, RN_PRECISION_BFLOAT16);
    rn_model *const model = linear_network(context);
    float exact[2 * CLASSES], logits[2 * CLASSES], partly[2 * CLASSES];

    (void)state;
    rn_test_need_bfloat16();
    read_logits(context, model, RN_INFER, RN_PRECISION_FLOAT32, exact);
    read_logits(context, model, RN_TRAIN, RN_PRECISION_BFLOAT16, logits);
    assert_memory_equal(logits, exact, sizeof exact);
    require_ok(context, rn_model_freeze_backbone(model));
    read_logits(context, model, RN_TRAIN, RN_PRECISION_BFLOAT16, partly);
    assert_memory_not_equal(partly, exact, sizeof exact);
    read_logits(context, model, RN_INFER, RN_PRECISION_BFLOAT16, logits);
    assert_memory_not_equal(logits, partly, sizeof logits);
    assert_true(rn_test_error(logits, exact, 2 * CLASSES) <= 0.02);
    require_ok(context, rn_model_freeze(model, "*"));
    read_logits(context, model, RN_TRAIN, RN_PRECISION_BFLOAT16, partly);
    assert_memory_equal(partly, logits, sizeof logits);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_takes_the_contexts_precision_or_its_own),
        cmocka_unit_test(where_there_is_none_it_says_so_and_has_the_bits_of_float32),
        cmocka_unit_test(ten_steps_have_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(linear_layers_multiply_bfloat16_where_they_are_not_trained),
    };

    return cmocka_run_group_tests_name("run/precision", tests, NULL, NULL);
}
