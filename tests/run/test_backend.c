/* SPDX-License-Identifier: MIT */
/*
 * Two backends run the same tapes: the CPU's, and the plain one, whose loops are definitions. What they compute is
 * compared number by number: each tensor's largest difference over its largest value.
 */
#include "run/kinds.h"
#include "run/networks.h"
#include "run/plain_backend.h"
#include "run/session.h"

#define RN_TEST_THREADS 1
#include "support/one_context.h"

/* Sums in float of some thousand terms, through twenty layers and as many batch norms of few values. */
static const double one_step = 2e-6, steps_apart = 4e-6;

/* ---- kinds that ran on the plain backend ------------------------------------------------------------------------- */

static const rn_kind *seen[64];
static int seen_count;

static void see(const rn_kind *kind)
{
    for (int i = 0; i < seen_count; i++)
        if (seen[i] == kind)
            return;
    seen[seen_count++] = kind;
}

static void see_all(const rn_tape *tape)
{
    for (int32_t i = 0; i < tape->operations; i++)
        see(tape->operation[i].kind);
}

/* ---- a network with what the residual one lacks ------------------------------------------------------------------ */

enum { SIDE = 15, CLASSES = 6 };

/* A dense block of two: the growing map is one buffer, its statistics are taken once; the second convolution forms its
 * input while it reads. */
static rn_value dense(rn_graph *g, rn_value x)
{
    for (int i = 0; i < 2; i++) {
        const char *const names[2][2] = { { "dense.norm0", "dense.conv0" }, { "dense.norm1", "dense.conv1" } };
        rn_value parts[2] = { x };

        parts[1] = rn_relu(g, rn_batch_norm2d(g, x, names[i][0], NULL), NULL);
        parts[1] = rn_conv2d(g, parts[1], names[i][1], 3, i == 0 ? 3 : 1, RN_OPTIONS(rn_conv2d, .padding = i == 0));
        x = rn_concat(g, parts, 2, NULL);
    }
    return x;
}

/*
 * Strides, groups, a dilation; pools that overlap, hang over or leave padding out; shortcut A with a stride; a dense
 * block; dropout of maps; log-softmax, and an auxiliary output that is not.
 */
static rn_model *many_layers(double dropout)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x, y, aux;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, SIDE, SIDE, NULL);
    x = rn_relu(g, rn_conv2d(g, x, "stem", 8, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .padding = 1, .bias = 1)), NULL);
    y = rn_conv2d(g, x, "grouped", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 2, .dilation = 2, .groups = 4));
    x = rn_add(g, x, rn_relu(g, rn_batch_norm2d(g, y, "grouped_norm", NULL), NULL), NULL);
    x = rn_max_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2, .ceil_mode = 1));
    x = rn_dropout(g, dense(g, x), "maps", dropout, NULL);
    x = rn_avg_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 1, .padding = 1, .exclude_padding = 1));
    aux = rn_linear(g, rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL), "aux", CLASSES, NULL);
    y = rn_conv2d(g, x, "strided", 20, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .padding = 1));
    x = rn_relu(g, rn_add(g, rn_batch_norm2d(g, y, "strided_norm", NULL), rn_shortcut_a(g, x, 20, 2, NULL), NULL),
                NULL);
    x = rn_linear(g, rn_dropout(g, rn_flatten(g, x, NULL), "drop", dropout, NULL), "fc", CLASSES, NULL);
    rn_graph_output(g, "scores", rn_log_softmax(g, x, NULL));
    rn_graph_auxiliary_output(g, "aux_scores", aux, RN_OPTIONS(rn_auxiliary_output, .loss_weight = 0.4));
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "many layers", RN_OPTIONS(rn_model, .seed = 11)));
    rn_graph_destroy(g);
    return model;
}

/* ---- a network on a backend -------------------------------------------------------------------------------------- */

typedef struct side {
    rn_model *model;
    rn_session *session;
    rn_optimizer *sgd;
} side;

static side begin(rn_model *model, const rn_backend *backend, rn_mode mode)
{
    side made = { .model = model };

    require_ok(context, rn_session_create(&made.session, context, model,
                                          RN_OPTIONS(rn_session, .mode = mode, .input_gradient = mode == RN_TRAIN)));
    made.session->backend = backend;
    require_ok(context,
               rn_sgd_create(&made.sgd, rn_model_parameters(model), RN_OPTIONS(rn_sgd, .lr = 0.02, .momentum = 0.9)));
    return made;
}

static void end(side *it)
{
    rn_optimizer_destroy(it->sgd);
    rn_session_destroy(it->session);
    rn_model_destroy(it->model);
}

/* Forward, the loss of each output as its last layer asks, backward. */
static double backward(side *it, const rn_tensor *images, const rn_tensor *labels)
{
    double loss, aux = 0;

    require_ok(context, rn_session_forward(it->session, images));
    if (it->session->output_count == 1) {
        require_ok(context, rn_cross_entropy(&loss, it->session, labels, NULL));
    } else {
        require_ok(context, rn_nll_loss(&loss, it->session, labels, NULL));
        require_ok(context,
                   rn_cross_entropy(&aux, it->session, labels, RN_OPTIONS(rn_loss, .output = 1, .weight = 0.4)));
    }
    require_ok(context, rn_session_backward(it->session));
    if (it->session->backend == &plain_backend)
        see_all(&it->session->current->plan->tape);
    return loss + aux;
}

