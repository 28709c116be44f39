/* SPDX-License-Identifier: MIT */
/* Names that others gave to a network's parameters: prefixes, wrappers, old releases, and the caller's own table. */
#include "store/networks.h"

static void every_prefix_is_found(void **state)
{
    static const char *const prefixes[] = { "module.",
                                            "model.",
                                            "_orig_mod.",
                                            "backbone.",
                                            "encoder.",
                                            "net.",
                                            "features_extractor.",
                                            "anything.at.all.3.",
                                            "_orig_mod.module.",
                                            "model._orig_mod.",
                                            "state_dict.model.module." };

    (void)state;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        rn_checkpoint *const file = file_of(prefixes[i], NULL);
        rn_model *const model = make_network(2);
        rn_load_report *report = NULL;

        require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
        assert_int_equal(count_loaded(model, 100), ENTRIES);
        assert_string_equal(rn_load_report_prefix(report), prefixes[i]);
        assert_int_equal(rn_load_report_count(report, RN_LOAD_LOADED), ENTRIES);
        assert_int_equal(rn_load_report_count(report, RN_LOAD_RENAMED), 0);
        rn_load_report_destroy(report);
        require_load(file, RN_OPTIONS(rn_load, .prefix = prefixes[i]), ENTRIES);
        rn_model_destroy(model);
    }
}

static void wrappers_within_names_are_passed_over(void **state)
{
    static const other_name compiled[] = { { "layer1.", "layer1._orig_mod." }, { NULL, NULL } };
    static const other_name parallel[] = { { "layer1.0.", "layer1.0.module." },
                                           { "conv1.", "conv1.module." },
                                           { "fc.", "fc._orig_mod.module." },
                                           { NULL, NULL } };
    rn_checkpoint *file = file_of("", compiled);
    rn_model *const model = make_network(2);
    rn_load_report *report = NULL;

    (void)state;
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
    assert_int_equal(count_loaded(model, 100), ENTRIES);
    assert_string_equal(rn_load_report_prefix(report), "");
    assert_int_equal(rn_load_report_count(report, RN_LOAD_RENAMED), 6);
    assert_string_equal(rn_load_report_name(report, RN_LOAD_RENAMED, 0),
                        "layer1._orig_mod.0.conv1.weight as layer1.0.conv1.weight");
    rn_load_report_destroy(report);
    rn_checkpoint_destroy(file);

    /* the first parameter's name has one, too, and the prefix another */
    file = file_of("net.module.", parallel);
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
    assert_string_equal(rn_load_report_prefix(report), "net.module.");
    rn_load_report_destroy(report);
    require_load(file, NULL, ENTRIES);
    require_load(file_of("net.module.", parallel), RN_OPTIONS(rn_load, .prefix = "net.module"), ENTRIES);
    require_load(file_of("net.module.", parallel), RN_OPTIONS(rn_load, .prefix = "net"), ENTRIES);
    rn_model_destroy(model);
}

/* AlexNet and VGG after model.features = torch.nn.DataParallel(model.features). */
static void a_wrapper_may_stand_in_the_first_name(void **state)
{
    static const other_name parallel[] = { { "layer1.0.conv1", "layer1.0.module.conv1" }, { NULL, NULL } };
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_load_report *report = NULL;
    rn_checkpoint *const file = make_file();
    rn_value x;

    (void)state;
    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "layer1.0.conv1", 4, 3, NULL);
    rn_graph_output(graph, "logits", rn_conv2d(graph, x, "layer1.0.conv2", 2, 6, NULL));
    require_ok(context, rn_model_build(&model, graph, "first", NULL));
    rn_graph_destroy(graph);
    put_network(file, model, "a.module.", parallel, 100);
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
    assert_int_equal(count_loaded(model, 100), rn_parameters_count(rn_model_parameters(model)));
    assert_string_equal(rn_load_report_prefix(report), "a.module.");
    rn_load_report_destroy(report);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static rn_model *make_pair_network(const char *first, const char *second)
{
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 4, 4, NULL), "conv1", 4, 1, NULL);
    x = rn_batch_norm2d(graph, x, first, NULL);
    x = rn_conv2d(graph, x, second, 2, 4, NULL);
    rn_graph_output(graph, "logits", x);
    require_ok(context, rn_model_build(&model, graph, "pair", NULL));
    rn_graph_destroy(graph);
    return model;
}

