/* SPDX-License-Identifier: MIT */
/* A head of another name or form, and numbers for words: what may be taken for what is never guessed in silence. */
#include "store/networks.h"

/* ---- a head in a Sequential -------------------------------------------------------------------------------------- */

static void the_one_layer_of_a_sequential_is_the_head(void **state)
{
    static const char *const layers[] = { "fc.0.", "fc.1.", "fc.out.linear.", "fc.module.0." };

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const other_name head[] = { { "fc.", layers[i] }, { NULL, NULL } };
        rn_checkpoint *const file = file_of("state_dict.", head);
        rn_model *const model = make_network(2);
        rn_load_report *report = NULL;
        char renamed[64];

        heard[0] = '\0';
        require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
        assert_int_equal(count_loaded(model, 100), ENTRIES);
        snprintf(renamed, sizeof renamed, "state_dict.%sweight as fc.weight", layers[i]);
        assert_int_equal(rn_load_report_count(report, RN_LOAD_RENAMED), 2);
        assert_string_equal(rn_load_report_name(report, RN_LOAD_RENAMED, 0), renamed);
        snprintf(renamed, sizeof renamed, "1 the checkpoint: taken: '%.*s' as 'fc'", (int)strlen(layers[i]) - 1,
                 layers[i]);
        require_words(heard, renamed);
        rn_load_report_destroy(report);
        rn_model_destroy(model);
        require_load(file, RN_OPTIONS(rn_load, .prefix = "state_dict"), ENTRIES);
    }
}

static void a_head_of_several_layers_is_not_the_networks(void **state)
{
    static const other_name head[] = { { "fc.", "fc.2." }, { NULL, NULL } };
    rn_checkpoint *file = file_of("", head);

    (void)state;
    add_zeros(file, "fc.0.weight", 2, (const int64_t[]){ 2, 2 });
    require_refusal(file, NULL, RN_SHAPE, "all but the head 'fc' fits, which is another one there");
    require_words(rn_context_message(context), "RN_HEAD_SKIP");
    for (int32_t policy = RN_HEAD_SKIP_IF_SIZE_DIFFERS; policy <= RN_HEAD_SKIP; policy++) {
        rn_load_report *report = NULL;
        rn_model *const model = make_network(2);

        file = file_of("", head);
        add_zeros(file, "fc.0.weight", 2, (const int64_t[]){ 2, 2 });
        require_ok(context,
                   rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = policy, .report = &report)));
        assert_int_equal(count_loaded(model, 100), BACKBONE_ENTRIES);
        assert_int_equal(rn_load_report_head_skipped(report), 1);
        assert_int_equal(rn_load_report_count(report, RN_LOAD_KEPT), 2);
        assert_int_equal(rn_load_report_count(report, RN_LOAD_LEFT_OUT), 3);
        rn_load_report_destroy(report);
        rn_model_destroy(model);
        rn_checkpoint_destroy(file);
    }
    /* a parameter that a linear layer does not have */
    file = file_of("", (const other_name[]){ { "fc.", "fc.0." }, { NULL, NULL } });
    add_zeros(file, "fc.0.weight_g", 1, (const int64_t[]){ 2 });
    require_refusal(file, NULL, RN_SHAPE, "all but the head");
}

static void a_sequential_head_of_another_size_is_skipped_like_any(void **state)
{
    static const other_name head[] = { { "fc.", NULL }, { NULL, NULL } };
    rn_checkpoint *file = file_of("", head);

    (void)state;
    add_zeros(file, "fc.0.weight", 2, (const int64_t[]){ 102, 2 });
    add_zeros(file, "fc.0.bias", 1, (const int64_t[]){ 102 });
    require_load(file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS), BACKBONE_ENTRIES);
    file = file_of("", head);
    add_zeros(file, "fc.0.weight", 2, (const int64_t[]){ 102, 2 });
    add_zeros(file, "fc.0.bias", 1, (const int64_t[]){ 102 });
    require_refusal(file, NULL, RN_SHAPE, "fc.weight (102, 2) in the file, (2, 2) in the model");
}

/* ---- a head of another name, or none ----------------------------------------------------------------------------- */

static void a_head_of_another_name_is_named(void **state)
{
    static const char *const names[] = { "last_linear", "classifier", "linear", "head.layers.0" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char renamed[64], words[128];
        const other_name head[] = { { "fc.", renamed }, { NULL, NULL } };
        const rn_rename rename = { names[i], "fc" };
        rn_checkpoint *file;

        snprintf(renamed, sizeof renamed, "%s.", names[i]);
        snprintf(words, sizeof words, "all but the head 'fc' fits, and '%s' (2, 2) looks like it", names[i]);
        require_refusal(file_of("", head), NULL, RN_SHAPE, words);
        require_words(rn_context_message(context), "rename it to 'fc'");
        require_refusal(file_of("", head), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS), RN_SHAPE, words);
        /* what the sentence says works */
        require_load(file_of("", head), RN_OPTIONS(rn_load, .rename = &rename, .rename_count = 1), ENTRIES);
        require_load(file_of("", head), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), BACKBONE_ENTRIES);
        /* another size */
        file = file_of("", (const other_name[]){ { "fc.", NULL }, { NULL, NULL } });
        snprintf(renamed, sizeof renamed, "%s.weight", names[i]);
        add_zeros(file, renamed, 2, (const int64_t[]){ 102, 2 });
        snprintf(words, sizeof words, "and '%s' (102, 2) stands in its place", names[i]);
        require_refusal(file, NULL, RN_SHAPE, words);
    }
}

