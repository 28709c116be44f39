/* SPDX-License-Identifier: MIT */
/* What comes out of a graph, and which part of it is the head. */
#include "graph/graph.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_auxiliary_output_options, loss_weight);

/* The entry of a new output, or NULL after an error of the graph. */
static rn_graph_output_entry *add_output(rn_graph *graph, const char *name, rn_value value)
{
    if (!rn_graph_is_name(name)) {
        rn_graph_fail(graph, RN_INVALID_ARGUMENT, "rn_graph_output: '%s' is not a name",
                      name == NULL ? "(NULL)" : name);
        return NULL;
    }
    if (!rn_graph_has_value(graph, value)) {
        rn_graph_fail(graph, RN_INVALID_ARGUMENT, "output '%s' is not a value of this graph", name);
        return NULL;
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (strcmp(graph->output[i].name, name) == 0) {
            rn_graph_fail(graph, RN_INVALID_ARGUMENT, "there are two outputs '%s'", name);
            return NULL;
        }
    }
    return rn_graph_add_entry(graph, &graph->output, &graph->output_count,
                              rn_copy_string(&graph->context->allocator, name), value.index)
               ? &graph->output[graph->output_count - 1]
               : NULL;
}

void rn_graph_output(rn_graph *graph, const char *name, rn_value value)
{
    rn_graph_output_entry *entry;

    if (!rn_graph_is_open(graph))
        return;
    entry = add_output(graph, name, value);
    if (entry != NULL)
        entry->loss_weight = graph->output_count == 1 ? 1 : 0;
}

void rn_graph_auxiliary_output(rn_graph *graph, const char *name, rn_value value,
                               const rn_auxiliary_output_options *options)
{
    rn_graph_output_entry *entry;
    rn_auxiliary_output_options o;
    rn_message message;
    rn_status status;

    if (!rn_graph_is_open(graph))
        return;
    status = rn_options_read(&o, sizeof o, options, &message);
    if (status == RN_OK && graph->output_count == 0)
        status = rn_fail(&message, RN_INVALID_ARGUMENT, "auxiliary output '%s' comes before the first rn_graph_output",
                         name == NULL ? "(NULL)" : name);
    if (status == RN_OK && !(isfinite(o.loss_weight) && o.loss_weight >= 0))
        status = rn_fail(&message, RN_INVALID_ARGUMENT, "a loss of the weight %g", o.loss_weight);
    if (status != RN_OK) {
        rn_graph_fail(graph, status, "%s", message.text);
        return;
    }
    entry = add_output(graph, name, value);
    if (entry == NULL)
        return;
    entry->auxiliary = true;
    entry->loss_weight = rn_option_number(o.loss_weight, 0.4);
}

void rn_graph_head(rn_graph *graph, const char *prefix)
{
    char **grown, *name;

    if (!rn_graph_is_open(graph))
        return;
    name = rn_graph_join_name(graph, "rn_graph_head", prefix);
    if (name == NULL)
        return;
    grown = rn_grow_array(&graph->context->allocator, graph->head, (size_t)graph->head_count,
                          (size_t)graph->head_count + 1, sizeof *grown);
    if (grown == NULL) {
        rn_release(&graph->context->allocator, name);
        rn_graph_fail_memory(graph);
        return;
    }
    graph->head = grown;
    graph->head[graph->head_count++] = name;
}
