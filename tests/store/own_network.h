/* SPDX-License-Identifier: MIT */
/* A small network of one's own with a head of two classes. */
#ifndef RN_TESTS_STORE_OWN_NETWORK_H
#define RN_TESTS_STORE_OWN_NETWORK_H

#include "support/support.h"

/* `folders`: of its class table; NULL: it has none. */
static inline rn_model *make_own_network(rn_context *context, const char *const *folders)
{
    rn_classes *classes = NULL;
    rn_graph *graph = NULL;
    rn_model *made = NULL;
    rn_value x;

    if (folders != NULL)
        require_ok(context, rn_classes_create(&classes, context, folders, NULL, 2));
    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "conv", 4, 3, NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 2, NULL));
    rn_graph_head(graph, "fc");
    require_ok(context, rn_model_build(&made, graph, "mine", RN_OPTIONS(rn_model, .classes = classes)));
    rn_graph_destroy(graph);
    rn_classes_destroy(classes);
    return made;
}

#endif
