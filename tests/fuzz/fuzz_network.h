/* SPDX-License-Identifier: MIT */
/* The network of the training files: one convolution and a head. */
#ifndef RN_TESTS_FUZZ_NETWORK_H
#define RN_TESTS_FUZZ_NETWORK_H

#include "fuzz.h"

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "store/store.h"

static inline rn_model *fuzz_network(rn_context *context)
{
    static const char *const folders[] = { "a", "b" };
    rn_classes *classes;
    rn_graph *graph;
    rn_model *model;
    rn_value x;

    fuzz_require(rn_classes_create(&classes, context, folders, NULL, 2) == RN_OK);
    fuzz_require(rn_graph_create(&graph, context) == RN_OK);
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 4, 4, NULL), "conv", 1, 1, NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 2, NULL));
    rn_graph_head(graph, "fc");
    fuzz_require(rn_model_build(&model, graph, "tiny", RN_OPTIONS(rn_model, .classes = classes)) == RN_OK);
    rn_graph_destroy(graph);
    rn_classes_destroy(classes);
    return model;
}

static inline void fuzz_optimizer(rn_training_state *state, rn_model *model)
{
    fuzz_require(rn_adam_create(&state->optimizer, rn_model_parameters(model), RN_OPTIONS(rn_adam, .lr = 0.1)) ==
                 RN_OK);
    fuzz_require(rn_step_lr_create(&state->scheduler, state->optimizer, RN_OPTIONS(rn_step_lr, .step_size = 2)) ==
                 RN_OK);
}

#endif
