/* SPDX-License-Identifier: MIT */
/* Shape rules against torch.nn's (the expected sizes were read off PyTorch's layers). */
#include "graph/graph.h"
#include "support/support.h"

static char conv_name[] = "part.conv";

static rn_layer conv_layer(int32_t kernel_h, int32_t kernel_w, int32_t stride, int32_t padding_h, int32_t padding_w)
{
    rn_layer layer = {
        .kind = RN_LAYER_CONV2D, .name = conv_name, .input_count = 1, .shape = { 5, 0, 0, false }, .in_channels = 3
    };

    layer.as.conv.kernel_h = kernel_h;
    layer.as.conv.kernel_w = kernel_w;
    layer.as.conv.stride_h = layer.as.conv.stride_w = stride;
    layer.as.conv.padding_h = padding_h;
    layer.as.conv.padding_w = padding_w;
    layer.as.conv.groups = layer.as.conv.dilation = 1;
    return layer;
}

static rn_layer pool_layer(rn_layer_kind kind, int32_t kernel, int32_t stride, int32_t padding, bool ceil_mode)
{
    rn_layer layer = { .kind = kind, .name = (char *)"it", .input_count = 1 };

    layer.as.pool.kernel = kernel;
    layer.as.pool.stride = stride;
    layer.as.pool.padding = padding;
    layer.as.pool.ceil_mode = ceil_mode;
    return layer;
}

static void require_shape(const rn_layer *layer, const rn_value_shape *inputs, int64_t c, int64_t h, int64_t w,
                          bool flat)
{
    rn_value_shape shape = { -1, -1, -1, false };
    rn_message message = { "" };

    if (rn_layer_shape(&shape, layer, inputs, &message) != RN_OK)
        fail_msg("refused: %s", message.text);
    assert_int_equal(shape.c, c);
    assert_int_equal(shape.h, h);
    assert_int_equal(shape.w, w);
    assert_int_equal(shape.flat, flat);
}

static void require_refusal(const rn_layer *layer, const rn_value_shape *inputs, const char *words)
{
    rn_value_shape shape = { -1, -1, -1, false };
    rn_message message = { "" };

    assert_int_equal(rn_layer_shape(&shape, layer, inputs, &message), RN_SHAPE);
    assert_int_equal(shape.c, -1);
    if (strstr(message.text, words) == NULL)
        fail_msg("the message '%s' lacks '%s'", message.text, words);
}

static void convolutions_round_down(void **state)
{
    static const struct {
        int64_t h, w;
        int32_t kernel_h, kernel_w, stride, padding_h, padding_w;
        int64_t out_h, out_w;
    } known[] = {
        { 224, 224, 7, 7, 2, 3, 3, 112, 112 }, { 56, 55, 3, 3, 1, 1, 1, 56, 55 }, { 56, 55, 3, 3, 2, 1, 1, 28, 28 },
        { 57, 7, 1, 7, 1, 0, 3, 57, 7 },       { 7, 57, 7, 1, 3, 3, 0, 3, 19 },   { 3, 3, 3, 3, 1, 0, 0, 1, 1 },
        { 5, 5, 1, 1, 2, 0, 0, 3, 3 },         { 1, 1, 3, 3, 1, 1, 1, 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const rn_layer layer =
            conv_layer(known[i].kernel_h, known[i].kernel_w, known[i].stride, known[i].padding_h, known[i].padding_w);
        const rn_value_shape input = { 3, known[i].h, known[i].w, false };

        require_shape(&layer, &input, 5, known[i].out_h, known[i].out_w, false);
    }
}

static void pools_round_down_or_up(void **state)
{
    static const struct {
        int64_t in;
        int32_t kernel, stride, padding;
        bool ceil_mode;
        int64_t out;
    } known[] = {
        { 112, 3, 2, 1, false, 56 }, { 109, 3, 2, 0, true, 54 }, { 110, 3, 2, 0, true, 55 }, { 54, 3, 2, 0, true, 27 },
        { 27, 3, 2, 0, true, 13 },   { 7, 2, 2, 0, false, 3 },   { 7, 2, 2, 0, true, 4 },    { 5, 2, 3, 1, true, 2 },
        { 2, 3, 2, 0, true, 1 },     { 6, 2, 3, 1, true, 3 },    { 4, 3, 3, 1, true, 2 },    { 1, 1, 1, 0, false, 1 },
        { 3, 2, 5, 1, true, 1 },     { 9, 2, 4, 1, true, 3 },    { 8, 2, 4, 0, true, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const rn_layer layer =
            pool_layer(RN_LAYER_MAX_POOL2D, known[i].kernel, known[i].stride, known[i].padding, known[i].ceil_mode);
        const rn_value_shape input = { 8, known[i].in, known[i].in, false };

        require_shape(&layer, &input, 8, known[i].out, known[i].out, false);
    }
}

static void other_layers_follow_their_definitions(void **state)
{
    const rn_value_shape map = { 16, 7, 9, false }, flat = { 1008, 1, 1, true };
    const rn_value_shape three[] = { { 16, 7, 9, false }, { 1, 7, 9, false }, { 5, 7, 9, false } };
    const rn_value_shape twice[] = { { 16, 7, 9, false }, { 16, 7, 9, false } };
    rn_layer layer = { .kind = RN_LAYER_FLATTEN, .input_count = 1 };

    (void)state;
    require_shape(&layer, &map, 1008, 1, 1, true);
    require_shape(&layer, &flat, 1008, 1, 1, true);
    layer = (rn_layer){ .name = (char *)"it",
                        .kind = RN_LAYER_LINEAR,
                        .input_count = 1,
                        .shape = { 10, 0, 0, false },
                        .in_channels = 1008 };
    require_shape(&layer, &flat, 10, 1, 1, true);
    layer = (rn_layer){
        .name = (char *)"it", .kind = RN_LAYER_ADAPTIVE_AVG_POOL2D, .input_count = 1, .shape = { 0, 3, 12, false }
    };
    require_shape(&layer, &map, 16, 3, 12, false);
    layer = (rn_layer){ .name = (char *)"it",
                        .kind = RN_LAYER_SHORTCUT_A,
                        .input_count = 1,
                        .shape = { 32, 0, 0, false },
                        .as.shortcut = { 2 } };
    require_shape(&layer, &map, 32, 4, 5, false);
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_CONCAT, .input_count = 3 };
    require_shape(&layer, three, 22, 7, 9, false);
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_ADD, .input_count = 2 };
    require_shape(&layer, twice, 16, 7, 9, false);
    for (int i = 0; i < 3; i++) {
        layer = (rn_layer){ .name = (char *)"it",
                            .kind = (rn_layer_kind[]){ RN_LAYER_RELU, RN_LAYER_DROPOUT, RN_LAYER_BATCH_NORM2D }[i],
                            .input_count = 1 };
        require_shape(&layer, &map, 16, 7, 9, false);
    }
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_LOG_SOFTMAX, .input_count = 1 };
    require_shape(&layer, &flat, 1008, 1, 1, true);
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_INPUT, .shape = { 3, 8, 9, false } };
    require_shape(&layer, NULL, 3, 8, 9, false);
}

