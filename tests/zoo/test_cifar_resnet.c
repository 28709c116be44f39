/* SPDX-License-Identifier: MIT */
/* The structure of the CIFAR networks. State dicts: test_catalogue.c. */
#include "support/support.h"
#include "zoo/zoo.h"

static int32_t count_kind(const rn_model *model, rn_layer_kind kind)
{
    int32_t count = 0;

    for (int32_t i = 0; i < model->graph->count; i++)
        count += model->graph->layer[i].kind == kind;
    return count;
}

static void depths_count_their_layers_with_weights(void **state)
{
    static const struct {
        const char *name;
        int32_t depth;
    } known[] = { { "cifar_resnet20", 20 },
                  { "cifar_resnet32", 32 },
                  { "cifar_resnet44", 44 },
                  { "cifar_resnet56", 56 },
                  { "cifar_resnet110", 110 } };
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rn_model *model = NULL;

        require_ok(context, rn_model_create(&model, context, known[i].name, NULL));
        assert_int_equal(count_kind(model, RN_LAYER_CONV2D) + count_kind(model, RN_LAYER_LINEAR), known[i].depth);
        assert_int_equal(count_kind(model, RN_LAYER_SHORTCUT_A), 2);
        assert_int_equal(count_kind(model, RN_LAYER_ADD), (known[i].depth - 2) / 2);
        assert_int_equal(rn_model_class_count(model), 10);
        rn_model_destroy(model);
    }
    rn_context_destroy(context);
}

static void shortcuts_take_every_second_pixel(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *model = NULL;
    const rn_layer *layers, *sum, *shortcut;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", NULL));
    layers = model->graph->layer;
    sum = &layers[layers[rn_model_find_value(model, "layer2.0")].inputs[0]];
    assert_int_equal(sum->kind, RN_LAYER_ADD);
    assert_int_equal(sum->inputs[0], rn_model_find_value(model, "layer2.0.bn2"));
    shortcut = &layers[sum->inputs[1]];
    assert_int_equal(shortcut->kind, RN_LAYER_SHORTCUT_A);
    assert_int_equal(shortcut->as.shortcut.stride, 2);
    assert_true(shortcut->shape.c == 32 && shortcut->shape.h == 16 && shortcut->shape.w == 16);
    assert_int_equal(shortcut->inputs[0], rn_model_find_value(model, "layer1"));
    assert_int_equal(layers[rn_model_find_value(model, "layer3")].shape.h, 8);
    assert_string_equal(model->graph->head[0], "linear");
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_count_their_layers_with_weights),
        cmocka_unit_test(shortcuts_take_every_second_pixel),
    };

    return cmocka_run_group_tests_name("zoo/cifar_resnet", tests, NULL, NULL);
}
