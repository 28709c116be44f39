/* SPDX-License-Identifier: MIT */
/* Files of another network, and what networks of one's own find again. */
#include "store/networks.h"

/* ---- another network --------------------------------------------------------------------------------------------- */

static void the_zoos_network_that_a_file_fits_is_named(void **state)
{
    static const struct {
        const char *network, *file, *prefix, *words;
    } known[] = { { "cifar_resnet20", "cifar_resnet32", "module.", "names and shapes are those of cifar_resnet32" },
                  { "cifar_resnet32", "cifar_resnet20", "", "names and shapes are those of cifar_resnet20" },
                  { "squeezenet1_0", "cifar_resnet20", "a.b.", "names and shapes are those of cifar_resnet20" } };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rn_model *from = NULL, *to = NULL;
        rn_checkpoint *const file = make_file();

        require_ok(context, rn_model_create(&from, context, known[i].file, RN_OPTIONS(rn_model, .class_count = 7)));
        require_ok(context, rn_model_create(&to, context, known[i].network, NULL));
        put_network(file, from, known[i].prefix, NULL, 0);
        require_status(context, rn_model_load_checkpoint(to, file, NULL), RN_SHAPE);
        require_words(rn_context_message(context), known[i].words);
        rn_checkpoint_destroy(file);
        rn_model_destroy(to);
        rn_model_destroy(from);
    }
}

/* The same words in other shapes say more of where the network is than a few shapes within one of its blocks. */
static void what_a_wrong_network_lacks_is_said_of_the_whole(void **state)
{
    rn_checkpoint *const file = make_file();
    rn_model *const model = make_network(2);
    rn_model *large = NULL;
    rn_load_report *report = NULL;

    (void)state;
    require_ok(context, rn_model_create(&large, context, "cifar_resnet20", NULL));
    put_network(file, large, "net.", NULL, 0);
    require_status(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)), RN_SHAPE);
    assert_string_equal(rn_load_report_prefix(report), "net.");
    assert_int_equal(rn_load_report_count(report, RN_LOAD_DIFFERENT), 11);
    assert_string_equal(heard, "");
    rn_load_report_destroy(report);
    rn_checkpoint_destroy(file);
    rn_model_destroy(large);
    rn_model_destroy(model);
}

static void a_file_says_which_network_it_is_of(void **state)
{
    rn_checkpoint *file = file_of("", (const other_name[]){ { "layer2", "layer3" }, { NULL, NULL } });

    (void)state;
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.network", "large"));
    require_refusal(file, NULL, RN_SHAPE, "it was written for 'large'");
    file = file_of("", NULL); /* a name is a hint and decides nothing */
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.network", "large"));
    require_load(file, NULL, ENTRIES);
    file = make_file();
    add_zeros(file, "net.weight", 1, (const int64_t[]){ 3 });
    require_refusal(file, NULL, RN_SHAPE, "it is another network: no parameter is there");
}

/* A refusal asks the whole zoo: failing at ever more distant allocations tries each part of it. */
static void a_lack_of_memory_is_never_another_network(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *const own = rn_test_allocator_context(&allocator, 1), *const outer = context;
    rn_model *from = NULL, *to = NULL;
    rn_checkpoint *file;
    long failures = 0;
    bool refused = false;

    (void)state;
    context = own;
    file = make_file();
    require_ok(own, rn_model_create(&from, own, "cifar_resnet20", NULL));
    put_network(file, from, "", NULL, 0);
    to = make_network(2);
    for (long fail_at = 0; !refused; fail_at += 1 + fail_at / 8, failures += !refused) {
        const long live = allocator.live;
        rn_status status;

        allocator.sticky = fail_at % 2;
        allocator.fail_at = allocator.calls + fail_at;
        status = rn_model_load_checkpoint(to, file, NULL);
        refused = allocator.calls <= allocator.fail_at;
        allocator.fail_at = -1;
        require_status(own, status, refused ? RN_SHAPE : RN_NO_MEMORY);
        assert_int_equal(allocator.live, live);
    }
    require_words(rn_context_message(own), "those of cifar_resnet20");
    assert_true(failures > 40);
    rn_checkpoint_destroy(file);
    rn_model_destroy(to);
    rn_model_destroy(from);
    rn_context_destroy(own);
    context = outer;
    assert_int_equal(allocator.live, 0);
}

/* ---- networks of one's own --------------------------------------------------------------------------------------- */

static void another_input_size_is_said(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "input.safetensors");
    rn_model *const from = make_sized_network(context, 2, 8), *const to = make_sized_network(context, 2, 16);

    (void)state;
    require_ok(context, rn_model_save(from, path, NULL));
    require_ok(context, rn_model_load(from, path, NULL));
    assert_string_equal(heard, "");
    require_ok(context, rn_model_load(to, path, NULL));
    require_words(heard, "had an input of 3 x 8 x 8, the model has one of 3 x 16 x 16");
    rn_model_destroy(to);
    rn_model_destroy(from);
}

static void preprocessing_for_another_size_is_refused_with_the_reason(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "pipeline.safetensors");
    rn_model *const from = make_sized_network(context, 2, 8), *const to = make_sized_network(context, 2, 16);

    (void)state;
    require_ok(context, rn_model_set_pipeline(from, "CenterCrop(8), ToTensor()"));
    require_ok(context, rn_model_save(from, path, NULL));
    require_status(context, rn_model_load(to, path, NULL), RN_SHAPE);
    require_words(rn_context_message(context), "the pipeline gives 8 x 8, the model's input is 16 x 16");
    /* one of its own is not replaced */
    require_ok(context, rn_model_set_pipeline(to, "CenterCrop(16), ToTensor()"));
    require_ok(context, rn_model_load(to, path, NULL));
    assert_string_equal(rn_pipeline_text(rn_model_pipeline(to)), "CenterCrop(16), ToTensor()");
    rn_model_destroy(to);
    rn_model_destroy(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_zoos_network_that_a_file_fits_is_named),
        TEST(what_a_wrong_network_lacks_is_said_of_the_whole),
        TEST(a_file_says_which_network_it_is_of),
        TEST(a_lack_of_memory_is_never_another_network),
        TEST(another_input_size_is_said),
        TEST(preprocessing_for_another_size_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests_name("store/load_networks", tests, NULL, NULL);
}
