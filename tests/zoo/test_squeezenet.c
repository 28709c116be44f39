/* SPDX-License-Identifier: MIT */
/* The structure of SqueezeNet 1.0. Its state dict: test_catalogue.c. */
#include "support/support.h"
#include "zoo/zoo.h"

static const rn_layer *layer(const rn_model *model, const char *name)
{
    const int32_t index = rn_model_find_value(model, name);

    if (index < 0)
        fail_msg("no value %s", name);
    return &model->graph->layer[index];
}

static void maps_have_the_sizes_of_torchvision(void **state)
{
    static const struct {
        const char *name;
        int64_t c, h;
    } known[] = { { "features.0", 96, 109 }, { "features.3", 128, 54 },    { "features.5", 256, 54 },
                  { "features.7", 256, 27 }, { "features.10", 512, 27 },   { "features.12", 512, 13 },
                  { "features", 512, 13 },   { "classifier.1", 1000, 13 }, { "classifier", 1000, 1 },
                  { "logits", 1000, 1 } };
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *model = NULL;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", NULL));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const rn_value_shape shape = layer(model, known[i].name)->shape;

        assert_true(shape.c == known[i].c && shape.h == known[i].h && shape.w == known[i].h);
    }
    assert_true(layer(model, "logits")->shape.flat);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void the_head_is_the_classifier_with_its_dropout(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *model = NULL;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", RN_OPTIONS(rn_model, .class_count = 102)));
    require_ok(context, rn_model_freeze_backbone(model));
    assert_int_equal(rn_parameters_elements(rn_model_parameters(model), 1), 512 * 102 + 102);
    assert_int_equal(layer(model, "classifier.0")->kind, RN_LAYER_DROPOUT);
    assert_true(layer(model, "classifier.0")->as.dropout.probability == 0.5);
    assert_false(layer(model, "classifier.0")->frozen);
    assert_int_equal(layer(model, "classifier.1")->init, RN_INIT_DEFAULT);
    assert_int_equal(layer(model, "features.5.squeeze")->init, RN_INIT_KAIMING_UNIFORM);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void fires_join_their_two_halves_in_order(void **state)
{
    rn_context *context = rn_test_context(0, RN_ISA_AUTO);
    rn_model *model = NULL;
    const rn_layer *joined;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", NULL));
    joined = layer(model, "features.9");
    assert_int_equal(joined->kind, RN_LAYER_CONCAT);
    assert_int_equal(model->graph->layer[joined->inputs[0]].inputs[0],
                     rn_model_find_value(model, "features.9.expand1x1"));
    assert_int_equal(model->graph->layer[joined->inputs[1]].inputs[0],
                     rn_model_find_value(model, "features.9.expand3x3"));
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_have_the_sizes_of_torchvision),
        cmocka_unit_test(the_head_is_the_classifier_with_its_dropout),
        cmocka_unit_test(fires_join_their_two_halves_in_order),
    };

    return cmocka_run_group_tests_name("zoo/squeezenet", tests, NULL, NULL);
}
