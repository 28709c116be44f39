/* SPDX-License-Identifier: MIT */
/*
 * A layer with its gradients: a convolution, a loss of one's own (a weighted sum of the outputs), and the gradient of
 * one weight and one pixel beside what finite differences say.
 */
#include <math.h>
#include <resnet/resnet.h>
#include <stdio.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

/* The loss sum of 0.01 (i + 1) y[i]: its gradient with respect to y[i] is 0.01 (i + 1). */
static rn_status forward(double *loss, rn_session *session, const rn_tensor *image)
{
    const rn_tensor *y;
    float outputs[18];
    rn_status status;

    TRY(rn_session_forward(session, image));
    TRY(rn_session_output(&y, session, 0));
    TRY(rn_tensor_read(y, RN_FLOAT32, outputs, sizeof outputs));
    *loss = 0;
    for (int i = 0; i < 18; i++)
        *loss += 0.01 * (i + 1) * outputs[i];
out:
    return status;
}

/* (loss(x + h) - loss(x - h)) / 2h for one element of a tensor, which is left as it was. */
static rn_status difference(double *slope, rn_session *session, rn_tensor *image, rn_tensor *changed, const int64_t *at,
                            rn_parameters *weights)
{
    const double h = 0.125;
    double x, above, below;
    rn_status status;

    TRY(rn_tensor_get(changed, at, &x));
    for (int side = 0; side < 3; side++) {
        TRY(rn_tensor_set(changed, at, side == 0 ? x + h : side == 1 ? x - h : x));
        if (weights != NULL)
            TRY(rn_parameters_write(weights, 0, changed));
        if (side < 2)
            TRY(forward(side == 0 ? &above : &below, session, image));
    }
    *slope = (above - below) / (2 * h);
out:
    return status;
}

int main(void)
{
    const int64_t image_shape[] = { 1, 2, 3, 3 }, at[] = { 0, 1, 1, 2 };
    rn_context *context = NULL;
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_session *training = NULL, *inference = NULL;
    rn_tensor *image = NULL, *weight = NULL, *start;
    const rn_tensor *pixel_gradient;
    float numbers[18];
    double loss, by_weight, by_pixel, exact_weight, exact_pixel;
    int right = 0;
    rn_status status;
    rn_value x;

    for (int i = 0; i < 18; i++)
        numbers[i] = (float)(i * 7 % 5) - 2;
    TRY(rn_context_create(&context, NULL));

    TRY(rn_graph_create(&graph, context));
    x = rn_graph_input(graph, "images", 2, 3, 3, NULL);
    x = rn_conv2d(graph, x, "conv", 2, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    rn_graph_output(graph, "logits", rn_flatten(graph, x, NULL));
    TRY(rn_model_build(&model, graph, "one convolution", NULL));

    TRY(rn_tensor_create(&image, context, RN_FLOAT32, 4, image_shape, RN_CHANNELS_LAST));
    TRY(rn_tensor_write(image, RN_FLOAT32, numbers, sizeof numbers));
    TRY(rn_session_create(&training, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN, .input_gradient = 1)));

    /* Forward, where backward starts, backward. */
    TRY(forward(&loss, training, image));
    TRY(rn_session_gradient(&start, training, 0));
    for (int i = 0; i < 18; i++)
        TRY(rn_tensor_set(start, (int64_t[]){ 0, i }, 0.01 * (i + 1)));
    TRY(rn_session_backward(training));
    TRY(rn_tensor_get(rn_parameters_gradient(rn_model_parameters(model), 0), at, &exact_weight));
    TRY(rn_session_input_gradient(&pixel_gradient, training, 0));
    TRY(rn_tensor_get(pixel_gradient, at, &exact_pixel));

    /* The same from the outside. */
    TRY(rn_session_create(&inference, context, model, NULL));
    TRY(rn_tensor_convert(&weight, rn_parameters_value(rn_model_parameters(model), 0), RN_FLOAT32, RN_ROW_MAJOR));
    TRY(difference(&by_weight, inference, image, weight, at, rn_model_parameters(model)));
    TRY(difference(&by_pixel, inference, image, image, at, NULL));
    printf("d loss / d conv.weight[0, 1, 1, 2] = %.6f, finite differences say %.6f\n", exact_weight, by_weight);
    printf("d loss / d pixel[0, 1, 1, 2]       = %.6f, finite differences say %.6f\n", exact_pixel, by_pixel);
    right = fabs(exact_weight - by_weight) < 1e-4 && fabs(exact_pixel - by_pixel) < 1e-4;
out:
    if (status != RN_OK)
        fprintf(stderr, "%s: %s\n", rn_status_string(status), rn_context_message(context));
    rn_tensor_destroy(weight);
    rn_tensor_destroy(image);
    rn_session_destroy(inference);
    rn_session_destroy(training);
    rn_model_destroy(model);
    rn_graph_destroy(graph);
    rn_context_destroy(context);
    if (fflush(stdout) != 0) {
        perror("standard output");
        return 1;
    }
    return status != RN_OK || !right;
}
