/* SPDX-License-Identifier: MIT */
/* Backward that makes the step: the bits of backward and rn_optimizer_step, without room for all gradients. */
#include "optim/optimizer.h"
#include "run/session.h"
#include "run/training.h"

enum { STEPS = 3, IN = 3 * 32 * 32, WIDE = 800 }; /* a linear layer of 2.4 million weights: three pieces */

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

typedef rn_optimizer *(*maker)(rn_context *context, rn_parameters *parameters);

static rn_optimizer *make_adam(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *made = NULL;

    require_ok(context, rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .lr = 1e-2, .weight_decay = 1e-3)));
    return made;
}

static rn_optimizer *make_sgd(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *made = NULL;

    require_ok(context, rn_sgd_create(&made, parameters, RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.9)));
    return made;
}

static rn_optimizer *make_rmsprop(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *made = NULL;

    require_ok(context, rn_rmsprop_create(&made, parameters, RN_OPTIONS(rn_rmsprop, .lr = 1e-3, .momentum = 0.5)));
    return made;
}

/* SGD with momentum as a rule of one's own; of the whole parameter it looks at the neighbour, too. */
static rn_status own_update(const rn_parameter_update *u, void *payload)
{
    const bool whole = payload != NULL;

    for (int64_t i = 0; i < u->count; i++) {
        u->state[0][i] = 0.9f * u->state[0][i] + u->gradient[i] + (whole && i > 0 ? u->gradient[i - 1] : 0);
        u->value[i] -= (float)u->lr * u->state[0][i];
    }
    return RN_OK;
}

static rn_optimizer *make_own(rn_context *context, rn_parameters *parameters, bool whole)
{
    const char *const names[] = { "momentum" };
    rn_optimizer *made = NULL;

    require_ok(context, rn_optimizer_create(&made, parameters,
                                            RN_OPTIONS(rn_rule, .name = "mine", .update = own_update,
                                                       .payload = whole ? parameters : NULL, .element_wise = !whole,
                                                       .state_names = names, .state_count = 1)));
    return made;
}

static rn_optimizer *make_own_whole(rn_context *context, rn_parameters *parameters)
{
    return make_own(context, parameters, true);
}

static rn_optimizer *make_own_parts(rn_context *context, rn_parameters *parameters)
{
    return make_own(context, parameters, false);
}

/* ---- trainings --------------------------------------------------------------------------------------------------- */

typedef rn_model *(*network)(rn_context *context);

static rn_model *residual(rn_context *context)
{
    return residual_network(context, 0.5);
}

static rn_model *linear(rn_context *context)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_flatten(g, rn_graph_input(g, "images", 3, 32, 32, NULL), NULL);
    x = rn_relu(g, rn_linear(g, x, "fc1", WIDE, NULL), NULL);
    x = rn_relu(g, rn_linear(g, x, "fc2", 64, NULL), NULL);
    rn_graph_output(g, "logits", rn_linear(g, x, "fc", RESIDUAL_CLASSES, NULL));
    require_ok(context, rn_model_build(&model, g, "linear test network", NULL));
    rn_graph_destroy(g);
    return model;
}

typedef struct outcome {
    double loss[STEPS];
    float *numbers; /* values, and what the optimizer keeps */
    size_t count;
    size_t plan_bytes;
    bool has_room; /* for gradients in the store */
} outcome;

typedef struct setting {
    network network;
    maker maker;
    int64_t batch, side;
    int32_t threads;
    const char *frozen; /* or NULL */
    size_t limit;       /* of memory */
} setting;

static void append(outcome *o, const float *numbers, size_t count)
{
    o->numbers = realloc(o->numbers, (o->count + count) * sizeof *o->numbers);
    assert_non_null(o->numbers);
    memcpy(o->numbers + o->count, numbers, count * sizeof *numbers);
    o->count += count;
}

static void take_numbers(outcome *o, const rn_parameters *parameters, const rn_optimizer *optimizer)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const float steps = (float)optimizer->state[i].steps;

        if (parameters->entry[i].offset >= 0)
            append(o, rn_parameters_floats(parameters, i), (size_t)parameters->entry[i].count);
        append(o, &steps, 1);
        for (int slot = 0; slot < RN_RULE_STATES; slot++)
            if (optimizer->state[i].slot[slot] != NULL)
                append(o, optimizer->state[i].slot[slot], (size_t)parameters->entry[i].count);
    }
}

