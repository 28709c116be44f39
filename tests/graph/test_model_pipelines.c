/* SPDX-License-Identifier: MIT */
/* Named pairs of pipelines on a model: its input's size, its own means, both or neither. */
#include "graph/graph.h"
#include "support/one_context.h"

static rn_model *make_model(rn_context *with, int64_t channels, int64_t height, int64_t width)
{
    rn_graph *graph;
    rn_model *model;
    rn_value x;

    require_ok(with, rn_graph_create(&graph, with));
    x = rn_adaptive_avg_pool2d(graph, rn_graph_input(graph, "images", channels, height, width, NULL), 1, 1, NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, rn_flatten(graph, x, NULL), "fc", 2, NULL));
    require_ok(with, rn_model_build(&model, graph, "mine", NULL));
    rn_graph_destroy(graph);
    return model;
}

static void require_texts(const rn_model *model, const char *training, const char *validation)
{
    assert_string_equal(rn_pipeline_text(rn_model_training_pipeline(model)), training);
    assert_string_equal(rn_pipeline_text(rn_model_pipeline(model)), validation);
}

static void a_preset_fits_the_model(void **state)
{
    rn_model *const model = make_model(context, 3, 28, 28);

    (void)state;
    require_ok(context, rn_model_set_preset(model, "light"));
    require_texts(model,
                  "RandomResizedCrop(28, scale 0.5 1), RandomHorizontalFlip(0.5), ToTensor(), "
                  "Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)",
                  "Resize(32), CenterCrop(28), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)");
    require_ok(context, rn_model_set_pipeline(model, "ToTensor(), Normalize(0.1 0.2 0.3, 1 2 3)"));
    require_ok(context, rn_model_set_preset(model, "cifar"));
    require_texts(model,
                  "RandomCrop(28, padding 3), RandomHorizontalFlip(0.5), ToTensor(), Normalize(0.1 0.2 0.3, 1 2 3)",
                  "ToTensor(), Normalize(0.1 0.2 0.3, 1 2 3)");
    rn_model_destroy(model);
}

static void a_refusal_changes_nothing(void **state)
{
    rn_model *const model = make_model(context, 3, 28, 30), *const grey = make_model(context, 1, 28, 28);

    (void)state;
    require_ok(context, rn_model_set_preset(model, "none"));
    require_status(context, rn_model_set_preset(model, "light"), RN_UNSUPPORTED);
    require_status(context, rn_model_set_preset(model, "dark"), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_set_preset(model, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_set_preset(NULL, "none"), RN_INVALID_ARGUMENT);
    require_texts(model, "Resize(34), CenterCrop(28, 30), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)",
                  "Resize(34), CenterCrop(28, 30), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)");
    require_status(context, rn_model_set_preset(grey, "none"), RN_SHAPE);
    assert_null(rn_model_pipeline(grey));
    assert_null(rn_model_training_pipeline(grey));
    rn_model_destroy(model);
    rn_model_destroy(grey);
}

/* What was made in vain stays with the model until it goes, but is not used. */
static void without_memory_both_stay(void **state)
{
    rn_test_allocator allocator;
    rn_context *const with = rn_test_allocator_context(&allocator, 1);
    rn_model *const model = make_model(with, 3, 28, 28);
    rn_status status = RN_NO_MEMORY;
    long failed = 0;

    (void)state;
    for (; status != RN_OK; failed++) {
        assert_true(status == RN_NO_MEMORY);
        assert_null(rn_model_pipeline(model));
        assert_null(rn_model_training_pipeline(model));
        allocator.calls = 0;
        allocator.fail_at = failed;
        status = rn_model_set_preset(model, "tutorial");
    }
    assert_true(failed > 8);
    assert_non_null(rn_model_pipeline(model));
    allocator.fail_at = -1;
    rn_model_destroy(model);
    rn_context_destroy(with);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preset_fits_the_model),
        cmocka_unit_test(a_refusal_changes_nothing),
        cmocka_unit_test(without_memory_both_stay),
    };

    return cmocka_run_group_tests_name("graph/model_pipelines", tests, make_context, drop_context);
}