static void a_networks_own_word_is_no_wrapper(void **state)
{
    rn_model *const model = make_pair_network("module.a", "a");
    rn_checkpoint *file = make_file();

    (void)state;
    put_network(file, model, "module.", NULL, 100);
    require_ok(context, rn_model_load_checkpoint(model, file, NULL));
    assert_int_equal(count_loaded(model, 100), rn_parameters_count(rn_model_parameters(model)));
    rn_checkpoint_destroy(file);
    /* what is there with the word is not what is missing without it */
    file = make_file();
    put_network(file, model, "", (const other_name[]){ { "^a.", NULL }, { NULL, NULL } }, 100);
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    require_words(rn_context_message(context), "(1 missing, 0 surplus, 0 different)");
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void a_network_and_its_wrapped_copy_are_two(void **state)
{
    rn_model *const model = make_network(2);
    rn_checkpoint *const file = file_of("net.", NULL);

    (void)state;
    put_network(file, model, "net.module.", NULL, 200);
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_INVALID_ARGUMENT);
    require_words(rn_context_message(context), "'net', 'net.module'");
    require_ok(context,
               rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .prefix = "net.module", .allow_surplus = 1)));
    assert_int_equal(count_loaded(model, 200), ENTRIES);
    require_ok(context,
               rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .prefix = "net", .allow_surplus = 1)));
    assert_int_equal(count_loaded(model, 100), ENTRIES);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

/* A prefix that was chosen is not completed from elsewhere. */
static void nothing_is_borrowed_from_beside_a_wrapped_copy(void **state)
{
    static const other_name torn[] = { { "fc.bias", NULL }, { NULL, NULL } };
    rn_model *const model = make_network(2);
    rn_checkpoint *const file = file_of("net.", NULL);

    (void)state;
    put_network(file, model, "net.module.", torn, 200);
    require_status(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .prefix = "net.module")),
                   RN_SHAPE);
    require_words(rn_context_message(context), "missing: fc.bias");
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void old_densenet_names_are_read(void **state)
{
    static const other_name old[] = { { "denselayer12.norm1", "denselayer12.norm.1" },
                                      { "denselayer12.conv2", "denselayer12.conv.2" },
                                      { NULL, NULL } };
    rn_model *const model = make_pair_network("denseblock1.denselayer12.norm1", "denseblock1.denselayer12.conv2");
    rn_checkpoint *file = make_file();
    rn_load_report *report = NULL;

    (void)state;
    /* a weight, norm1 with four and a counter that those files lack, and a weight */
    put_network(file, model, "module.", old, 100);
    require_status(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)), RN_SHAPE);
    assert_int_equal(rn_load_report_count(report, RN_LOAD_RENAMED), 5);
    assert_int_equal(rn_load_report_count(report, RN_LOAD_SURPLUS), 1);
    assert_string_equal(rn_load_report_name(report, RN_LOAD_SURPLUS, 0),
                        "denseblock1.denselayer12.norm.1.num_batches_tracked");
    rn_load_report_destroy(report);
    rn_checkpoint_destroy(file);
    file = make_file();
    put_network(file, model, "module.", (const other_name[]){ old[0], old[1], { "num_batches", NULL }, { NULL, NULL } },
                100);
    require_ok(context, rn_model_load_checkpoint(model, file, NULL));
    assert_int_equal(count_loaded(model, 100), rn_parameters_count(rn_model_parameters(model)) - 1);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

/* torchvision's regular expression: a number after "denselayer", one of three layers, 1 or 2, one of four ends. */
static void only_old_densenet_names_are_changed(void **state)
{
    static const char *const kept[][2] = { { "denselayer.norm1", "denselayer.norm.1" },
                                           { "denselayer1.pool1", "denselayer1.pool.1" },
                                           { "denselayer1.norm3", "denselayer1.norm.3" },
                                           { "denselayer1a.norm1", "denselayer1a.norm.1" },
                                           { "norm1", "norm.1" } };

    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        rn_model *const model = make_pair_network(kept[i][0], "last");
        rn_checkpoint *const file = make_file();

        put_network(file, model, "", (const other_name[]){ { kept[i][0], kept[i][1] }, { NULL, NULL } }, 100);
        require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
        rn_checkpoint_destroy(file);
        rn_model_destroy(model);
    }
}

