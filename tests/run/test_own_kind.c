/* SPDX-License-Identifier: MIT */
/*
 * A kind of operation that the library does not have, Swish (y = x sigmoid(x), arXiv:1710.05941), added from outside:
 * its rule, its backward kind, a backend of two rows over the CPU's, and where it stands in a network.
 */
#include "run/derive.h"
#include "run/kinds.h"
#include "run/networks.h"
#include "run/plan.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

/* ---- the kind ---------------------------------------------------------------------------------------------------- */

static double swish_of(double x)
{
    return x / (1 + exp(-x));
}

static double swish_slope(double x)
{
    const double s = 1 / (1 + exp(-x));

    return s + x * s * (1 - s);
}

static const rn_kind swish_backward = { "swish backward", NULL, false }; /* DX of DY, X */

static void derive_swish(rn_deriving *deriving, int32_t operation)
{
    const rn_operation forward = deriving->tape->operation[operation];
    rn_operation made = rn_backward_operation(&swish_backward, &forward);

    if (!rn_wants_gradient(deriving, &forward, RN_X))
        return;
    made.operand[RN_DY] = rn_operand_of(rn_gradient_of(deriving, &forward, RN_Y), RN_READ);
    made.operand[RN_X] = forward.operand[RN_X];
    made.operand[RN_DX] = rn_gradient_target(deriving, &forward, RN_X);
    rn_tape_add(deriving->tape, &made);
}

static const rn_kind swish = { "swish", derive_swish, false }; /* Y of X */

static void run_swish(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    for (int64_t row = 0; row < rn_map_rows(&x); row++)
        for (int64_t c = 0; c < x.c; c++)
            y.data[row * y.pitch + c] = (float)swish_of(x.data[row * x.pitch + c]);
}

static void run_swish_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), dy = rn_operand_map(tape, o, RN_DY),
                 dx = rn_operand_map(tape, o, RN_DX);
    const bool adds = o->operand[RN_DX].role == RN_ADD;

    for (int64_t row = 0; row < rn_map_rows(&x); row++) {
        for (int64_t c = 0; c < x.c; c++) {
            float *const to = &dx.data[row * dx.pitch + c];

            *to = (float)((adds ? *to : 0) + dy.data[row * dy.pitch + c] * swish_slope(x.data[row * x.pitch + c]));
        }
    }
}

static const rn_backend_row rows[] = {
    { &swish, run_swish, NULL, NULL },
    { &swish_backward, run_swish_backward, NULL, NULL },
    { NULL, NULL, NULL, NULL },
};
static const rn_backend with_swish = { "with swish", rows, &rn_cpu };

/* ---- its place in a plan ----------------------------------------------------------------------------------------- */

/* The last operation is moved to where it is the one of that index. */
static void move_last_to(rn_tape *tape, int32_t index)
{
    const rn_operation last = tape->operation[tape->operations - 1];

    memmove(&tape->operation[index + 1], &tape->operation[index], (size_t)(tape->operations - 1 - index) * sizeof last);
    tape->operation[index] = last;
}

/*
 * What made the value now writes a view of its own, and the Swish of that goes where the value lies, which may be a
 * part of a concatenation: whoever reads it need not know.
 */
static void insert_swish(rn_plan *plan, int32_t value)
{
    rn_tape *const tape = &plan->tape;
    const int32_t y = plan->value[value].view;
    const rn_buffer of_y = tape->buffer[tape->view[y].buffer];
    const int64_t channels = tape->view[y].channels;
    const int32_t x = rn_tape_view(tape, rn_tape_images(tape, of_y.h, of_y.w, channels), 0, channels);
    const rn_operation made = { .kind = &swish,
                                .layer = value,
                                .norm = -1,
                                .mean = -1,
                                .inverse = -1,
                                .operand = { [RN_X] = { x, RN_READ }, [RN_Y] = { y, RN_WRITE } } };
    int32_t maker = 0;

    while (tape->operation[maker].operand[RN_Y].role != RN_WRITE || tape->operation[maker].operand[RN_Y].view != y)
        maker++;
    tape->operation[maker].operand[RN_Y].view = x;
    rn_tape_add(tape, &made);
    move_last_to(tape, maker + 1);
}

/* ---- running a plan without a session ---------------------------------------------------------------------------- */

enum { BATCH = 4 };

typedef struct network {
    rn_model *model;
    rn_plan *plan;
    int32_t output;
} network;

static rn_plan_request request_for(network *it, bool training)
{
    return (rn_plan_request){ .context = context,
                              .model = it->model,
                              .backend = &with_swish,
                              .outputs = &it->output,
                              .output_count = 1,
                              .batch = BATCH,
                              .height = RESIDUAL_SIZE,
                              .width = RESIDUAL_SIZE,
                              .training = training,
                              .input_gradient = training };
}

