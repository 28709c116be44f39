/* SPDX-License-Identifier: MIT */
/*
 * A program of a stranger, in C: header and library are of one version, a tiny network runs. With an argument it
 * writes a fresh resnet18 there.
 */
#include <resnet/resnet.h>
#include <stdio.h>
#include <string.h>

#define TEXT(x) #x
#define VERSION(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

static rn_status run_tiny_network(rn_context *context)
{
    static const int64_t shape[4] = { 2, 3, 8, 8 };
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_session *session = NULL;
    rn_tensor *images = NULL;
    const rn_tensor *logits = NULL;
    rn_value x;
    rn_status status = rn_graph_create(&graph, context);

    if (status == RN_OK) {
        x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
        x = rn_relu(graph, rn_conv2d(graph, x, "conv1", 4, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .bias = 1)), NULL);
        x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
        rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 5, NULL));
        status = rn_model_build(&model, graph, "tiny", NULL);
    }
    if (status == RN_OK)
        status = rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST);
    if (status == RN_OK)
        status = rn_session_create(&session, context, model, NULL);
    if (status == RN_OK)
        status = rn_session_forward(session, images);
    if (status == RN_OK)
        status = rn_session_output(&logits, session, 0);
    if (status == RN_OK && (rn_tensor_shape(logits)[0] != 2 || rn_tensor_shape(logits)[1] != 5))
        status = RN_INTERNAL;
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_graph_destroy(graph);
    return status;
}

static rn_status write_model(rn_context *context, const char *path)
{
    rn_model *model = NULL;
    rn_status status = rn_model_create(&model, context, "resnet18", NULL);

    if (status == RN_OK)
        status = rn_model_save(model, path, NULL);
    rn_model_destroy(model);
    return status;
}

int main(int argc, char **argv)
{
    rn_context *context = NULL;
    rn_status status = rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1));

    if (strcmp(rn_version(), VERSION(RN_VERSION_MAJOR, RN_VERSION_MINOR, RN_VERSION_PATCH)) != 0) {
        fprintf(stderr, "headers and library are of two versions; the library is %s\n", rn_version());
        return 1;
    }
    if (status == RN_OK)
        status = argc > 1 ? write_model(context, argv[1]) : run_tiny_network(context);
    if (status != RN_OK)
        fprintf(stderr, "%s: %s\n", rn_status_string(status), rn_context_message(context));
    rn_context_destroy(context);
    return status != RN_OK;
}