static void a_head_beside_the_network_is_named(void **state)
{
    static const other_name head[] = { { "^", "backbone." }, { "backbone.fc.", "classifier." }, { NULL, NULL } };
    const rn_rename rename = { "classifier", "backbone.fc" };

    (void)state;
    require_refusal(file_of("", head), NULL, RN_SHAPE,
                    "'classifier' (2, 2) looks like it: rn_load_options.rename it to 'backbone.fc'");
    require_load(file_of("", head), RN_OPTIONS(rn_load, .rename = &rename, .rename_count = 1), ENTRIES);
}

static void no_head_is_said(void **state)
{
    static const other_name none[] = { { "fc.", NULL }, { NULL, NULL } };

    (void)state;
    require_refusal(file_of("", none), NULL, RN_SHAPE, "all but the head 'fc' fits, and there is none in the file");
    require_refusal(file_of("", none), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS), RN_SHAPE,
                    "there is none in the file");
    require_load(file_of("", none), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), BACKBONE_ENTRIES);
}

/* A head that is skipped excuses nothing else. */
static void only_the_head_is_passed_over(void **state)
{
    static const other_name head[] = { { "fc.", "last_linear." }, { NULL, NULL } };
    static const other_name torn[] = { { "fc.", "last_linear." }, { "bn1.bias", NULL }, { NULL, NULL } };
    rn_checkpoint *file = file_of("", head);

    (void)state;
    add_zeros(file, "layer1.1.conv1.weight", 2, (const int64_t[]){ 2, 2 });
    require_refusal(file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), RN_SHAPE, "surplus: layer1.1.conv1.weight");
    require_refusal(file_of("", torn), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), RN_SHAPE,
                    "surplus: last_linear.weight");
    file = file_of("", NULL); /* it has the head under its own name */
    add_zeros(file, "queue.weight", 2, (const int64_t[]){ 2, 2 });
    require_refusal(file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), RN_SHAPE, "surplus: queue.weight");
    require_words(rn_context_message(context), "the whole network is there; rn_load_options.allow_surplus");
}

/* vgg16: the head is classifier.6, and people replace all of the classifier. */
static void several_layers_before_the_head_may_be_replaced(void **state)
{
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_checkpoint *const file = make_file();
    const rn_rename rename = { "classifier", NULL };
    rn_value x;

    (void)state;
    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "features.0", 4, 8, NULL);
    x = rn_linear(graph, rn_flatten(graph, x, NULL), "classifier.0", 3, NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "classifier.6", 2, NULL));
    rn_graph_head(graph, "classifier.6");
    require_ok(context, rn_model_build(&model, graph, "tall", NULL));
    rn_graph_destroy(graph);
    put_network(file, model, "", (const other_name[]){ { "classifier", NULL }, { NULL, NULL } }, 100);
    add_zeros(file, "classifier.0.weight", 2, (const int64_t[]){ 7, 4 });
    add_zeros(file, "classifier.output.weight", 2, (const int64_t[]){ 2, 7 });
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    require_words(rn_context_message(context),
                  "all but 'classifier' fits: rn_load_options.rename 'classifier' to NULL");
    require_ok(context,
               rn_model_load_checkpoint(model, file,
                                        RN_OPTIONS(rn_load, .rename = &rename, .rename_count = 1, .allow_missing = 1)));
    assert_true(count_loaded(model, 100) > 0);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

/* ---- numbers for words ------------------------------------------------------------------------------------------- */

/* torch.nn.Sequential(*list(network.children())[:-1]); ReLU and another child have numbers and no parameters. */
#define NUMBERED \
    { "^conv1", "0" }, { "^bn1", "1" }, { "^layer1", "4" }, \
    { \
        "^layer2", "10" \
    }
static const other_name numbered[] = { NUMBERED, { "^fc", NULL }, { NULL, NULL } };
static const other_name numbered_whole[] = { NUMBERED, { "^fc", "12" }, { NULL, NULL } };

