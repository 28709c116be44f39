/* SPDX-License-Identifier: MIT */
#include "predict/colours.h"
#include "graph/graph.h"

rn_model *colours_model(rn_context *own, bool table)
{
    static const char *const folders[] = { "21", "3", "4", "5", "6", "7" }, *const names[] = {
        "red", "green", "blue", "pink", "lime", "navy"
    };
    rn_classes *classes = NULL;
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_status status = rn_graph_create(&graph, own);

    if (status == RN_OK) {
        const rn_value x = rn_flatten(
            graph, rn_adaptive_avg_pool2d(graph, rn_graph_input(graph, "images", 3, 4, 4, NULL), 1, 1, NULL), NULL);

        rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 6, NULL));
        if (table)
            status = rn_classes_create(&classes, own, folders, names, 6);
        if (status == RN_OK)
            status = rn_model_build(&model, graph, "colours", RN_OPTIONS(rn_model, .classes = classes));
    }
    rn_graph_destroy(graph);
    rn_classes_destroy(classes);
    if (status != RN_OK)
        return NULL;
    for (size_t i = 0; i < 6; i++) {
        for (size_t c = 0; c < 3; c++)
            rn_parameters_floats(model->graph->parameters, 0)[i * 3 + c] = i % 3 != c ? 0 : i < 3 ? 10.0f : 5.0f;
        rn_parameters_floats(model->graph->parameters, 1)[i] = 0;
    }
    rn_parameters_written(model->graph->parameters, 0);
    rn_parameters_written(model->graph->parameters, 1);
    if (rn_model_set_pipeline(model, "Resize(4), CenterCrop(4), ToTensor()") != RN_OK) {
        rn_model_destroy(model);
        return NULL;
    }
    return model;
}

rn_image *colours_photo(rn_context *own, uint8_t red, uint8_t green, uint8_t blue)
{
    uint8_t pixels[8 * 6 * 3];
    rn_image *image = NULL;

    for (size_t i = 0; i < sizeof pixels; i += 3) {
        pixels[i] = red;
        pixels[i + 1] = green;
        pixels[i + 2] = blue;
    }
    require_ok(own, rn_image_create(&image, own, 8, 6, pixels, 0));
    return image;
}