static void require_close(const rn_tensor *got, const rn_tensor *expected, const char *name, double tolerance)
{
    const size_t count = (size_t)rn_tensor_count(expected), nbytes = count * sizeof(float);
    float *const a = malloc(nbytes), *const b = malloc(nbytes);
    double error;

    require_ok(context, rn_tensor_read(got, RN_FLOAT32, a, nbytes));
    require_ok(context, rn_tensor_read(expected, RN_FLOAT32, b, nbytes));
    error = rn_test_error(a, b, count);
    free(a);
    free(b);
    if (!(error <= tolerance))
        fail_msg("%s: off by %g of its scale", name, error);
}

static void require_same_outputs(const side *a, const side *b, double tolerance)
{
    for (int32_t i = 0; i < a->session->output_count; i++) {
        const rn_tensor *x, *y;

        require_ok(context, rn_session_output(&x, a->session, (size_t)i));
        require_ok(context, rn_session_output(&y, b->session, (size_t)i));
        require_close(x, y, "output", tolerance);
    }
}

/* Gives the number of parameters that have a gradient. */
static int require_same_gradients(const side *a, const side *b, double tolerance)
{
    rn_parameters *const x = rn_model_parameters(a->model), *const y = rn_model_parameters(b->model);
    const rn_tensor *of_a, *of_b;
    int count = 0;

    for (size_t i = 0; i < rn_parameters_count(x); i++) {
        assert_int_equal(rn_parameters_has_gradient(x, i), rn_parameters_has_gradient(y, i));
        if (!rn_parameters_has_gradient(x, i))
            continue;
        require_close(rn_parameters_gradient(x, i), rn_parameters_gradient(y, i), rn_parameters_name(x, i), tolerance);
        count++;
    }
    require_ok(context, rn_session_input_gradient(&of_a, a->session, 0));
    require_ok(context, rn_session_input_gradient(&of_b, b->session, 0));
    require_close(of_a, of_b, "images", tolerance);
    return count;
}

/* Running statistics and counters too. */
static void require_same_values(const side *a, const side *b, double tolerance)
{
    rn_parameters *const x = rn_model_parameters(a->model), *const y = rn_model_parameters(b->model);

    for (size_t i = 0; i < rn_parameters_count(x); i++)
        require_close(rn_parameters_value(x, i), rn_parameters_value(y, i), rn_parameters_name(x, i), tolerance);
}

static rn_tensor *batch_of(int64_t batch, int64_t size, uint32_t seed)
{
    rn_tensor *made = NULL;

    require_ok(context, rn_tensor_create(&made, context, RN_FLOAT32, 4, (const int64_t[]){ batch, 3, size, size },
                                         RN_CHANNELS_LAST));
    rn_test_fill(rn_tensor_data(made), (size_t)rn_tensor_count(made), seed);
    return made;
}