static void numbers_are_taken_in_the_order_of_children(void **state)
{
    rn_checkpoint *const file = file_of("", numbered_whole);
    rn_model *const model = make_network(2);
    rn_load_report *report = NULL;

    (void)state;
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
    assert_int_equal(count_loaded(model, 100), ENTRIES);
    assert_int_equal(rn_load_report_count(report, RN_LOAD_RENAMED), ENTRIES);
    assert_string_equal(rn_load_report_name(report, RN_LOAD_RENAMED, 0), "0.weight as conv1.weight");
    require_words(heard, "0 the checkpoint: its names have numbers for words");
    require_words(heard, "'4' as 'layer1', '10' as 'layer2', '12' as 'fc'");
    rn_load_report_destroy(report);
    rn_model_destroy(model);
    rn_checkpoint_destroy(file);
    require_load(file_of("model.features.", numbered_whole), NULL, ENTRIES);
    require_load(file_of("model.features.", numbered_whole), RN_OPTIONS(rn_load, .prefix = "model.features"), ENTRIES);
}

static void numbers_without_a_head_are_a_backbone(void **state)
{
    static const other_name beside[] = { { "^conv1", "features.0" },
                                         { "^bn1", "features.1" },
                                         { "^layer1", "features.4" },
                                         { "^layer2", "features.10" },
                                         { NULL, NULL } };
    const rn_rename rename = { "fc", "features.fc" };

    (void)state;
    require_refusal(file_of("", numbered), NULL, RN_SHAPE, "there is none in the file");
    require_load(file_of("", numbered), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), BACKBONE_ENTRIES);
    require_refusal(file_of("", beside), NULL, RN_SHAPE,
                    "'fc' (2, 2) looks like it: rn_load_options.rename it to 'features.fc'");
    require_load(file_of("", beside), RN_OPTIONS(rn_load, .rename = &rename, .rename_count = 1), ENTRIES);
}

static void numbers_that_do_not_fit_in_order_are_refused(void **state)
{
    static const other_name swapped[] = { { "^conv1", "0" },  { "^bn1", "1" }, { "^layer1", "10" },
                                          { "^layer2", "4" }, { "^fc", "12" }, { NULL, NULL } };
    static const other_name short_by_one[] = { { "^conv1", "0" },   { "^bn1", NULL }, { "^layer1", "4" },
                                               { "^layer2", "10" }, { "^fc", "12" },  { NULL, NULL } };
    rn_model *const model = make_network(2);
    rn_checkpoint *file = file_of("left.", numbered);

    (void)state;
    require_refusal(file_of("", swapped), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), RN_SHAPE, "does not fit small");
    require_refusal(file_of("", short_by_one), RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), RN_SHAPE,
                    "does not fit small");
    assert_null(strstr(heard, "numbers for words"));
    /* one that fits beside one that does not, and two that fit */
    put_network(file, model, "torn.", swapped, 200);
    require_load(file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), BACKBONE_ENTRIES);
    file = file_of("left.", numbered);
    put_network(file, model, "right.", numbered, 200);
    require_refusal(file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP), RN_INVALID_ARGUMENT, "'left', 'right'");
    /* more children than the network has: a longer one */
    file = file_of("", numbered_whole);
    add_zeros(file, "13.weight", 2, (const int64_t[]){ 2, 2 });
    require_refusal(file, NULL, RN_SHAPE, "surplus: 13.weight");
    rn_model_destroy(model);
}

/* A Sequential of one's own has numbers for words: they are its words, and only what is left is paired. */
static void a_number_of_the_networks_own_stands_for_itself(void **state)
{
    static const other_name moved[] = { { "^2", "3" }, { NULL, NULL } };
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_checkpoint *const file = make_file();
    rn_value x;

    (void)state;
    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 1, 1, NULL), "0", 3, 1, NULL);
    rn_graph_output(graph, "logits", rn_conv2d(graph, x, "2", 3, 1, NULL));
    require_ok(context, rn_model_build(&model, graph, "sequence", NULL));
    rn_graph_destroy(graph);
    put_network(file, model, "", moved, 100);
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .allow_surplus = 1)));
    assert_int_equal(count_loaded(model, 100), 2);
    require_words(heard, "taken by their order: '3' as '2'");
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_one_layer_of_a_sequential_is_the_head),
        TEST(a_head_of_several_layers_is_not_the_networks),
        TEST(a_sequential_head_of_another_size_is_skipped_like_any),
        TEST(a_head_of_another_name_is_named),
        TEST(a_head_beside_the_network_is_named),
        TEST(no_head_is_said),
        TEST(only_the_head_is_passed_over),
        TEST(several_layers_before_the_head_may_be_replaced),
        TEST(numbers_are_taken_in_the_order_of_children),
        TEST(numbers_without_a_head_are_a_backbone),
        TEST(numbers_that_do_not_fit_in_order_are_refused),
        TEST(a_number_of_the_networks_own_stands_for_itself),
    };

    return cmocka_run_group_tests_name("store/load_heads", tests, NULL, NULL);
}
