/* SPDX-License-Identifier: MIT */
/* What a forward of a network costs: the multiply-adds that the literature and torchvision's tables count. */
#include "graph/graph.h"

/* A weight of a convolution or a linear layer meets one input for each pixel that comes out, whatever stride, padding,
 * dilation and groups are. INT64_MAX where the product is larger. */
static int64_t layer_multiply_adds(const rn_graph *graph, const rn_layer *layer)
{
    const int64_t pixels = layer->shape.h * layer->shape.w;
    int64_t weights;

    if (layer->kind != RN_LAYER_CONV2D && layer->kind != RN_LAYER_LINEAR)
        return 0;
    weights = graph->parameters->entry[layer->weight].count;
    return weights > 0 && pixels > INT64_MAX / weights ? INT64_MAX : weights * pixels;
}

rn_status rn_graph_multiply_adds(int64_t *count, const rn_graph *graph)
{
    const rn_allocator *const allocator = &graph->context->allocator;
    bool *const needed = rn_allocate_zeroed(allocator, (size_t)graph->count, sizeof *needed);

    *count = 0;
    if (needed == NULL)
        return rn_fail(&graph->context->message, RN_NO_MEMORY, "no memory for the costs of %d layers",
                       (int)graph->count);
    needed[graph->output[0].value] = true;
    /* Inputs of a layer come before it. */
    for (int32_t i = graph->count - 1; i >= 0; i--) {
        const rn_layer *const layer = &graph->layer[i];
        int64_t own;

        if (!needed[i])
            continue;
        for (int32_t k = 0; k < layer->input_count; k++)
            needed[layer->inputs[k]] = true;
        own = layer_multiply_adds(graph, layer);
        *count = own > INT64_MAX - *count ? INT64_MAX : *count + own;
    }
    rn_release(allocator, needed);
    return RN_OK;
}
