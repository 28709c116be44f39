/* SPDX-License-Identifier: MIT */
/* Which maps of a plan are of halves, bfloat16 numbers: those that are trained through and whose operations take
 * them. */
#include "context/context.h"
#include "run/kinds.h"
#include "run/networks.h"
#include "run/plain_backend.h"
#include "run/plan.h"
#include "support/bfloat16.h"

enum { SIDE = 20, BATCH = 2, CLASSES = 5 };

static rn_context *context;

static int make_context(void **state)
{
    (void)state;
    context = rn_test_context_of(1, RN_ISA_AUTO, RN_PRECISION_BFLOAT16);
    return 0;
}

static int drop_context(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

/* ---- a network --------------------------------------------------------------------------------------------------- */

static rn_value conv_norm(rn_graph *g, rn_value x, const char *conv, const char *norm, int64_t channels, int32_t kernel,
                          int32_t stride)
{
    x = rn_conv2d(g, x, conv, channels, kernel, RN_OPTIONS(rn_conv2d, .stride = stride, .padding = kernel / 2));
    return rn_batch_norm2d(g, x, norm, NULL);
}

static rn_value stage(rn_graph *g, rn_value x, const char *name, int64_t channels, int32_t kernel)
{
    rn_graph_enter(g, name);
    return rn_graph_leave(g, rn_relu(g, conv_norm(g, x, "conv", "norm", channels, kernel, 1), NULL));
}

static rn_value residual_block(rn_graph *g, rn_value x)
{
    rn_value y, shortcut;

    rn_graph_enter(g, "block");
    y = rn_relu(g, conv_norm(g, x, "conv1", "norm1", 32, 3, 2), NULL);
    y = conv_norm(g, y, "conv2", "norm2", 32, 3, 1);
    shortcut = conv_norm(g, x, "short", "norm3", 32, 1, 2);
    return rn_graph_leave(g, rn_relu(g, rn_add(g, y, shortcut, NULL), NULL));
}

/* A stem, a block that halves the size and a pool; then maps of an odd number of channels, and one that is pooled to
 * single pixels. */
static rn_model *network(void)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, SIDE, SIDE, NULL);
    x = residual_block(g, stage(g, x, "stem", 16, 3));
    rn_graph_enter(g, "pool");
    x = rn_graph_leave(g, rn_max_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2, .padding = 1)));
    x = stage(g, x, "even", 24, 1);
    x = stage(g, x, "odd", 15, 1);
    x = stage(g, x, "last", 16, 1);
    rn_graph_enter(g, "pixel");
    x = rn_graph_leave(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL));
    x = rn_linear(g, rn_flatten(g, x, NULL), "fc", CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "maps of halves", NULL));
    rn_graph_destroy(g);
    return model;
}

static rn_plan_request request_of(rn_model *model)
{
    return (rn_plan_request){ .context = context,
                              .model = model,
                              .batch = BATCH,
                              .height = SIDE,
                              .width = SIDE,
                              .training = true,
                              .wants_pairs = true };
}

/* A plan for the logits and, unless NULL, another output. */
static rn_plan *plan_of(const rn_plan_request *asked, const char *other)
{
    const int32_t outputs[2] = { rn_model_find_value(asked->model, "logits"),
                                 other == NULL ? -1 : rn_model_find_value(asked->model, other) };
    rn_plan_request request = *asked;
    rn_plan *plan = NULL;

    request.outputs = outputs;
    request.output_count = other == NULL ? 1 : 2;
    require_ok(context, rn_plan_create(&plan, &request));
    return plan;
}

/* ---- what is looked at ------------------------------------------------------------------------------------------- */

static bool is_halved(const rn_plan *plan, const char *name)
{
    const int32_t value = rn_model_find_value(plan->model, name);

    assert_true(value >= 0);
    return rn_plan_map(plan, value).is_halved;
}

static bool gradient_is_halved(const rn_plan *plan, const char *name)
{
    return rn_plan_gradient(plan, rn_model_find_value(plan->model, name)).is_halved;
}