/* ---- the caller's table ------------------------------------------------------------------------------------------ */

#define RENAME(...) \
    RN_OPTIONS(rn_load, .rename = (rn_rename[]){ __VA_ARGS__ }, \
               .rename_count = sizeof((rn_rename[]){ __VA_ARGS__ }) / sizeof(rn_rename))

static void names_begin_as_the_caller_says(void **state)
{
    static const other_name head[] = { { "fc.", "last_linear." }, { NULL, NULL } };

    (void)state;
    require_load(file_of("", NULL), RENAME({ "fc", "fc" }), ENTRIES); /* identity */
    require_load(file_of("", NULL), RENAME({ "", "" }), ENTRIES);
    require_refusal(file_of("", head), NULL, RN_SHAPE, "missing: fc.weight");
    require_load(file_of("", head), RENAME({ "last_linear", "fc" }), ENTRIES);
    require_load(file_of("", head), RENAME({ "last_linear.", "fc." }), ENTRIES);
    require_load(file_of("a.b.", head), RENAME({ "a.b.last_linear", "a.b.fc" }), ENTRIES);
    require_load(file_of("a.b.", head), RENAME({ "a.b.last_linear", "fc" }, { "a.b", "" }), ENTRIES);
    require_load(file_of("", head), RENAME({ "last_linear", "fc" }, { "last_linear", "conv1" }), ENTRIES);
    /* before `prefix` is looked for */
    rn_load_options *const given = RENAME({ "last_linear", "x.fc" }, { "", "x" });
    given->prefix = "x";
    require_load(file_of("", head), given, ENTRIES);
}

static void whole_words_are_renamed(void **state)
{
    static const other_name head[] = { { "fc.", "last_linear." }, { NULL, NULL } };

    (void)state;
    require_refusal(file_of("", head), RENAME({ "last_lin", "f" }), RN_SHAPE, "missing: fc.weight");
    require_words(heard, "no name is renamed from 'last_lin'");
    heard[0] = '\0';
    require_load(file_of("", NULL), RENAME({ "f", "g" }, { "layer1.0", "layer1.0" }), ENTRIES);
    require_words(heard, "no name is renamed from 'f'");
    assert_null(strstr(heard, "layer1.0"));
}

