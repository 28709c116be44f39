/* SPDX-License-Identifier: MIT */
/*
 * The structure of torchvision's ResNets: strides, shortcuts, initialisation, names of values. State dicts:
 * test_catalogue.c.
 */
#include "support/support.h"
#include "zoo/zoo.h"

static rn_model *create(rn_context *context, const char *name, const rn_model_options *options)
{
    rn_model *model = NULL;

    require_ok(context, rn_model_create(&model, context, name, options));
    return model;
}

static const rn_layer *layer(const rn_model *model, const char *name)
{
    const int32_t index = rn_model_find_value(model, name);

    if (index < 0)
        fail_msg("no value %s", name);
    return &model->graph->layer[index];
}

static void require_map(const rn_model *model, const char *name, int64_t c, int64_t h, int64_t w)
{
    const rn_value_shape shape = layer(model, name)->shape;

    assert_true(shape.c == c && shape.h == h && shape.w == w);
}

static void stages_halve_the_picture_and_double_the_channels(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *basic = create(context, "resnet18", NULL),
             *deep = create(context, "resnet50", RN_OPTIONS(rn_model, .height = 224, .width = 160));

    (void)state;
    require_map(basic, "conv1", 64, 112, 112);
    require_map(basic, "layer1", 64, 56, 56);
    require_map(basic, "layer2", 128, 28, 28);
    require_map(basic, "layer3", 256, 14, 14);
    require_map(basic, "layer4", 512, 7, 7);
    require_map(basic, "layer4.0", 512, 7, 7);
    require_map(basic, "logits", 1000, 1, 1);
    require_map(deep, "layer1", 256, 56, 40);
    require_map(deep, "layer4", 2048, 7, 5);
    require_map(deep, "layer4.2", 2048, 7, 5);
    assert_int_equal(layer(basic, "layer4")->kind, RN_LAYER_RELU);
    assert_int_equal(rn_model_find_value(basic, "layer4"), rn_model_find_value(basic, "layer4.1"));
    assert_int_equal(layer(basic, "logits")->kind, RN_LAYER_LINEAR);
    assert_string_equal(basic->graph->head[0], "fc");
    rn_model_destroy(basic);
    rn_model_destroy(deep);
    rn_context_destroy(context);
}

static void strides_are_those_of_version_one_and_a_half(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *basic = create(context, "resnet18", NULL), *deep = create(context, "resnet50", NULL);

    (void)state;
    assert_int_equal(layer(basic, "layer2.0.conv1")->as.conv.stride_h, 2);
    assert_int_equal(layer(basic, "layer2.0.conv2")->as.conv.stride_h, 1);
    assert_int_equal(layer(basic, "layer1.0.conv1")->as.conv.stride_h, 1);
    assert_int_equal(layer(deep, "layer2.0.conv1")->as.conv.stride_h, 1);
    assert_int_equal(layer(deep, "layer2.0.conv2")->as.conv.stride_h, 2);
    assert_int_equal(layer(deep, "layer2.0.conv3")->as.conv.stride_h, 1);
    assert_int_equal(layer(deep, "layer2.0.downsample.0")->as.conv.stride_h, 2);
    assert_int_equal(layer(deep, "layer1.0.downsample.0")->as.conv.stride_h, 1);
    assert_int_equal(rn_model_find_value(basic, "layer1.0.downsample.0"), -1);
    assert_int_equal(rn_model_find_value(deep, "layer2.1.downsample.0"), -1);
    rn_model_destroy(basic);
    rn_model_destroy(deep);
    rn_context_destroy(context);
}

static void blocks_add_the_shortcut_after_the_last_batch_norm(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *model = create(context, "resnet18", NULL);
    const rn_layer *plain = &model->graph->layer[layer(model, "layer1.1")->inputs[0]];
    const rn_layer *wide = &model->graph->layer[layer(model, "layer2.0")->inputs[0]];

    (void)state;
    assert_int_equal(plain->kind, RN_LAYER_ADD);
    assert_int_equal(plain->inputs[0], rn_model_find_value(model, "layer1.1.bn2"));
    assert_int_equal(plain->inputs[1], rn_model_find_value(model, "layer1.0"));
    assert_int_equal(wide->inputs[0], rn_model_find_value(model, "layer2.0.bn2"));
    assert_int_equal(wide->inputs[1], rn_model_find_value(model, "layer2.0.downsample.1"));
    assert_int_equal(layer(model, "layer2.0.downsample.0")->inputs[0], rn_model_find_value(model, "layer1"));
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void weights_begin_as_in_torchvision(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *model = create(context, "resnet18", NULL);

    (void)state;
    for (int32_t i = 0; i < model->graph->count; i++) {
        const rn_layer *l = &model->graph->layer[i];

        if (l->kind == RN_LAYER_CONV2D)
            assert_int_equal(l->init, RN_INIT_KAIMING_FAN_OUT);
        else if (l->kind == RN_LAYER_LINEAR)
            assert_int_equal(l->init, RN_INIT_DEFAULT);
        else if (l->kind == RN_LAYER_BATCH_NORM2D) /* zero_init_residual=False */
            assert_true(rn_parameters_floats(model->graph->parameters, (size_t)l->weight)[0] == 1);
    }
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_halve_the_picture_and_double_the_channels),
        cmocka_unit_test(strides_are_those_of_version_one_and_a_half),
        cmocka_unit_test(blocks_add_the_shortcut_after_the_last_batch_norm),
        cmocka_unit_test(weights_begin_as_in_torchvision),
    };

    return cmocka_run_group_tests_name("zoo/resnet", tests, NULL, NULL);
}