static void what_does_not_fit_is_refused_by_name(void **state)
{
    const rn_value_shape small = { 3, 2, 2, false }, flat = { 3, 1, 1, true }, four = { 4, 8, 8, false },
                         huge = { 3, 1 << 24, 1 << 24, false };
    const rn_value_shape unequal[] = { { 3, 4, 4, false }, { 3, 4, 5, false } },
                         mixed[] = { { 3, 1, 1, false }, { 3, 1, 1, true } };
    rn_layer layer = conv_layer(3, 3, 1, 0, 0);

    (void)state;
    require_refusal(&layer, &small, "conv2d part.conv: input (3, 2, 2) is smaller than the kernel");
    require_refusal(&layer, &flat, "(3 features) is no picture");
    require_refusal(&layer, &four, "(4, 8, 8) has another number of channels");
    require_refusal(&layer, &huge, "too large");
    layer = conv_layer(3, 3, 1, INT32_MAX, INT32_MAX);
    require_refusal(&layer, &small, "too large");
    layer = pool_layer(RN_LAYER_AVG_POOL2D, 3, 2, 0, false);
    require_refusal(&layer, &small, "avg_pool2d it: input (3, 2, 2) is smaller than the window");
    layer = pool_layer(RN_LAYER_AVG_POOL2D, 5, 2, 0, true);
    require_refusal(&layer, &small, "avg_pool2d");
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_ADD, .input_count = 2 };
    require_refusal(&layer, unequal, "add it: shapes (3, 4, 4) and (3, 4, 5) differ");
    require_refusal(&layer, mixed, "(3 features)");
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_CONCAT, .input_count = 2 };
    require_refusal(&layer, unequal, "concat");
    require_refusal(&layer, mixed, "concat");
    layer = (rn_layer){
        .name = (char *)"it", .kind = RN_LAYER_LINEAR, .input_count = 1, .shape = { 10, 0, 0, false }, .in_channels = 12
    };
    require_refusal(&layer, &small, "rn_flatten");
    require_refusal(&layer, &flat, "another number");
    layer = (rn_layer){ .name = (char *)"it",
                        .kind = RN_LAYER_SHORTCUT_A,
                        .input_count = 1,
                        .shape = { 2, 0, 0, false },
                        .as.shortcut = { 1 } };
    require_refusal(&layer, &small, "shortcut_a");
    layer.shape.c = 4;
    require_refusal(&layer, &small, "halved");
    layer = (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_FLATTEN, .input_count = 1 };
    require_refusal(&layer, &huge, "too large");
    layer =
        (rn_layer){ .name = (char *)"it", .kind = RN_LAYER_INPUT, .shape = { INT64_MAX, INT64_MAX, INT64_MAX, false } };
    require_refusal(&layer, NULL, "too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_round_down),
        cmocka_unit_test(pools_round_down_or_up),
        cmocka_unit_test(other_layers_follow_their_definitions),
        cmocka_unit_test(what_does_not_fit_is_refused_by_name),
    };

    return cmocka_run_group_tests_name("graph/shape", tests, NULL, NULL);
}