static outcome train(const setting *s, bool in_backward)
{
    rn_context *const context = rn_test_context(s->threads, RN_ISA_AUTO);
    rn_model *const model = s->network(context);
    const int64_t shape[] = { s->batch, 3, s->side, s->side };
    rn_optimizer *const optimizer = s->maker(context, rn_model_parameters(model));
    rn_tensor *images = NULL, *const labels = residual_labels(context, s->batch, 2);
    rn_session *session = NULL;
    outcome o = { .numbers = NULL };

    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    rn_test_fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), 5);
    require_ok(context, rn_session_create(&session, context, model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .memory_limit = s->limit)));
    if (s->frozen != NULL)
        require_ok(context, rn_model_freeze(model, s->frozen));
    if (in_backward)
        require_ok(context, rn_session_step_in_backward(session, optimizer));
    for (int i = 0; i < STEPS; i++) {
        require_ok(context, rn_session_forward(session, images));
        require_ok(context, rn_cross_entropy(&o.loss[i], session, labels, NULL));
        require_ok(context, rn_session_backward(session));
        if (!in_backward)
            require_ok(context, rn_optimizer_step(optimizer));
        for (size_t k = 0; k < rn_parameters_count(rn_model_parameters(model)); k++)
            assert_false(rn_parameters_has_gradient(rn_model_parameters(model), k));
    }
    require_ok(context, rn_session_plan_bytes(&o.plan_bytes, session, s->batch, s->side, s->side));
    o.has_room = rn_model_parameters(model)->gradients != NULL;
    take_numbers(&o, rn_model_parameters(model), optimizer);
    rn_session_destroy(session);
    rn_optimizer_destroy(optimizer);
    rn_tensor_destroy(images);
    rn_tensor_destroy(labels);
    rn_model_destroy(model);
    rn_context_destroy(context);
    return o;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void require_same(const setting *s)
{
    setting alone = *s;
    outcome two = train(s, false), one = train(s, true), other;

    alone.threads = 1;
    other = train(&alone, true);
    assert_false(isnan(two.loss[STEPS - 1]));
    assert_true(two.loss[0] != two.loss[STEPS - 1]);
    assert_memory_equal(one.loss, two.loss, sizeof two.loss);
    assert_int_equal(one.count, two.count);
    assert_memory_equal(one.numbers, two.numbers, two.count * sizeof *two.numbers);
    assert_memory_equal(other.numbers, two.numbers, two.count * sizeof *two.numbers);
    assert_true(two.has_room && !one.has_room);
    free(one.numbers);
    free(two.numbers);
    free(other.numbers);
}

static void every_optimizer_ends_in_the_same_bits(void **state)
{
    static const maker makers[] = { make_adam, make_sgd, make_rmsprop, make_own_whole, make_own_parts };

    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        require_same(&(setting){ residual, makers[i], 6, RESIDUAL_SIZE, 3, NULL, 0 });
}

/* A batch of which sums over photos are made in chunks, and a small one. */
static void so_do_large_linear_layers(void **state)
{
    static const maker makers[] = { make_adam, make_own_whole, make_own_parts };

    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        require_same(&(setting){ linear, makers[i], i == 0 ? 150 : 5, 32, 2, NULL, 0 });
}

static void so_do_frozen_networks_and_maps_that_are_made_again(void **state)
{
    setting s = { residual, make_adam, 6, RESIDUAL_SIZE, 2, "layer2", 0 };
    outcome whole;

    (void)state;
    require_same(&s);
    s.frozen = NULL;
    whole = train(&s, true);
    s.limit = whole.plan_bytes * 95 / 100;
    require_same(&s);
    free(whole.numbers);
}

