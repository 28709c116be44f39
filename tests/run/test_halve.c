/* SPDX-License-Identifier: MIT */
/* Which maps of a plan are of halves, bfloat16 numbers: those that are trained through and whose operations take
 * them. */
#include "run/halving.h"
#include "run/kinds.h"
#include "run/networks.h"
#include "run/plain_backend.h"

enum { BATCH = 2 };

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

static rn_plan_request request_of(rn_model *model)
{
    return (rn_plan_request){ .context = context,
                              .model = model,
                              .batch = BATCH,
                              .height = HALVING_SIDE,
                              .width = HALVING_SIDE,
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

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static const char *const none[] = { NULL };

/* Makes the plan that is asked for and drops it. Names end with NULL. */
static void require_plan(const rn_plan_request *request, const char *output, const char *const *halves,
                         const char *const *floats)
{
    rn_plan *const plan = plan_of(request, output);

    require_halved(plan, halves, true);
    require_halved(plan, floats, false);
    check_plan(plan, request->backend != NULL ? request->backend : &rn_cpu);
    rn_plan_destroy(plan);
}

static void require_no_halves(const rn_plan_request *request)
{
    rn_plan *const plan = plan_of(request, NULL);

    assert_int_equal(count_halved(plan), 0);
    rn_plan_destroy(plan);
}

static void what_is_trained_through_is_halved_where_operations_take_it(void **state)
{
    rn_plan_request request;

    (void)state;
    rn_test_need_bfloat16();
    request = request_of(halving_network(context));
    require_plan(&request, NULL, halving_halved, halving_floats);
    require_plan(&request, NULL, none, (const char *const[]){ "images", NULL });
    rn_model_destroy(request.model);
}

/* What is bound to "block", and what is not. */
static const char *const summed[] = { "block", "block.conv2", "block.short", "pool", "sum", NULL };
static const char *const others[] = { "stem.conv", "stem", "block.conv1", "even.conv", "even", NULL };

/* Whoever asked for a map, or gave it, reads floats; and a sum is like what it is made of. */
static void what_is_looked_at_from_outside_is_of_floats(void **state)
{
    rn_plan_request request;

    (void)state;
    rn_test_need_bfloat16();
    request = request_of(halving_network(context));
    require_plan(&request, "block", others, summed);
    request.input_gradient = true;
    require_plan(&request, NULL, halving_halved, (const char *const[]){ "images", NULL });
    request.input = rn_model_find_value(request.model, "stem");
    require_plan(&request, NULL, halving_halved + BEHIND_STEM, (const char *const[]){ "stem", NULL });
    rn_model_destroy(request.model);
}

static void nothing_is_halved_that_is_not_kept_for_backward(void **state)
{
    const char *frozen[BEHIND_BLOCK + 1] = { NULL };
    rn_plan_request request;

    (void)state;
    rn_test_need_bfloat16();
    request = request_of(halving_network(context));
    request.training = false;
    require_no_halves(&request);
    request.training = true;
    request.wants_pairs = false;
    require_no_halves(&request);
    request.wants_pairs = true;
    require_ok(context, rn_model_freeze(request.model, "stem.*"));
    require_ok(context, rn_model_freeze(request.model, "block.*"));
    memcpy(frozen, halving_halved, BEHIND_BLOCK * sizeof *frozen);
    require_plan(&request, NULL, halving_halved + BEHIND_SUM, frozen);
    require_ok(context, rn_model_freeze_backbone(request.model));
    require_no_halves(&request);
    rn_model_destroy(request.model);
}

static void without_products_of_bfloat16_nothing_is_halved(void **state)
{
    rn_context *const emulated = context;
    rn_plan_request request;

    (void)state;
    context = rn_test_context(1, RN_ISA_BASELINE);
    request = request_of(halving_network(context));
    require_no_halves(&request);
    rn_model_destroy(request.model);
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
    rn_plan_request request;

    (void)state;
    rn_test_need_bfloat16();
    request = request_of(halving_network(context));
    request.backend = &plain_backend;
    require_no_halves(&request);
    request.backend = &own_pools;
    require_plan(&request, NULL, others, summed);
    rn_model_destroy(request.model);
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
        check_plan(plan, &rn_cpu);
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
    check_recomputed(halving_network(context), halving_halved);
    check_recomputed(forked_network(context), forked);
}

static void a_plan_is_smaller_with_halves(void **state)
{
    rn_plan_request request;
    rn_plan *halves, *floats;

    (void)state;
    rn_test_need_bfloat16();
    request = request_of(halving_network(context));
    request.batch = 16;
    halves = plan_of(&request, NULL);
    request.wants_pairs = false;
    floats = plan_of(&request, NULL);
    assert_true((double)rn_plan_bytes(halves) < 0.75 * (double)rn_plan_bytes(floats));
    rn_plan_destroy(halves);
    rn_plan_destroy(floats);
    rn_model_destroy(request.model);
}

static void parts_of_odd_channels_are_of_floats(void **state)
{
    static const char *const even[] = { "stem", "behind.conv", "behind", NULL };
    static const char *const odd[] = { "left", "right", "both", NULL };
    rn_plan_request request;

    (void)state;
    rn_test_need_bfloat16();
    request = request_of(odd_parts_network(context));
    require_plan(&request, NULL, even, odd);
    rn_model_destroy(request.model);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* The loss of the first step and of the last, on the same few images. */
static void train(rn_model *model, double *first, double *last)
{
    static const int64_t shape[4] = { BATCH, 3, HALVING_SIDE, HALVING_SIDE };
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
    models[0] = odd_network(context);
    models[1] = halving_network(context);
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
        cmocka_unit_test(parts_of_odd_channels_are_of_floats),
        cmocka_unit_test(networks_of_odd_and_of_even_channels_train),
    };

    return cmocka_run_group_tests_name("run/halve", tests, make_context, drop_context);
}
