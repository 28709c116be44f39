/* SPDX-License-Identifier: MIT */
/* A network of one's own, trained by a hand-written loop: which way do the stripes run? */
#include <resnet/resnet.h>
#include <stdio.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

enum { SIDE = 12, BATCH = 16, STEPS = 60, CLASSES = 3 };

static rn_value block(rn_graph *g, rn_value x, const char *name, int channels, int stride)
{
    rn_value shortcut = x, y;

    rn_graph_enter(g, name);
    y = rn_conv2d(g, x, "conv1", channels, 3, RN_OPTIONS(rn_conv2d, .stride = stride, .padding = 1));
    y = rn_relu(g, rn_batch_norm2d(g, y, "bn1", NULL), NULL);
    y = rn_conv2d(g, y, "conv2", channels, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    y = rn_batch_norm2d(g, y, "bn2", NULL);
    if (stride != 1 || rn_value_channels(g, x) != channels)
        shortcut = rn_conv2d(g, x, "downsample", channels, 1, RN_OPTIONS(rn_conv2d, .stride = stride));
    return rn_graph_leave(g, rn_relu(g, rn_add(g, y, shortcut, NULL), NULL));
}

static rn_status make_network(rn_model **model, rn_context *context)
{
    rn_graph *g;
    rn_status status = rn_graph_create(&g, context);
    rn_value x;

    if (status != RN_OK)
        return status;
    x = rn_graph_input(g, "images", 3, SIDE, SIDE, NULL);
    x = block(g, block(g, x, "block1", 8, 1), "block2", 16, 2);
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL);
    rn_graph_output(g, "logits", rn_linear(g, x, "fc", CLASSES, NULL));
    rn_graph_head(g, "fc");
    status = rn_model_build(model, g, "stripes", NULL); /* gives the first error of the calls above */
    rn_graph_destroy(g);
    return status;
}

/* Stripes along rows, columns or a diagonal, at several places and under noise. */
static void draw_batch(float *pixels, int64_t *labels, uint32_t *state)
{
    for (int i = 0; i < BATCH * 3 * SIDE * SIDE; i++) { /* pixel i is (n, c, y, x) in row-major order */
        const int n = i / (3 * SIDE * SIDE), y = i / SIDE % SIDE, x = i % SIDE, label = n % CLASSES;
        const int along = label == 0 ? y : label == 1 ? x : x + y, shift = n * n % 4;

        labels[n] = label;
        *state = *state * 1664525u + 1013904223u;
        pixels[i] = (float)((along + shift) / 2 % 2) - 0.5f + (float)(*state >> 8) / 16777216.0f - 0.5f;
    }
}

static int count_right(const float *logits, const int64_t *labels)
{
    int right = 0;

    for (int n = 0; n < BATCH; n++) {
        int best = 0;

        for (int c = 1; c < CLASSES; c++)
            best = logits[n * CLASSES + c] > logits[n * CLASSES + best] ? c : best;
        right += best == labels[n];
    }
    return right;
}

int main(void)
{
    static float pixels[BATCH * 3 * SIDE * SIDE], logits[BATCH * CLASSES];
    int64_t labels[BATCH];
    const int64_t shape[] = { BATCH, 3, SIDE, SIDE };
    rn_context *context = NULL;
    rn_model *model = NULL;
    rn_session *training = NULL, *inference = NULL;
    rn_optimizer *adam = NULL;
    rn_tensor *images = NULL, *targets = NULL;
    const rn_tensor *output;
    uint32_t state = 1;
    double loss = 0;
    int right = 0;
    rn_status status;

    TRY(rn_context_create(&context, NULL));
    TRY(make_network(&model, context));
    TRY(rn_tensor_wrap(&images, context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR, pixels, sizeof pixels));
    TRY(rn_tensor_wrap(&targets, context, RN_INT64, 1, shape, RN_ROW_MAJOR, labels, sizeof labels));
    TRY(rn_session_create(&training, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    TRY(rn_session_create(&inference, context, model, NULL));
    TRY(rn_adam_create(&adam, rn_model_parameters(model), RN_OPTIONS(rn_adam, .lr = 1e-2)));

    for (int step = 0; step < STEPS; step++) {
        draw_batch(pixels, labels, &state);
        TRY(rn_session_forward(training, images));
        TRY(rn_cross_entropy(&loss, training, targets, NULL));
        TRY(rn_session_backward(training));
        TRY(rn_optimizer_step(adam));
        if (step % 10 == 0)
            printf("step %2d  loss %.4f\n", step, loss);
    }
    draw_batch(pixels, labels, &state); /* stripes it has not seen */
    TRY(rn_session_forward(inference, images));
    TRY(rn_session_output(&output, inference, 0));
    TRY(rn_tensor_read(output, RN_FLOAT32, logits, sizeof logits));
    right = count_right(logits, labels);
    printf("%d of %d new pictures right\n", right, BATCH);
out:
    if (status != RN_OK)
        fprintf(stderr, "%s: %s\n", rn_status_string(status), rn_context_message(context));
    rn_tensor_destroy(targets);
    rn_tensor_destroy(images);
    rn_optimizer_destroy(adam);
    rn_session_destroy(inference);
    rn_session_destroy(training);
    rn_model_destroy(model);
    rn_context_destroy(context);
    if (fflush(stdout) != 0) {
        perror("standard output");
        return 1;
    }
    return status != RN_OK || right < BATCH - 1;
}