/* Of 47 MB of gradients the plan holds those of the largest layer; of a large linear layer two pieces. */
static void a_plan_grows_by_less_than_the_gradients(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *models[2] = { NULL, linear(context) };
    static const int64_t sides[] = { 64, 32 };
    static const size_t most[] = { 4 * 512 * 512 * 9 + 65536, 2 * 4 << 20 };

    (void)state;
    require_ok(context, rn_model_create(&models[0], context, "resnet18", RN_OPTIONS(rn_model, .class_count = 5)));
    for (int i = 0; i < 2; i++) {
        rn_optimizer *const adam = make_adam(context, rn_model_parameters(models[i]));
        rn_session *session = NULL;
        size_t without, with;

        require_ok(context, rn_session_create(&session, context, models[i], RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
        require_ok(context, rn_session_plan_bytes(&without, session, 2, sides[i], sides[i]));
        require_ok(context, rn_session_step_in_backward(session, adam));
        require_ok(context, rn_session_plan_bytes(&with, session, 2, sides[i], sides[i]));
        assert_in_range(with, without, without + most[i]);
        rn_session_destroy(session);
        rn_optimizer_destroy(adam);
        rn_model_destroy(models[i]);
    }
    rn_context_destroy(context);
}

/* What the optimizer does not cover has its gradient in the store, for another; the bits are those of two steps. */
static void what_is_not_covered_is_left_to_another(void **state)
{
    float *values[2];
    size_t count;

    (void)state;
    for (int in_backward = 0; in_backward < 2; in_backward++) {
        rn_optimizer *head = NULL, *rest = NULL;
        training t;

        training_begin(&t, 2, RN_ISA_AUTO, 0);
        require_ok(t.context, rn_sgd_create(&head, rn_model_parameters(t.model), RN_OPTIONS(rn_sgd, .pattern = "fc")));
        require_ok(t.context, rn_sgd_create(&rest, rn_model_parameters(t.model), RN_OPTIONS(rn_sgd, .except = "fc")));
        if (in_backward)
            require_ok(t.context, rn_session_step_in_backward(t.session, rest));
        for (int i = 0; i < STEPS; i++) {
            training_backward(&t);
            require_ok(t.context, rn_optimizer_step(head));
            require_status(t.context, rn_optimizer_step(rest), in_backward ? RN_STATE : RN_OK);
        }
        values[in_backward] = training_all_values(&t, &count);
        rn_optimizer_destroy(head);
        rn_optimizer_destroy(rest);
        training_end(&t);
    }
    assert_memory_equal(values[0], values[1], count * sizeof **values);
    free(values[0]);
    free(values[1]);
}

/* A session goes from one way to the other, and from one optimizer to the next. */
static void it_can_be_changed_between_steps(void **state)
{
    float *values[2];
    size_t count;

    (void)state;
    for (int in_backward = 0; in_backward < 2; in_backward++) {
        rn_optimizer *other;
        training t;

        training_begin(&t, 2, RN_ISA_AUTO, 0.5);
        other = make_sgd(t.context, rn_model_parameters(t.model));
        for (int i = 0; i < 6; i++) {
            rn_optimizer *const optimizer = i < 3 ? t.adam : other;
            const bool steps = in_backward && i % 3 != 1;

            require_ok(t.context, rn_session_step_in_backward(t.session, steps ? optimizer : NULL));
            training_backward(&t);
            if (!steps)
                require_ok(t.context, rn_optimizer_step(optimizer));
        }
        rn_optimizer_destroy(other); /* the session may hold it on */
        values[in_backward] = training_all_values(&t, &count);
        training_end(&t);
    }
    assert_memory_equal(values[0], values[1], count * sizeof **values);
    free(values[0]);
    free(values[1]);
}

/* A state dict that is taken between forward and backward stays what it was. */
static void a_state_dict_keeps_its_values(void **state)
{
    rn_checkpoint *dict = NULL;
    const rn_tensor *kept;
    float before[RESIDUAL_CLASSES], after[RESIDUAL_CLASSES];
    double loss;
    training t;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    require_ok(t.context, rn_session_step_in_backward(t.session, t.adam));
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_ok(t.context, rn_cross_entropy(&loss, t.session, t.labels, NULL));
    require_ok(t.context, rn_checkpoint_create(&dict, t.context));
    require_ok(t.context, rn_model_state_dict(dict, t.model));
    kept = rn_checkpoint_find(dict, "fc.bias");
    assert_non_null(kept);
    require_ok(t.context, rn_tensor_read(kept, RN_FLOAT32, before, sizeof before));
    require_ok(t.context, rn_session_backward(t.session));
    require_ok(t.context, rn_tensor_read(kept, RN_FLOAT32, after, sizeof after));
    assert_memory_equal(before, after, sizeof before);
    rn_checkpoint_destroy(dict);
    training_end(&t);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void what_makes_no_sense_is_refused(void **state)
{
    rn_optimizer *strange, *none = NULL;
    rn_session *inference = NULL;
    rn_model *other;
    training t;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    other = residual_network(t.context, 0);
    strange = make_adam(t.context, rn_model_parameters(other));
    require_ok(t.context, rn_session_create(&inference, t.context, t.model, NULL));
    assert_int_equal(rn_session_step_in_backward(NULL, t.adam), RN_INVALID_ARGUMENT);
    require_status(t.context, rn_session_step_in_backward(inference, t.adam), RN_INVALID_ARGUMENT);
    require_status(t.context, rn_session_step_in_backward(t.session, strange), RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_status(t.context, rn_session_step_in_backward(t.session, t.adam), RN_STATE);
    training_backward(&t);

    /* Gradients wait. */
    require_ok(t.context, rn_session_step_in_backward(t.session, t.adam));
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_ok(t.context, rn_cross_entropy(&(double){ 0 }, t.session, t.labels, NULL));
    require_status(t.context, rn_session_backward(t.session), RN_STATE);
    assert_non_null(strstr(rn_context_message(t.context), "waits for a step"));
    rn_parameters_clear_gradients(rn_model_parameters(t.model));
    require_ok(t.context, rn_session_backward(t.session));

    /* Nothing is covered. */
    require_ok(t.context, rn_model_freeze(t.model, "fc"));
    require_ok(t.context, rn_sgd_create(&none, rn_model_parameters(t.model), RN_OPTIONS(rn_sgd, .pattern = "fc")));
    require_ok(t.context, rn_session_step_in_backward(t.session, none));
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_ok(t.context, rn_cross_entropy(&(double){ 0 }, t.session, t.labels, NULL));
    require_status(t.context, rn_session_backward(t.session), RN_STATE);
    assert_non_null(strstr(rn_context_message(t.context), "nothing to step"));
    rn_optimizer_destroy(none);
    rn_optimizer_destroy(strange);
    rn_session_destroy(inference);
    rn_model_destroy(other);
    training_end(&t);
}

static rn_status fail_at_conv1(const rn_parameter_update *update, void *payload)
{
    *(int *)payload += 1;
    return strcmp(update->name, "layer3.conv1.weight") == 0 ? RN_UNSUPPORTED : RN_OK;
}

/* Backward answers as the step would; what came before has made its step, the rest has not. */
static void a_rule_that_fails_ends_the_step(void **state)
{
    rn_optimizer *own = NULL;
    int calls = 0, stepped = 0;
    training t;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    require_ok(t.context,
               rn_optimizer_create(&own, rn_model_parameters(t.model),
                                   RN_OPTIONS(rn_rule, .name = "mine", .update = fail_at_conv1, .payload = &calls)));
    require_ok(t.context, rn_session_step_in_backward(t.session, own));
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_ok(t.context, rn_cross_entropy(&(double){ 0 }, t.session, t.labels, NULL));
    require_status(t.context, rn_session_backward(t.session), RN_UNSUPPORTED);
    assert_non_null(strstr(rn_context_message(t.context), "layer3.conv1.weight"));
    for (size_t i = 0; i < rn_model_parameters(t.model)->count; i++)
        stepped += (int)own->state[i].steps;
    assert_true(calls > 1);
    assert_int_equal(stepped, calls - 1);
    require_ok(t.context, rn_session_step_in_backward(t.session, NULL)); /* the session is fit for use */
    training_step(&t);
    rn_optimizer_destroy(own);
    training_end(&t);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static rn_status step_once(training *t)
{
    rn_status status = rn_session_forward(t->session, t->images);

    if (status == RN_OK)
        status = rn_cross_entropy(&(double){ 0 }, t->session, t->labels, NULL);
    return status == RN_OK ? rn_session_backward(t->session) : status;
}

/* Whatever fails, nothing has changed; it succeeds as soon as there is memory. */
static void without_memory_nothing_has_changed(void **state)
{
    rn_status status = RN_NO_MEMORY;
    long failing = 0;

    (void)state;
    for (; status != RN_OK; failing++) {
        rn_test_allocator allocator = { .fail_at = -1 };
        training t;
        float *before, *after;
        size_t count;

        training_begin_with(&t, rn_test_allocator_context(&allocator, 1), 0, 4);
        require_ok(t.context, rn_session_step_in_backward(t.session, t.adam));
        before = training_all_values(&t, &count);
        allocator.fail_at = allocator.calls + failing;
        status = step_once(&t);
        allocator.fail_at = -1;
        if (status != RN_OK) {
            const rn_parameters *const parameters = rn_model_parameters(t.model);

            require_status(t.context, status, RN_NO_MEMORY);
            for (size_t i = 0; i < parameters->count; i++)
                assert_int_equal(t.adam->state[i].steps, 0);
            after = training_all_values(&t, &count);
            for (size_t i = 0, at = 0; i < parameters->count; at += (size_t)parameters->entry[i++].count)
                if (parameters->entry[i].is_parameter)
                    assert_memory_equal(before + at, after + at, (size_t)parameters->entry[i].count * sizeof *before);
            free(after);
            require_ok(t.context, step_once(&t));
        }
        free(before);
        training_end(&t);
        assert_int_equal(allocator.live, 0);
    }
    assert_true(failing > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimizer_ends_in_the_same_bits),
        cmocka_unit_test(so_do_large_linear_layers),
        cmocka_unit_test(so_do_frozen_networks_and_maps_that_are_made_again),
        cmocka_unit_test(a_plan_grows_by_less_than_the_gradients),
        cmocka_unit_test(what_is_not_covered_is_left_to_another),
        cmocka_unit_test(it_can_be_changed_between_steps),
        cmocka_unit_test(a_state_dict_keeps_its_values),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_rule_that_fails_ends_the_step),
        cmocka_unit_test(without_memory_nothing_has_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