static network begin(const char *where, bool training)
{
    network it = { .model = residual_network(context, 0.5) };
    rn_plan_request request;

    it.output = rn_model_find_value(it.model, "logits");
    request = request_for(&it, training);
    require_ok(context, rn_plan_begin(&it.plan, &request));
    insert_swish(it.plan, rn_model_find_value(it.model, where));
    require_ok(context, rn_plan_finish(&it.plan, &request));
    it.plan->tape.arena = rn_allocate(&context->allocator, it.plan->tape.arena_bytes);
    assert_non_null(it.plan->tape.arena);
    it.plan->tape.dropout_seed = 7;
    require_ok(context, rn_tape_prepare(&it.plan->tape));
    return it;
}

static void end(network *it)
{
    rn_release(&context->allocator, it->plan->tape.arena);
    rn_plan_destroy(it->plan);
    rn_model_destroy(it->model);
}

static void run_forward(const network *it, const rn_tensor *images)
{
    rn_map map = rn_plan_map(it->plan, it->plan->input);

    memcpy(map.data, rn_tensor_const_data(images), (size_t)rn_tensor_count(images) * sizeof(float));
    require_ok(context, rn_parameters_begin_write(it->model->graph->parameters, &context->message));
    rn_tape_forward(&it->plan->tape);
    rn_parameters_end_change(it->model->graph->parameters);
}

static void run_backward(const network *it, const float *gradient)
{
    const rn_map map = rn_plan_gradient(it->plan, it->output);

    memcpy(map.data, gradient, (size_t)(BATCH * map.c) * sizeof *gradient);
    require_ok(context, rn_parameters_gradients_ready(it->model->graph->parameters));
    rn_tape_backward(&it->plan->tape);
}

/* ---- the same by definition: the network in two sessions, Swish between them by hand ----------------------------- */

typedef struct part {
    rn_model *model;
    rn_session *session;
} part;

static part part_of(const char *input, const char *output, rn_mode mode)
{
    part made = { .model = residual_network(context, 0.5) };

    require_ok(context, rn_session_create(&made.session, context, made.model,
                                          RN_OPTIONS(rn_session, .input = input, .outputs = &output, .output_count = 1,
                                                     .mode = mode, .input_gradient = mode == RN_TRAIN, .seed = 7)));
    return made;
}

static void end_part(part *it)
{
    rn_session_destroy(it->session);
    rn_model_destroy(it->model);
}

/* A tensor of one's own with f of each element, or of slope f'(x) times `factor`. */
static rn_tensor *map_tensor(const rn_tensor *x, double (*f)(double), const rn_tensor *factor)
{
    const size_t count = (size_t)rn_tensor_count(x);
    rn_tensor *made = NULL;
    float *const numbers = malloc(count * sizeof *numbers), *const factors = calloc(count, sizeof *factors);

    require_ok(context, rn_tensor_read(x, RN_FLOAT32, numbers, count * sizeof *numbers));
    if (factor != NULL)
        require_ok(context, rn_tensor_read(factor, RN_FLOAT32, factors, count * sizeof *factors));
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)(f(numbers[i]) * (factor != NULL ? factors[i] : 1));
    require_ok(context,
               rn_tensor_create(&made, context, RN_FLOAT32, rn_tensor_rank(x), rn_tensor_shape(x), RN_ROW_MAJOR));
    require_ok(context, rn_tensor_write(made, RN_FLOAT32, numbers, count * sizeof *numbers));
    free(numbers);
    free(factors);
    return made;
}

static void require_close(const float *got, const rn_tensor *expected)
{
    const size_t count = (size_t)rn_tensor_count(expected);
    float *const numbers = malloc(count * sizeof *numbers);

    require_ok(context, rn_tensor_read(expected, RN_FLOAT32, numbers, count * sizeof *numbers));
    assert_true(rn_test_error(got, numbers, count) < 1e-6);
    free(numbers);
}

/* Gives how many parameters of `of` have a gradient; each is the one that the whole network has. */
static int require_same_gradients(const network *whole, const part *of)
{
    rn_parameters *const a = rn_model_parameters(whole->model), *const b = rn_model_parameters(of->model);
    int count = 0;

    for (size_t i = 0; i < rn_parameters_count(b); i++) {
        const rn_tensor *const gradient = rn_parameters_gradient(b, i);
        rn_tensor *copy = NULL;

        if (gradient == NULL)
            continue;
        assert_non_null(rn_parameters_gradient(a, i));
        require_ok(context, rn_tensor_convert(&copy, rn_parameters_gradient(a, i), RN_FLOAT32, RN_ROW_MAJOR));
        require_close(rn_tensor_data(copy), gradient);
        rn_tensor_destroy(copy);
        count++;
    }
    return count;
}