static void what_goes_to_null_is_left_out_and_listed(void **state)
{
    rn_model *const model = make_network(2);
    rn_checkpoint *const file = file_of("", NULL);
    rn_load_report *report = NULL;
    rn_load_options *options = RENAME({ "ema", NULL }, { "fc.bias", NULL });

    (void)state;
    put_network(file, model, "ema.", NULL, 200);
    options->report = &report;
    require_status(context, rn_model_load_checkpoint(model, file, options), RN_SHAPE);
    require_words(rn_context_message(context), "1 missing, 0 surplus, 0 different");
    rn_load_report_destroy(report);
    options->allow_missing = 1;
    require_ok(context, rn_model_load_checkpoint(model, file, options));
    assert_int_equal(count_loaded(model, 100), ENTRIES - 1);
    assert_int_equal(rn_load_report_count(report, RN_LOAD_LEFT_OUT), ENTRIES + 1);
    assert_string_equal(rn_load_report_name(report, RN_LOAD_LEFT_OUT, 0), "fc.bias");
    assert_string_equal(rn_load_report_name(report, RN_LOAD_LEFT_OUT, 1), "ema.conv1.weight");
    assert_int_equal(rn_load_report_count(report, RN_LOAD_CANDIDATES), 1);
    rn_load_report_destroy(report);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void counters_of_thop_are_left_out(void **state)
{
    static const int64_t one[] = { 1 };
    rn_model *const model = make_network(2);
    rn_checkpoint *const file = file_of("", NULL);
    rn_load_report *report = NULL;
    rn_tensor *count = NULL;

    (void)state;
    require_ok(context, rn_tensor_create(&count, context, RN_FLOAT64, 1, one, RN_ROW_MAJOR));
    require_ok(context, rn_checkpoint_add(file, "layer1.0.conv1.total_ops", count));
    require_ok(context, rn_checkpoint_add(file, "total_params", count));
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
    assert_int_equal(rn_load_report_count(report, RN_LOAD_LEFT_OUT), 2);
    assert_string_equal(rn_load_report_name(report, RN_LOAD_LEFT_OUT, 1), "total_params");
    rn_load_report_destroy(report);
    require_ok(context, rn_checkpoint_add(file, "fc.total", count));
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    rn_tensor_destroy(count);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void renaming_that_loses_tensors_is_refused(void **state)
{
    rn_load_options *const missing = RN_OPTIONS(rn_load, .rename_count = 1);

    (void)state;
    require_refusal(file_of("", NULL), RENAME({ "bn1", "layer1.0.bn1" }), RN_INVALID_ARGUMENT,
                    "makes both 'bn1.weight' and 'layer1.0.bn1.weight' 'layer1.0.bn1.weight'");
    require_refusal(file_of("", NULL), RENAME({ "fc.weight", "" }), RN_INVALID_ARGUMENT, "nothing of 'fc.weight'");
    require_refusal(file_of("", NULL), RENAME({ NULL, "fc" }), RN_INVALID_ARGUMENT, "rename[0].from");
    require_refusal(file_of("", NULL), missing, RN_INVALID_ARGUMENT, "rename is NULL");
    /* two names may change places */
    require_load(file_of("", (const other_name[]){ { "bn1", "x" }, { "0.x", "0.bn1" }, { NULL, NULL } }),
                 RENAME({ "x", "bn1" }), ENTRIES);
}

/* A program that was compiled before there were renames. */
static void shorter_options_are_read(void **state)
{
    rn_load_options *const options = RENAME({ NULL, NULL });

    (void)state;
    options->struct_size = offsetof(rn_load_options, rename);
    require_load(file_of("", NULL), options, ENTRIES);
    options->struct_size = offsetof(rn_load_options, rename_count);
    require_refusal(file_of("", NULL), options, RN_INVALID_ARGUMENT, "struct_size");
}

/* ---- parts of networks ------------------------------------------------------------------------------------------- */

static void a_part_is_found_without_its_first_parameter(void **state)
{
    static const other_name part[] = { { "bn1", NULL }, { "conv1", NULL }, { NULL, NULL } };
    rn_checkpoint *file;
    rn_model *model;

    (void)state;
    require_load(file_of("net.", part), RN_OPTIONS(rn_load, .allow_missing = 1), 2);
    file = file_of("left.", part);
    model = make_network(2);
    put_network(file, model, "right.", part, 200);
    rn_model_destroy(model);
    require_refusal(file, RN_OPTIONS(rn_load, .allow_missing = 1), RN_INVALID_ARGUMENT, "'left', 'right'");
}

/* ---- a lack of memory -------------------------------------------------------------------------------------------- */

typedef struct attempt {
    rn_model *model;
    rn_checkpoint *file;
    const rn_load_options *options;
} attempt;

static rn_status load_again(void *payload)
{
    const attempt *const a = payload;

    return rn_model_load_checkpoint(a->model, a->file, a->options);
}

static void every_failing_allocation_is_answered(void **state)
{
    static const other_name names[] = { { "layer1.", "layer1._orig_mod." }, { "fc.", "head.0." }, { NULL, NULL } };
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *const own = rn_test_allocator_context(&allocator, 1), *const outer = context;
    attempt a;

    (void)state;
    context = own;
    a = (attempt){ make_sized_network(own, 2, 8), file_of("net.", names), RENAME({ "net.head", "net.fc" }) };
    context = outer;
    rn_test_fail_each(&allocator, load_again, &a, 20);
    rn_checkpoint_destroy(a.file);
    rn_model_destroy(a.model);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_prefix_is_found),
        TEST(wrappers_within_names_are_passed_over),
        TEST(a_wrapper_may_stand_in_the_first_name),
        TEST(a_networks_own_word_is_no_wrapper),
        TEST(a_network_and_its_wrapped_copy_are_two),
        TEST(nothing_is_borrowed_from_beside_a_wrapped_copy),
        TEST(old_densenet_names_are_read),
        TEST(only_old_densenet_names_are_changed),
        TEST(names_begin_as_the_caller_says),
        TEST(whole_words_are_renamed),
        TEST(what_goes_to_null_is_left_out_and_listed),
        TEST(counters_of_thop_are_left_out),
        TEST(renaming_that_loses_tensors_is_refused),
        TEST(shorter_options_are_read),
        TEST(a_part_is_found_without_its_first_parameter),
        TEST(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("store/load_names", tests, NULL, NULL);
}