/* The values of that list, which ends with NULL, and their gradients are of halves, or of floats. */
static void require_halved(const rn_plan *plan, const char *const *names, bool halved)
{
    for (; *names != NULL; names++) {
        if (is_halved(plan, *names) != halved)
            fail_msg("%s is of %s", *names, halved ? "floats" : "halves");
        if (gradient_is_halved(plan, *names) != halved)
            fail_msg("the gradient of %s is of %s", *names, halved ? "floats" : "halves");
    }
}

static int count_halved(const rn_plan *plan)
{
    const rn_tape *const tape = &plan->tape;
    int count = 0;

    for (int32_t i = 0; i < tape->buffers; i++)
        count += tape->buffer[i].element == RN_HALF;
    return count;
}

/* What a buffer of halves must be, and what views of it must. */
static void check_buffers(const rn_plan *plan)
{
    const rn_tape *const tape = &plan->tape;

    for (int32_t i = 0; i < tape->buffers; i++) {
        const rn_buffer *const b = &tape->buffer[i];

        if (b->element == RN_HALF)
            assert_true(b->place == RN_IN_ARENA && b->of_images && !b->from_start && !b->to_end && b->h * b->w > 1 &&
                        b->c % 2 == 0);
    }
    for (int32_t i = 0; i < tape->views; i++)
        if (tape->buffer[tape->view[i].buffer].element == RN_HALF)
            assert_true(tape->view[i].channel % 2 == 0 && tape->view[i].channels % 2 == 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static const char *const halved[] = { "stem.conv", "stem", "block.conv1", "block.conv2", "block.short", "block",
                                      "pool",      "even.conv", "even",   "last.conv",   "last",        NULL };
static const char *const of_floats[] = { "odd.conv", "odd", "pixel", "logits", NULL };

static void what_is_trained_through_is_halved_where_operations_take_it(void **state)
{
    rn_model *model;
    rn_plan_request request;
    rn_plan *plan;

    (void)state;
    rn_test_need_bfloat16();
    model = network();
    request = request_of(model);
    plan = plan_of(&request, NULL);
    require_halved(plan, halved, true);
    require_halved(plan, of_floats, false);
    assert_false(is_halved(plan, "images"));
    check_buffers(plan);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

/* Whoever asked for a map, or gave it, reads floats; and a sum is like what it is made of. */
static void what_is_looked_at_from_outside_is_of_floats(void **state)
{
    static const char *const summed[] = { "block", "block.conv2", "block.short", "pool", NULL };
    static const char *const others[] = { "stem.conv", "stem", "block.conv1", "even.conv", "even", NULL };
    rn_model *model;
    rn_plan_request request;
    rn_plan *plan;

    (void)state;
    rn_test_need_bfloat16();
    model = network();
    request = request_of(model);
    plan = plan_of(&request, "block");
    require_halved(plan, summed, false);
    require_halved(plan, others, true);
    check_buffers(plan);
    rn_plan_destroy(plan);
    request.input_gradient = true;
    plan = plan_of(&request, NULL);
    assert_false(gradient_is_halved(plan, "images"));
    require_halved(plan, halved, true);
    check_buffers(plan);
    rn_plan_destroy(plan);
    request.input = rn_model_find_value(model, "stem");
    request.input_gradient = false;
    plan = plan_of(&request, NULL);
    assert_false(is_halved(plan, "stem"));
    require_halved(plan, halved + 2, true);
    check_buffers(plan);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

static void nothing_is_halved_that_is_not_kept_for_backward(void **state)
{
    rn_model *model;
    rn_plan_request request;
    rn_plan *plan;

    (void)state;
    rn_test_need_bfloat16();
    model = network();
    request = request_of(model);
    request.training = false;
    plan = plan_of(&request, NULL);
    assert_int_equal(count_halved(plan), 0);
    rn_plan_destroy(plan);
    request.training = true;
    request.wants_pairs = false;
    plan = plan_of(&request, NULL);
    assert_int_equal(count_halved(plan), 0);
    rn_plan_destroy(plan);
    request.wants_pairs = true;
    require_ok(context, rn_model_freeze(model, "stem.*"));
    require_ok(context, rn_model_freeze(model, "block.*"));
    plan = plan_of(&request, NULL);
    for (int i = 0; i < 6; i++)
        assert_false(is_halved(plan, halved[i]));
    require_halved(plan, halved + 7, true);
    check_buffers(plan);
    rn_plan_destroy(plan);
    require_ok(context, rn_model_freeze_backbone(model));
    plan = plan_of(&request, NULL);
    assert_int_equal(count_halved(plan), 0);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

static void without_products_of_bfloat16_nothing_is_halved(void **state)
{
    rn_context *const emulated = context;
    rn_model *model;
    rn_plan_request request;
    rn_plan *plan;

    (void)state;
    context = rn_test_context(1, RN_ISA_BASELINE);
    model = network();
    request = request_of(model);
    plan = plan_of(&request, NULL);
    assert_int_equal(count_halved(plan), 0);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
    rn_context_destroy(context);
    context = emulated;
}

static void run_nothing(const rn_tape *tape, const rn_operation *o)
{
    (void)tape;
    (void)o;
}

/* A backend that does not know of halves gets none, and what is alike with its maps is of floats, too. */
static void a_backend_gets_halves_only_where_it_says_so(void **state)
{
    static const rn_backend_row rows[] = {
        { &rn_op_max_pool, run_nothing, NULL, NULL },
        { &rn_op_max_pool_backward, run_nothing, NULL, NULL },
        { NULL, NULL, NULL, NULL },
    };
    static const rn_backend own_pools = { "own pools", rows, &rn_cpu };
    static const char *const pooled[] = { "block", "block.conv2", "block.short", "pool", NULL };
    static const char *const others[] = { "stem.conv", "stem", "block.conv1", "even.conv", "even", NULL };
    rn_model *model;
    rn_plan_request request;
    rn_plan *plan;

    (void)state;
    rn_test_need_bfloat16();
    model = network();
    request = request_of(model);
    request.backend = &plain_backend;
    plan = plan_of(&request, NULL);
    assert_int_equal(count_halved(plan), 0);
    rn_plan_destroy(plan);
    request.backend = &own_pools;
    plan = plan_of(&request, NULL);
    require_halved(plan, pooled, false);
    require_halved(plan, others, true);
    check_buffers(plan);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

/* A frozen map that is read by a trained layer, and what is made of it by a frozen batch norm and read by another. */
static rn_model *forked_network(void)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x, y, z;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, SIDE, SIDE, NULL);
    rn_graph_enter(g, "frozen");
    x = rn_conv2d(g, x, "conv", 16, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    z = rn_graph_leave(g, rn_relu(g, rn_batch_norm2d(g, x, "norm", NULL), NULL));
    y = rn_conv2d(g, x, "left", 16, 1, NULL);
    z = rn_conv2d(g, z, "right", 16, 1, NULL);
    x = rn_max_pool2d(g, rn_relu(g, rn_add(g, y, z, NULL), NULL), 2, RN_OPTIONS(rn_pool2d, .stride = 2));
    x = rn_linear(g, rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL), "fc", CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "a fork behind frozen layers", NULL));
    require_ok(context, rn_model_freeze(model, "frozen.*"));
    rn_graph_destroy(g);
    return model;
}

/* What is made again in backward is what it was, and so is what it is made of: with any number of them. */
static void check_recomputed(rn_model *model, const char *const *names)
{
    rn_plan_request request = request_of(model);
    rn_plan *const kept = plan_of(&request, NULL);

    for (int32_t recompute = 1; recompute <= 8; recompute++) {
        rn_plan *plan;

        request.recompute = recompute;
        plan = plan_of(&request, NULL);
        assert_in_range(plan->recomputed, 1, recompute);
        for (int i = 0; names[i] != NULL; i++)
            if (is_halved(plan, names[i]) != is_halved(kept, names[i]))
                fail_msg("%s with %d maps made again", names[i], (int)recompute);
        check_buffers(plan);
        assert_true(rn_plan_bytes(plan) <= rn_plan_bytes(kept));
        rn_plan_destroy(plan);
    }
    rn_plan_destroy(kept);
    rn_model_destroy(model);
}

static void recomputation_changes_no_map(void **state)
{
    static const char *const forked[] = { "frozen.conv", "frozen", "left", "right", NULL };

    (void)state;
    rn_test_need_bfloat16();
    check_recomputed(network(), halved);
    check_recomputed(forked_network(), forked);
}

static void a_plan_is_smaller_with_halves(void **state)
{
    rn_model *model;
    rn_plan_request request;
    rn_plan *halves, *floats;

    (void)state;
    rn_test_need_bfloat16();
    model = network();
    request = request_of(model);
    request.batch = 16;
    halves = plan_of(&request, NULL);
    request.wants_pairs = false;
    floats = plan_of(&request, NULL);
    assert_true((double)rn_plan_bytes(halves) < 0.75 * (double)rn_plan_bytes(floats));
    rn_plan_destroy(halves);
    rn_plan_destroy(floats);
    rn_model_destroy(model);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* No map of it is of an even number of channels. */
static rn_model *odd_network(void)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = stage(g, rn_graph_input(g, "images", 3, SIDE, SIDE, NULL), "first", 7, 3);
    x = rn_max_pool2d(g, stage(g, x, "second", 33, 1), 2, RN_OPTIONS(rn_pool2d, .stride = 2));
    x = rn_adaptive_avg_pool2d(g, stage(g, x, "third", 9, 3), 1, 1, NULL);
    rn_graph_output(g, "logits", rn_linear(g, rn_flatten(g, x, NULL), "fc", CLASSES, NULL));
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "odd channels", NULL));
    rn_graph_destroy(g);
    return model;
}

/* The loss of the first step and of the last, on the same few images. */
static void train(rn_model *model, double *first, double *last)
{
    static const int64_t shape[4] = { BATCH, 3, SIDE, SIDE };
    rn_tensor *images = NULL, *const labels = residual_labels(context, BATCH, 1);
    rn_session *session = NULL;
    rn_optimizer *sgd = NULL;

    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    rn_test_fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), 9);
    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    assert_int_equal(rn_session_precision(session), RN_PRECISION_BFLOAT16);
    require_ok(context, rn_sgd_create(&sgd, rn_model_parameters(model), RN_OPTIONS(rn_sgd, .lr = 0.1)));
    for (int step = 0; step < 20; step++) {
        require_ok(context, rn_session_forward(session, images));
        require_ok(context, rn_cross_entropy(step == 0 ? first : last, session, labels, NULL));
        require_ok(context, rn_session_backward(session));
        require_ok(context, rn_optimizer_step(sgd));
    }
    rn_optimizer_destroy(sgd);
    rn_session_destroy(session);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
}

