/* SPDX-License-Identifier: MIT */
/* Initial values: their distributions, and what they depend on. */
#include "graph/graph.h"
#include "support/support.h"

/*
 * conv: 32 -> 64 channels, 3 x 3: fan in 288, fan out 576, 18,432 weights. linear: 64 -> 300: fan in 64, fan out 300,
 * 19,200 weights.
 */
static rn_model *make_model(rn_context *context, int32_t init, uint64_t seed, int extra_layers)
{
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&graph, context));
    x = rn_graph_input(graph, "images", 32, 8, 8, NULL);
    for (int i = 0; i < extra_layers; i++)
        x = rn_conv2d(graph, x, i == 0 ? "e0" : "e1", 32, 1, NULL);
    x = rn_conv2d(graph, x, "conv", 64, 3, RN_OPTIONS(rn_conv2d, .bias = 1, .init = init));
    x = rn_batch_norm2d(graph, x, "bn", NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    x = rn_linear(graph, x, "fc", 300, RN_OPTIONS(rn_linear, .init = init));
    rn_graph_output(graph, "logits", x);
    require_ok(context, rn_model_build(&model, graph, "test", RN_OPTIONS(rn_model, .seed = seed)));
    rn_graph_destroy(graph);
    return model;
}

static const float *values(const rn_model *model, const char *name, int64_t *count)
{
    size_t index = 0;

    require_ok(model->context, rn_parameters_find(&index, model->graph->parameters, name));
    *count = model->graph->parameters->entry[index].count;
    return rn_parameters_floats(model->graph->parameters, index);
}

typedef struct moments {
    double mean, deviation, largest, kurtosis, neighbours;
} moments;

static moments measure(const rn_model *model, const char *name)
{
    moments found = { 0, 0, 0, 0, 0 };
    double second = 0, fourth = 0;
    int64_t count;
    const float *v = values(model, name, &count);

    for (int64_t i = 0; i < count; i++)
        found.mean += (double)v[i] / (double)count;
    for (int64_t i = 0; i < count; i++) {
        const double d = (double)v[i] - found.mean;

        second += d * d / (double)count;
        fourth += d * d * d * d / (double)count;
        found.largest = fmax(found.largest, fabs((double)v[i]));
    }
    for (int64_t i = 1; i < count; i++)
        found.neighbours += ((double)v[i] - found.mean) * ((double)v[i - 1] - found.mean);
    found.neighbours /= second > 0 ? second * (double)count : 1;
    found.deviation = sqrt(second);
    found.kurtosis = second > 0 ? fourth / (second * second) : 0;
    return found;
}

/*
 * About 18,000 draws: the mean is within 5 sigma / sqrt(n) < 0.04 sigma, the deviation within 5 / sqrt(2 n) < 3 %, the
 * kurtosis (normal 3, uniform 1.8) within 5 sqrt(24 / n) < 0.2.
 */
static void require_distribution(const rn_model *model, const char *name, bool normal, double deviation)
{
    const moments found = measure(model, name);

    assert_true(fabs(found.mean) < 0.04 * deviation);
    assert_true(fabs(found.deviation / deviation - 1) < 0.03);
    assert_true(fabs(found.kurtosis - (normal ? 3 : 1.8)) < 0.2);
    assert_true(fabs(found.neighbours) < 0.04); /* the correlation of neighbours is within 5 / sqrt(n) */
    if (!normal)
        assert_true(found.largest <= deviation * sqrt(3) * 1.000001);
}

