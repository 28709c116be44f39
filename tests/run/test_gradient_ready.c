/* SPDX-License-Identifier: MIT */
/* The news that a parameter's gradient is complete, during backward: of whom, how often, when. */
#include "run/session.h"
#include "run/training.h"

enum { MOST = 64 };

/* What the handler writes down. */
typedef struct news {
    rn_parameters *parameters;
    int32_t order[MOST];
    float *copy[MOST]; /* of the gradient at that time, by parameter */
    int count, times[MOST];
} news;

static size_t bytes_of(const rn_parameters *parameters, int32_t parameter)
{
    return (size_t)rn_tensor_count(rn_parameters_value(parameters, (size_t)parameter)) * sizeof(float);
}

static void take_down(void *payload, const rn_ready *ready)
{
    news *const it = payload;
    const int32_t parameter = ready->parameter;
    const size_t nbytes = bytes_of(it->parameters, parameter);

    assert_in_range(parameter, 0, MOST - 1);
    assert_true(it->count < MOST);
    assert_true(!ready->dies && ready->begin == 0);
    assert_int_equal((size_t)ready->end * sizeof(float), nbytes);
    assert_ptr_equal(ready->gradient, rn_parameters_gradient_floats(it->parameters, (size_t)parameter));
    it->order[it->count++] = parameter;
    if (it->times[parameter]++ > 0)
        return;
    it->copy[parameter] = malloc(nbytes);
    memcpy(it->copy[parameter], rn_parameters_gradient_floats(it->parameters, (size_t)parameter), nbytes);
}

static void listen(news *it, training *t)
{
    *it = (news){ .parameters = rn_model_parameters(t->model) };
    t->session->gradient_ready = take_down;
    t->session->payload = it;
}

static void forget(news *it)
{
    for (int i = 0; i < MOST; i++)
        free(it->copy[i]);
}

static const char *name_at(const news *it, int place)
{
    return rn_parameters_name(it->parameters, (size_t)it->order[place]);
}

static int place_of(const news *it, const char *name)
{
    for (int i = 0; i < it->count; i++)
        if (strcmp(name_at(it, i), name) == 0)
            return i;
    fail_msg("no news of %s", name);
    return -1;
}

/* Of each parameter that is trained once, of no other; and what was there then is there now. */
static int require_complete(const news *it)
{
    int trained = 0;

    for (int32_t i = 0; (size_t)i < rn_parameters_count(it->parameters); i++) {
        const int expected = rn_parameters_is_trainable(it->parameters, (size_t)i);

        assert_int_equal(it->times[i], expected);
        assert_int_equal(rn_parameters_has_gradient(it->parameters, (size_t)i), expected);
        trained += expected;
        if (expected)
            assert_memory_equal(it->copy[i], rn_parameters_gradient_floats(it->parameters, (size_t)i),
                                bytes_of(it->parameters, i));
    }
    assert_int_equal(it->count, trained);
    return trained;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void each_trained_parameter_is_named_once_with_its_last_value(void **state)
{
    training t;
    news it;

    (void)state;
    training_begin(&t, 2, RN_ISA_AUTO, 0.5);
    for (int i = 0; i < 3; i++) { /* the third adds to the second's gradients */
        listen(&it, &t);
        training_backward(&t);
        assert_int_equal(require_complete(&it), 32);
        if (i == 0)
            require_ok(t.context, rn_optimizer_step(t.adam));
        forget(&it);
    }
    training_end(&t);
}

static void the_head_comes_first_and_the_first_layer_last(void **state)
{
    static const char *const order[] = {
        "fc.weight",           "fire.expand3x3.weight", "fire.squeeze.weight", "layer3.bn2.weight",
        "layer3.conv2.weight", "layer3.conv1.weight",   "layer2.bn2.weight",   "layer2.conv1.weight",
        "layer1.conv2.weight", "layer1.conv1.weight",   "bn1.weight",          "conv1.weight"
    };
    training t;
    news it;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    listen(&it, &t);
    training_backward(&t);
    assert_true(strncmp(name_at(&it, 0), "fc.", 3) == 0 && strncmp(name_at(&it, 1), "fc.", 3) == 0);
    for (size_t i = 1; i < sizeof order / sizeof *order; i++)
        assert_true(place_of(&it, order[i - 1]) < place_of(&it, order[i]));
    assert_string_equal(name_at(&it, it.count - 1), "conv1.weight");
    forget(&it);
    training_end(&t);
}

static void what_is_frozen_is_not_named(void **state)
{
    training t;
    news it;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    require_ok(t.context, rn_model_freeze(t.model, "layer2"));
    require_ok(t.context, rn_model_freeze(t.model, "fire.expand3x3.bias"));
    require_ok(t.context, rn_model_freeze(t.model, "bn1.weight"));
    listen(&it, &t);
    training_backward(&t);
    assert_int_equal(require_complete(&it), 32 - 9 - 1 - 1);
    forget(&it);
    require_ok(t.context, rn_model_freeze_backbone(t.model));
    listen(&it, &t);
    training_backward(&t);
    assert_int_equal(require_complete(&it), 2);
    forget(&it);
    training_end(&t);
}

/* Forward alone and whoever does not listen hear nothing. */
static void nothing_is_named_outside_backward(void **state)
{
    training t;
    news it;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    listen(&it, &t);
    require_ok(t.context, rn_session_forward(t.session, t.images));
    assert_int_equal(it.count, 0);
    t.session->gradient_ready = NULL;
    training_backward(&t);
    assert_int_equal(it.count, 0);
    forget(&it);
    training_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trained_parameter_is_named_once_with_its_last_value),
        cmocka_unit_test(the_head_comes_first_and_the_first_layer_last),
        cmocka_unit_test(what_is_frozen_is_not_named),
        cmocka_unit_test(nothing_is_named_outside_backward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