static void networks_of_odd_and_of_even_channels_train(void **state)
{
    rn_model *models[2];

    (void)state;
    rn_test_need_bfloat16();
    models[0] = odd_network();
    models[1] = network();
    for (int i = 0; i < 2; i++) {
        const rn_plan_request request = request_of(models[i]);
        rn_plan *const plan = plan_of(&request, NULL);
        double first, last;

        assert_int_equal(count_halved(plan) > 0, i == 1);
        rn_plan_destroy(plan);
        train(models[i], &first, &last);
        assert_true(last < 0.5 * first);
        rn_model_destroy(models[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_trained_through_is_halved_where_operations_take_it),
        cmocka_unit_test(what_is_looked_at_from_outside_is_of_floats),
        cmocka_unit_test(nothing_is_halved_that_is_not_kept_for_backward),
        cmocka_unit_test(without_products_of_bfloat16_nothing_is_halved),
        cmocka_unit_test(a_backend_gets_halves_only_where_it_says_so),
        cmocka_unit_test(recomputation_changes_no_map),
        cmocka_unit_test(a_plan_is_smaller_with_halves),
        cmocka_unit_test(networks_of_odd_and_of_even_channels_train),
    };

    return cmocka_run_group_tests_name("run/halve", tests, make_context, drop_context);
}