static void weights_have_the_deviations_of_torch(void **state)
{
    static const struct {
        int32_t init;
        bool normal;
        double conv, linear; /* deviations; uniform ones are bound / sqrt 3 */
    } known[] = {
        { RN_INIT_DEFAULT, false, 0.0340207, 0.0721688 },         /* 1 / sqrt(3 * 288), 1 / sqrt(3 * 64) */
        { RN_INIT_KAIMING_FAN_OUT, true, 0.0589256, 0.0816497 },  /* sqrt(2 / 576), sqrt(2 / 300) */
        { RN_INIT_KAIMING_UNIFORM, false, 0.0833333, 0.1767767 }, /* sqrt(2 / 288), sqrt(2 / 64) */
        { RN_INIT_NORMAL_001, true, 0.01, 0.01 },
        { RN_INIT_KAIMING_FAN_IN, true, 0.0833333, 0.1767767 },
        { RN_INIT_ZERO_BIAS, false, 0.0340207, 0.0721688 },
        { RN_INIT_NORMAL_01, true, 0.1, 0.1 },
        { RN_INIT_NORMAL_0001, true, 0.001, 0.001 },
    };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rn_model *model = make_model(context, known[i].init, 1, 0);
        const moments conv_bias = measure(model, "conv.bias"), linear_bias = measure(model, "fc.bias");

        require_distribution(model, "conv.weight", known[i].normal, known[i].conv);
        require_distribution(model, "fc.weight", known[i].normal, known[i].linear);
        if (known[i].init == RN_INIT_DEFAULT || known[i].init == RN_INIT_NORMAL_01 ||
            known[i].init == RN_INIT_NORMAL_0001) {
            /* 64 and 300 draws in +-1 / sqrt(fan in): the largest is nearly the bound */
            assert_true(conv_bias.largest <= 0.0589257 && conv_bias.largest > 0.8 * 0.0589257);
            assert_true(linear_bias.largest <= 0.125 && linear_bias.largest > 0.9 * 0.125);
        } else {
            assert_true(conv_bias.largest == 0 && linear_bias.largest == 0);
        }
        rn_model_destroy(model);
    }
    rn_context_destroy(context);
}

static void batch_norm_begins_as_the_identity(void **state)
{
    static const struct {
        const char *name;
        float value;
    } known[] = { { "bn.weight", 1 }, { "bn.bias", 0 }, { "bn.running_mean", 0 }, { "bn.running_var", 1 } };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model = make_model(context, RN_INIT_DEFAULT, 1, 0);
    size_t index = 0;
    int64_t tracked = -1;

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int64_t count;
        const float *v = values(model, known[i].name, &count);

        assert_int_equal(count, 64);
        for (int64_t j = 0; j < count; j++)
            assert_true(v[j] == known[i].value);
    }
    require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), "bn.num_batches_tracked"));
    require_ok(context, rn_tensor_read(rn_parameters_value(rn_model_parameters(model), index), RN_INT64, &tracked,
                                       sizeof tracked));
    assert_int_equal(tracked, 0);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void require_equal(const rn_model *a, const rn_model *b, const char *name, bool equal)
{
    int64_t count, other;
    const float *x = values(a, name, &count), *y = values(b, name, &other);

    assert_int_equal(count, other);
    assert_int_equal(memcmp(x, y, (size_t)count * sizeof *x) == 0, equal);
}

static void values_depend_on_seed_and_name_alone(void **state)
{
    rn_context *one = rn_test_context(1, RN_ISA_AUTO), *two = rn_test_context(2, RN_ISA_AUTO);
    rn_model *a = make_model(one, RN_INIT_DEFAULT, 7, 0), *b = make_model(two, RN_INIT_DEFAULT, 7, 2),
             *c = make_model(one, RN_INIT_DEFAULT, 8, 2);

    (void)state;
    require_equal(a, b, "conv.weight", true); /* other threads, other layers before it */
    require_equal(a, b, "fc.weight", true);
    require_equal(b, c, "conv.weight", false);
    require_equal(b, c, "fc.bias", false);
    {
        int64_t count;
        const float *x = values(b, "e0.weight", &count), *y = values(b, "e1.weight", &count);

        assert_memory_not_equal(x, y, (size_t)count * sizeof *x);
    }
    rn_model_destroy(a);
    rn_model_destroy(b);
    rn_model_destroy(c);
    rn_context_destroy(one);
    rn_context_destroy(two);
}

static void the_seed_of_the_context_is_the_default(void **state)
{
    rn_context *context = NULL;
    rn_model *a, *b;

    (void)state;
    require_ok(NULL, rn_context_create(&context, RN_OPTIONS(rn_context, .seed = 42, .threads = 1)));
    a = make_model(context, RN_INIT_DEFAULT, 0, 0);
    b = make_model(context, RN_INIT_DEFAULT, 42, 0);
    require_equal(a, b, "conv.weight", true);
    rn_model_destroy(a);
    rn_model_destroy(b);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_the_deviations_of_torch),
        cmocka_unit_test(batch_norm_begins_as_the_identity),
        cmocka_unit_test(values_depend_on_seed_and_name_alone),
        cmocka_unit_test(the_seed_of_the_context_is_the_default),
    };

    return cmocka_run_group_tests_name("graph/init", tests, NULL, NULL);
}