/* The gradient of output 0 of a session, from row-major numbers; then backward. */
static void backward_from(const part *it, const rn_tensor *gradient)
{
    rn_tensor *target = NULL;

    require_ok(context, rn_session_gradient(&target, it->session, 0));
    require_ok(context, rn_tensor_copy(target, gradient));
    require_ok(context, rn_session_backward(it->session));
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void behind_the_logits_in_inference(void **state)
{
    network it = begin("logits", false);
    part logits = part_of(NULL, "logits", RN_INFER);
    rn_tensor *const images = residual_images(context, BATCH, 3), *expected;
    const rn_tensor *output = NULL;

    (void)state;
    run_forward(&it, images);
    require_ok(context, rn_session_forward(logits.session, images));
    require_ok(context, rn_session_output(&output, logits.session, 0));
    expected = map_tensor(output, swish_of, NULL);
    require_close(rn_plan_map(it.plan, it.output).data, expected);
    rn_tensor_destroy(expected);
    rn_tensor_destroy(images);
    end_part(&logits);
    end(&it);
}

static void behind_the_logits_in_training(void **state)
{
    network it = begin("logits", true);
    part logits = part_of(NULL, "logits", RN_TRAIN);
    rn_tensor *const images = residual_images(context, BATCH, 3), *weights = NULL, *slopes;
    const rn_tensor *output = NULL;

    (void)state;
    require_ok(context, rn_tensor_create(&weights, context, RN_FLOAT32, 2, (const int64_t[]){ BATCH, RESIDUAL_CLASSES },
                                         RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(weights), BATCH * RESIDUAL_CLASSES, 8);
    run_forward(&it, images);
    run_backward(&it, rn_tensor_data(weights));
    require_ok(context, rn_session_forward(logits.session, images));
    require_ok(context, rn_session_output(&output, logits.session, 0));
    slopes = map_tensor(output, swish_slope, weights);
    backward_from(&logits, slopes);
    assert_int_equal(require_same_gradients(&it, &logits), 32);
    rn_tensor_destroy(slopes);
    rn_tensor_destroy(weights);
    rn_tensor_destroy(images);
    end_part(&logits);
    end(&it);
}

static void require_same_as_in_parts(const char *where, int gradients_below)
{
    network it = begin(where, true);
    part below = part_of(NULL, where, RN_TRAIN), above = part_of(where, "logits", RN_TRAIN);
    rn_tensor *const images = residual_images(context, BATCH, 3), *weights = NULL, *features, *slopes;
    const rn_tensor *x = NULL, *logits = NULL, *gradient = NULL;

    require_ok(context, rn_tensor_create(&weights, context, RN_FLOAT32, 2, (const int64_t[]){ BATCH, RESIDUAL_CLASSES },
                                         RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(weights), BATCH * RESIDUAL_CLASSES, 8);
    run_forward(&it, images);
    require_ok(context, rn_session_forward(below.session, images));
    require_ok(context, rn_session_output(&x, below.session, 0));
    features = map_tensor(x, swish_of, NULL);
    require_ok(context, rn_session_forward(above.session, features));
    require_ok(context, rn_session_output(&logits, above.session, 0));
    require_close(rn_plan_map(it.plan, it.output).data, logits);
    run_backward(&it, rn_tensor_data(weights));
    backward_from(&above, weights);
    require_ok(context, rn_session_input_gradient(&gradient, above.session, 0));
    slopes = map_tensor(x, swish_slope, gradient);
    backward_from(&below, slopes);
    assert_int_equal(require_same_gradients(&it, &above), 32 - gradients_below);
    assert_int_equal(require_same_gradients(&it, &below), gradients_below);
    rn_tensor_destroy(slopes);
    rn_tensor_destroy(features);
    rn_tensor_destroy(weights);
    rn_tensor_destroy(images);
    end_part(&above);
    end_part(&below);
    end(&it);
}

/* Two layers read it, a sum and a ReLU stand before it: fusion takes those in, but not the Swish. */
static void between_two_blocks(void **state)
{
    (void)state;
    require_same_as_in_parts("layer1", 9);
}

/* The ReLU behind the squeeze layer is a part of the concatenation, which two convolutions read, too. */
static void before_a_concatenation(void **state)
{
    rn_model *const model = residual_network(context, 0);
    const int32_t value = rn_model_find_value(model, "fire.squeeze") + 1;

    (void)state;
    assert_int_equal(model->graph->layer[value].kind, RN_LAYER_RELU);
    require_same_as_in_parts(model->graph->layer[value].name, 32 - 6);
    rn_model_destroy(model);
}

static void the_cpu_alone_does_not_know_it(void **state)
{
    network it = { .model = residual_network(context, 0) };
    rn_plan_request request;

    (void)state;
    it.output = rn_model_find_value(it.model, "logits");
    request = request_for(&it, false);
    request.backend = NULL;
    require_ok(context, rn_plan_begin(&it.plan, &request));
    insert_swish(it.plan, it.output);
    require_status(context, rn_plan_finish(&it.plan, &request), RN_UNSUPPORTED);
    assert_null(it.plan);
    assert_non_null(strstr(rn_context_message(context), "'swish'"));
    rn_model_destroy(it.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_the_logits_in_inference),
        cmocka_unit_test(behind_the_logits_in_training),
        cmocka_unit_test(between_two_blocks),
        cmocka_unit_test(before_a_concatenation),
        cmocka_unit_test(the_cpu_alone_does_not_know_it),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