/* One step's loss, outputs and gradients, added to what an earlier backward left if `twice`. */
static void require_same_step(side *a, side *b, int64_t size, bool twice, int gradients)
{
    rn_tensor *const images = batch_of(5, size, 4), *const labels = residual_labels(context, 5, 1);

    for (int i = 0; i < 1 + twice; i++) {
        const double x = backward(a, images, labels), y = backward(b, images, labels);

        assert_true(fabs(x - y) <= one_step * fabs(y));
    }
    require_same_outputs(a, b, one_step);
    assert_int_equal(require_same_gradients(a, b, one_step), gradients);
    require_same_values(a, b, one_step);
    rn_tensor_destroy(images);
    rn_tensor_destroy(labels);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void a_step_of_the_residual_network_agrees(void **state)
{
    side plain = begin(residual_network(context, 0.5), &plain_backend, RN_TRAIN);
    side cpu = begin(residual_network(context, 0.5), NULL, RN_TRAIN);

    (void)state;
    require_same_step(&plain, &cpu, RESIDUAL_SIZE, false, 32);
    end(&plain);
    end(&cpu);
}

static void a_step_of_many_layers_agrees(void **state)
{
    side plain = begin(many_layers(0.3), &plain_backend, RN_TRAIN), cpu = begin(many_layers(0.3), NULL, RN_TRAIN);

    (void)state;
    require_same_step(&plain, &cpu, SIDE, false, 18);
    end(&plain);
    end(&cpu);
}

static void gradients_that_add_up_agree(void **state)
{
    side plain = begin(many_layers(0.3), &plain_backend, RN_TRAIN), cpu = begin(many_layers(0.3), NULL, RN_TRAIN);

    (void)state;
    require_same_step(&plain, &cpu, SIDE, true, 18);
    end(&plain);
    end(&cpu);
}

/* Folded batch norms with a gradient that passes through, parameters of a layer that are trained by halves. */
static void freeze_here_and_there(rn_model *model)
{
    static const char *const patterns[] = { "conv1", "layer1.bn1", "layer2", "fire.expand3x3.weight",
                                            "layer3.bn2.bias" };

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        require_ok(context, rn_model_freeze(model, patterns[i]));
}

static void frozen_layers_agree(void **state)
{
    side plain = begin(residual_network(context, 0.5), &plain_backend, RN_TRAIN);
    side cpu = begin(residual_network(context, 0.5), NULL, RN_TRAIN);

    (void)state;
    freeze_here_and_there(plain.model);
    freeze_here_and_there(cpu.model);
    require_same_step(&plain, &cpu, RESIDUAL_SIZE, false, 32 - 1 - 2 - 9 - 1 - 1);
    end(&plain);
    end(&cpu);
}

/* The last batch of an epoch is smaller: a second plan, whose steps take turns with the first one's. */
static void steps_of_two_batch_sizes_agree(void **state)
{
    side plain = begin(residual_network(context, 0.5), &plain_backend, RN_TRAIN);
    side cpu = begin(residual_network(context, 0.5), NULL, RN_TRAIN);

    (void)state;
    for (int i = 0; i < 6; i++) {
        rn_tensor *const images = residual_images(context, i % 2 == 0 ? 6 : 4, (uint32_t)i + 1);
        rn_tensor *const labels = residual_labels(context, i % 2 == 0 ? 6 : 4, (uint32_t)i);
        const double a = backward(&plain, images, labels), b = backward(&cpu, images, labels);

        assert_true(fabs(a - b) <= steps_apart * fabs(b));
        require_ok(context, rn_optimizer_step(plain.sgd));
        require_ok(context, rn_optimizer_step(cpu.sgd));
        rn_tensor_destroy(images);
        rn_tensor_destroy(labels);
    }
    require_same_values(&plain, &cpu, steps_apart);
    end(&plain);
    end(&cpu);
}

static void require_same_inference(rn_model *a, rn_model *b, int64_t size)
{
    side plain = begin(a, &plain_backend, RN_INFER), cpu = begin(b, NULL, RN_INFER);
    rn_tensor *const images = batch_of(3, size, 8);

    require_ok(context, rn_session_forward(plain.session, images));
    require_ok(context, rn_session_forward(cpu.session, images));
    see_all(&plain.session->current->plan->tape);
    require_same_outputs(&plain, &cpu, one_step);
    rn_tensor_destroy(images);
    end(&plain);
    end(&cpu);
}

static void inference_agrees(void **state)
{
    (void)state;
    require_same_inference(residual_network(context, 0.5), residual_network(context, 0.5), RESIDUAL_SIZE);
    require_same_inference(many_layers(0.3), many_layers(0.3), SIDE);
}

/* Runs after those above: they have left no kind out. */
static void every_kind_has_run(void **state)
{
    int kinds = 0;

    (void)state;
    for (const rn_backend_row *row = plain_backend.rows; row->kind != NULL; row++, kinds++) {
        bool found = false;

        for (int i = 0; i < seen_count; i++)
            found = found || seen[i] == row->kind;
        if (!found)
            fail_msg("no network had a '%s'", row->kind->name);
    }
    for (const rn_backend_row *row = rn_cpu.rows; row->kind != NULL; row++)
        kinds--;
    assert_int_equal(kinds, 0);
}

static void a_kind_that_a_backend_lacks_is_named(void **state)
{
    rn_backend_row rows[64] = { { 0 } };
    const rn_backend forward_only = { "forward only", rows, NULL }, completed = { "completed", rows, &rn_cpu };
    rn_tensor *const images = residual_images(context, 2, 3);
    side it = begin(residual_network(context, 0), &forward_only, RN_TRAIN);
    int count = 0;

    (void)state;
    for (const rn_backend_row *row = plain_backend.rows; row->kind != NULL; row++)
        if (row->kind != &rn_op_conv_backward)
            rows[count++] = *row;
    require_status(context, rn_session_forward(it.session, images), RN_UNSUPPORTED);
    assert_non_null(strstr(rn_context_message(context), "'forward only'"));
    assert_non_null(strstr(rn_context_message(context), "'convolution backward'"));
    it.session->backend = &completed; /* what is missing is asked of another */
    require_ok(context, rn_session_forward(it.session, images));
    end(&it);
    it = begin(residual_network(context, 0), &forward_only, RN_INFER);
    require_ok(context, rn_session_forward(it.session, images));
    end(&it);
    rn_tensor_destroy(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_of_the_residual_network_agrees),
        cmocka_unit_test(a_step_of_many_layers_agrees),
        cmocka_unit_test(gradients_that_add_up_agree),
        cmocka_unit_test(frozen_layers_agree),
        cmocka_unit_test(steps_of_two_batch_sizes_agree),
        cmocka_unit_test(inference_agrees),
        cmocka_unit_test(every_kind_has_run),
        cmocka_unit_test(a_kind_that_a_backend_lacks_is_named),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
