/* SPDX-License-Identifier: MIT */
/*
 * Initial values, as torch.nn and torchvision define them (https://pytorch.org/docs/stable/nn.init.html). Each value is
 * a pure function of (seed, name of the parameter, position in memory): what else the network holds and who computes it
 * do not matter.
 */
#include "graph/graph.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

enum { UNIT = 1 << 14 }; /* values that one generator gives; part of the numerical rules */

/* Uniform in [-spread, spread) or normal with deviation spread. */
typedef struct weight_rule {
    bool normal;
    double spread;
} weight_rule;

typedef struct filling {
    float *values;
    int64_t count;
    uint64_t seed, name;
    weight_rule rule;
} filling;

/* FNV-1a, 64 bits. */
static uint64_t hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return hash;
}

static void fill_uniform(float *values, int64_t count, double bound, rn_random *random)
{
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(bound * (2 * rn_random_uniform(random) - 1));
}

/*
 * Box-Muller, both of its numbers: a network of 60 million weights takes a second. 32 bits of each draw are more than a
 * float shows.
 */
static void fill_normal(float *values, int64_t count, double deviation, rn_random *random)
{
    const double two_pi = 6.283185307179586477;

    for (int64_t i = 0; i < count; i += 2) {
        const double radius =
            deviation * sqrt(-2 * log((rn_random_next(random) + 0.5) * 0x1p-32)); /* of (0, 1): never 0 */
        const double angle = two_pi * 0x1p-32 * rn_random_next(random);

        values[i] = (float)(radius * cos(angle));
        if (i + 1 < count)
            values[i + 1] = (float)(radius * sin(angle));
    }
}

static void fill_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const filling *const work = payload;

    (void)thread;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t first = unit * UNIT;
        const int64_t count = work->count - first < UNIT ? work->count - first : UNIT;
        rn_random random = rn_random_at(work->seed, RN_STREAM_WEIGHTS, work->name, (uint64_t)unit);

        (work->rule.normal ? fill_normal : fill_uniform)(work->values + first, count, work->rule.spread, &random);
    }
}

static void fill_random(rn_graph *graph, uint64_t seed, int32_t index, weight_rule rule)
{
    const rn_parameter *const parameter = &graph->parameters->entry[index];
    filling work = { rn_parameters_floats(graph->parameters, (size_t)index), parameter->count, seed,
                     hash_name(parameter->name), rule };

    rn_parallel(&graph->context->pool, (work.count + UNIT - 1) / UNIT, fill_units, &work);
}

static void fill_constant(rn_graph *graph, int32_t index, float value)
{
    float *const values = rn_parameters_floats(graph->parameters, (size_t)index);

    for (int64_t i = 0; i < graph->parameters->entry[index].count; i++)
        values[i] = value;
}

/* torch.nn.init's fans count a kernel's pixels; like PyTorch's, fan out takes no notice of groups. */
static weight_rule weight_rule_of(rn_init init, double fan_in, double fan_out)
{
    switch (init) {
    case RN_INIT_KAIMING_FAN_OUT: return (weight_rule){ true, sqrt(2 / fan_out) };
    case RN_INIT_KAIMING_UNIFORM: return (weight_rule){ false, sqrt(6 / fan_in) };
    case RN_INIT_NORMAL_001: return (weight_rule){ true, 0.01 };
    case RN_INIT_KAIMING_FAN_IN: return (weight_rule){ true, sqrt(2 / fan_in) };
    case RN_INIT_NORMAL_01: return (weight_rule){ true, 0.1 };
    case RN_INIT_NORMAL_0001: return (weight_rule){ true, 0.001 };
    case RN_INIT_DEFAULT:
    case RN_INIT_ZERO_BIAS: break;
    }
    /* kaiming_uniform(a = sqrt 5): gain sqrt(2 / (1 + 5)), bound gain * sqrt(3 / fan in) */
    return (weight_rule){ false, sqrt(1 / fan_in) };
}

static bool has_random_bias(rn_init init)
{
    return init == RN_INIT_DEFAULT || init == RN_INIT_NORMAL_01 || init == RN_INIT_NORMAL_0001;
}

static void initialise_weights(rn_graph *graph, const rn_layer *layer, uint64_t seed)
{
    const double pixels = (double)layer->as.conv.kernel_h * layer->as.conv.kernel_w;
    const double fan_in = (double)layer->in_channels / layer->as.conv.groups * pixels;
    const double fan_out = (double)layer->shape.c * pixels;

    fill_random(graph, seed, layer->weight, weight_rule_of(layer->init, fan_in, fan_out));
    if (layer->bias >= 0 && has_random_bias(layer->init))
        fill_random(graph, seed, layer->bias, (weight_rule){ false, sqrt(1 / fan_in) });
    else if (layer->bias >= 0)
        fill_constant(graph, layer->bias, 0);
}

void rn_graph_initialise(rn_graph *graph, uint64_t seed)
{
    for (int32_t i = 0; i < graph->count; i++) {
        const rn_layer *const layer = &graph->layer[i];

        if (layer->kind == RN_LAYER_BATCH_NORM2D) {
            fill_constant(graph, layer->weight, 1);
            fill_constant(graph, layer->bias, 0);
            fill_constant(graph, layer->running_mean, 0);
            fill_constant(graph, layer->running_var, 1);
        } else if (layer->weight >= 0) {
            initialise_weights(graph, layer, seed);
        }
    }
    for (size_t i = 0; i < graph->parameters->count; i++)
        rn_parameters_written(graph->parameters, i);
}
