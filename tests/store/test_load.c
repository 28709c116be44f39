/* SPDX-License-Identifier: MIT */
/* Loading values from checkpoints: what fits, what does not, and that a refused file changes nothing. */
#include "store/store.h"
#include "support/support.h"

static rn_context *context;
static rn_model *model;

/* A network of eight entries: conv.weight, bn.*, fc.weight, fc.bias. */
static rn_model *make_model(rn_context *own, int64_t classes)
{
    rn_graph *graph = NULL;
    rn_model *made = NULL;
    rn_value x;

    if (rn_graph_create(&graph, own) != RN_OK)
        return NULL;
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    x = rn_batch_norm2d(graph, rn_conv2d(graph, x, "conv", 4, 3, NULL), "bn", NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", classes, NULL));
    rn_graph_head(graph, "fc");
    if (rn_model_build(&made, graph, "small", RN_OPTIONS(rn_model, .seed = 3)) != RN_OK)
        made = NULL;
    rn_graph_destroy(graph);
    return made;
}

static int begin(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    model = make_model(context, 5);
    return model != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    rn_model_destroy(model);
    rn_context_destroy(context);
    return 0;
}

/* Adds a tensor whose elements are 1, 2, 3, ... in row-major order. */
static void add(rn_checkpoint *file, const char *name, rn_dtype dtype, int32_t rank, const int64_t *shape)
{
    rn_tensor *tensor = NULL;
    int64_t count;
    float *numbers;

    require_ok(context, rn_tensor_create(&tensor, context, dtype, rank, shape, RN_ROW_MAJOR));
    count = rn_tensor_count(tensor);
    numbers = calloc((size_t)count + 1, sizeof *numbers);
    assert_non_null(numbers);
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (float)(i + 1);
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, numbers, (size_t)count * sizeof *numbers));
    require_ok(context, rn_checkpoint_add(file, name, tensor));
    free(numbers);
    rn_tensor_destroy(tensor);
}

/* A file for a model of this many classes, without the entry `without` (NULL: whole), of this type. */
static rn_checkpoint *make_file(int64_t classes, rn_dtype dtype, const char *without)
{
    static const struct {
        const char *name;
        int32_t rank;
        int64_t shape[4];
    } entry[] = {
        { "conv.weight", 4, { 4, 3, 3, 3 } }, { "bn.weight", 1, { 4 } },      { "bn.bias", 1, { 4 } },
        { "bn.running_mean", 1, { 4 } },      { "bn.running_var", 1, { 4 } }, { "bn.num_batches_tracked", 0, { 0 } },
    };
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_create(&file, context));
    for (size_t i = 0; i < sizeof entry / sizeof entry[0]; i++) {
        if (without == NULL || strcmp(entry[i].name, without) != 0)
            add(file, entry[i].name, entry[i].rank == 0 ? RN_INT64 : dtype, entry[i].rank, entry[i].shape);
    }
    if (without == NULL || strcmp(without, "fc.weight") != 0)
        add(file, "fc.weight", dtype, 2, (const int64_t[]){ classes, 4 });
    if (without == NULL || strcmp(without, "fc.bias") != 0)
        add(file, "fc.bias", dtype, 1, (const int64_t[]){ classes });
    return file;
}

static double value(const rn_model *of, const char *name, const int64_t *index)
{
    size_t place = 0;
    double number = 0;

    require_ok(context, rn_parameters_find(&place, of->graph->parameters, name));
    require_ok(context, rn_tensor_get(rn_parameters_value(of->graph->parameters, place), index, &number));
    return number;
}

static bool is_loaded(const char *name)
{
    return value(model, name, (const int64_t[]){ 0, 0, 0, 0 }) == 1;
}

static void require_untouched(void)
{
    rn_model *fresh = make_model(context, 5);

    for (size_t i = 0; i < rn_parameters_count(rn_model_parameters(model)); i++) {
        const float *ours = rn_parameters_floats(model->graph->parameters, i),
                    *theirs = rn_parameters_floats(fresh->graph->parameters, i);

        if (ours != NULL)
            assert_memory_equal(ours, theirs, (size_t)model->graph->parameters->entry[i].count * sizeof *ours);
    }
    rn_model_destroy(fresh);
}

/* Loads the file, which must be refused with a message that has these words, and destroys it. */
static void require_refusal(rn_checkpoint *file, const rn_load_options *options, rn_status expected, const char *words)
{
    require_status(context, rn_model_load_checkpoint(model, file, options), expected);
    if (strstr(rn_context_message(context), words) == NULL)
        fail_msg("the message '%s' lacks '%s'", rn_context_message(context), words);
    require_untouched();
    rn_checkpoint_destroy(file);
}

static void every_float_type_is_converted(void **state)
{
    static const rn_dtype dtypes[] = { RN_FLOAT32, RN_FLOAT64, RN_FLOAT16, RN_BFLOAT16 };

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        rn_checkpoint *file = make_file(5, dtypes[i], NULL);
        uint64_t version;

        rn_model_destroy(model);
        model = make_model(context, 5);
        version = model->graph->parameters->version;
        require_ok(context, rn_model_load_checkpoint(model, file, NULL));
        /* row-major in the file, (out, in, kh, kw) */
        assert_true(value(model, "conv.weight", (const int64_t[]){ 3, 2, 1, 2 }) == 3 * 27 + 2 * 9 + 1 * 3 + 2 + 1);
        assert_true(value(model, "fc.weight", (const int64_t[]){ 4, 3 }) == 20);
        assert_true(value(model, "bn.running_var", (const int64_t[]){ 3 }) == 4);
        assert_true(value(model, "bn.num_batches_tracked", NULL) == 1);
        assert_true(model->graph->parameters->version > version);
        rn_checkpoint_destroy(file);
    }
}

static void missing_tensors_are_named(void **state)
{
    (void)state;
    require_refusal(make_file(5, RN_FLOAT32, "bn.running_var"), NULL, RN_SHAPE, "missing: bn.running_var");
    require_refusal(make_file(5, RN_FLOAT32, "fc.bias"),
                    RN_OPTIONS(rn_load, .allow_surplus = 1, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS), RN_SHAPE,
                    "missing: fc.bias");
}

static void missing_tensors_may_be_allowed(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, "fc.bias");
    const double before = value(model, "fc.bias", (const int64_t[]){ 0 });

    (void)state;
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .allow_missing = 1)));
    assert_true(value(model, "fc.bias", (const int64_t[]){ 0 }) == before);
    assert_true(is_loaded("fc.weight"));
    rn_checkpoint_destroy(file);
}

static void old_files_count_no_batches(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, "bn.num_batches_tracked");

    (void)state;
    require_ok(context, rn_model_load_checkpoint(model, file, NULL));
    assert_true(is_loaded("conv.weight"));
    assert_true(value(model, "bn.num_batches_tracked", NULL) == 0);
    /* or have an array of one */
    add(file, "bn.num_batches_tracked", RN_INT32, 1, (const int64_t[]){ 1 });
    require_ok(context, rn_model_load_checkpoint(model, file, NULL));
    assert_true(value(model, "bn.num_batches_tracked", NULL) == 1);
    rn_checkpoint_destroy(file);
    file = make_file(5, RN_FLOAT32, "bn.num_batches_tracked");
    add(file, "bn.num_batches_tracked", RN_INT64, 1, (const int64_t[]){ 2 });
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "(0 missing, 0 surplus, 1 different); of another shape"));
    assert_non_null(strstr(rn_context_message(context), "bn.num_batches_tracked (2,)"));
    rn_checkpoint_destroy(file);
}

static void surplus_tensors_are_named(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, NULL);

    (void)state;
    add(file, "layer9.conv.weight", RN_FLOAT32, 1, (const int64_t[]){ 2 });
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    require_untouched();
    assert_non_null(strstr(rn_context_message(context), "surplus: layer9.conv.weight"));
    assert_non_null(strstr(rn_context_message(context), "does not fit small"));
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .allow_surplus = 1)));
    assert_true(is_loaded("conv.weight"));
    rn_checkpoint_destroy(file);
}

static void all_trouble_comes_in_one_message(void **state)
{
    rn_checkpoint *file = make_file(6, RN_FLOAT32, "bn.bias");

    (void)state;
    for (int i = 0; i < 11; i++) {
        char name[] = "extra.a";

        name[6] = (char)('a' + i);
        add(file, name, RN_FLOAT32, 1, (const int64_t[]){ 1 });
    }
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "1 missing, 11 surplus, 2 different"));
    assert_non_null(strstr(rn_context_message(context), "fc.weight (6, 4) in the file, (5, 4) in the model"));
    assert_non_null(strstr(rn_context_message(context), "missing: bn.bias"));
    assert_non_null(strstr(rn_context_message(context), "extra.h and 3 more"));
    assert_null(strstr(rn_context_message(context), "extra.i"));
    require_untouched();
    rn_checkpoint_destroy(file);
}

static void very_long_names_are_cut(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, NULL);
    char name[900];

    (void)state;
    for (int i = 0; i < 12; i++) {
        memset(name, 'a' + i, sizeof name - 1);
        name[sizeof name - 1] = '\0';
        add(file, name, RN_FLOAT32, 1, (const int64_t[]){ 1 });
    }
    require_refusal(file, NULL, RN_SHAPE, "12 surplus");
}

static void numbers_of_another_kind_are_refused(void **state)
{
    static const rn_dtype dtypes[] = { RN_INT64, RN_UINT8, RN_BOOL };
    static const char *const names[] = { "int64", "uint8", "bool" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        rn_checkpoint *file = make_file(5, RN_FLOAT32, "bn.weight");

        add(file, "bn.weight", dtypes[i], 1, (const int64_t[]){ 4 });
        require_refusal(file, NULL, RN_SHAPE, names[i]);
    }
}

static void another_shape_is_named_with_both_shapes(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, "conv.weight");

    (void)state;
    add(file, "conv.weight", RN_FLOAT32, 4, (const int64_t[]){ 4, 3, 1, 3 });
    require_refusal(file, NULL, RN_SHAPE, "conv.weight (4, 3, 1, 3) in the file, (4, 3, 3, 3) in the model");
    file = make_file(5, RN_FLOAT32, "conv.weight");
    add(file, "conv.weight", RN_FLOAT32, 2, (const int64_t[]){ 4, 27 });
    require_refusal(file, RN_OPTIONS(rn_load, .allow_missing = 1, .allow_surplus = 1, .head = RN_HEAD_SKIP), RN_SHAPE,
                    "conv.weight (4, 27)");
}

static void a_head_of_another_size_may_be_left_as_it_is(void **state)
{
    rn_checkpoint *file = make_file(1000, RN_FLOAT32, NULL);
    const double before = value(model, "fc.weight", (const int64_t[]){ 0, 0 });

    (void)state;
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    require_untouched();
    require_ok(context,
               rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
    assert_true(is_loaded("conv.weight"));
    assert_true(value(model, "fc.weight", (const int64_t[]){ 0, 0 }) == before);
    rn_checkpoint_destroy(file);
}

static void a_head_is_loaded_whole_or_not_at_all(void **state)
{
    rn_checkpoint *file = make_file(1000, RN_FLOAT32, "fc.bias");
    const double before = value(model, "fc.bias", (const int64_t[]){ 0 });

    (void)state;
    add(file, "fc.bias", RN_FLOAT32, 1, (const int64_t[]){ 5 }); /* would fit, but belongs to the other head */
    require_ok(context,
               rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
    assert_true(value(model, "fc.bias", (const int64_t[]){ 0 }) == before);
    rn_checkpoint_destroy(file);
}

static void a_head_that_fits_is_loaded_unless_it_is_skipped(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, NULL);
    const double before = value(model, "fc.weight", (const int64_t[]){ 0, 0 });

    (void)state;
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP)));
    assert_true(value(model, "fc.weight", (const int64_t[]){ 0, 0 }) == before);
    require_ok(context,
               rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
    assert_true(is_loaded("fc.weight"));
    rn_checkpoint_destroy(file);
}

static void a_skipped_head_may_have_other_names(void **state)
{
    rn_checkpoint *file = make_file(5, RN_FLOAT32, "fc.weight");

    (void)state;
    add(file, "fc.0.weight", RN_FLOAT32, 2, (const int64_t[]){ 102, 4 }); /* a Sequential head */
    require_status(context, rn_model_load_checkpoint(model, file, NULL), RN_SHAPE);
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP)));
    assert_true(is_loaded("conv.weight"));
    rn_checkpoint_destroy(file);
}

static void nothing_is_loaded_between_forward_and_backward(void **state)
{
    (void)state;
    atomic_fetch_add(&model->graph->parameters->pins, 1);
    require_refusal(make_file(5, RN_FLOAT32, NULL), NULL, RN_STATE, "forward");
    atomic_fetch_sub(&model->graph->parameters->pins, 1);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    require_refusal(make_file(5, RN_FLOAT32, NULL), RN_OPTIONS(rn_load, .head = 3), RN_INVALID_ARGUMENT, "policy 3");
    require_refusal(make_file(5, RN_FLOAT32, NULL), RN_OPTIONS(rn_load, .head = -1), RN_INVALID_ARGUMENT, "policy -1");
    assert_int_equal(rn_model_load_checkpoint(NULL, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_load_checkpoint(model, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_load(NULL, "x", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_load(model, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_load(model, "/nowhere/at/all.pth", NULL), RN_IO);
    assert_non_null(strstr(rn_context_message(context), "/nowhere/at/all.pth"));
}

/* Whoever destroys it after any failure must not meet what his variable held before. */
static void there_is_no_report_where_no_file_was_looked_at(void **state)
{
    rn_load_report *nowhere = (rn_load_report *)(void *)&nowhere, *report = nowhere;

    (void)state;
    require_status(context, rn_model_load(model, "/nowhere/at/all.pth", RN_OPTIONS(rn_load, .report = &report)), RN_IO);
    assert_null(report);
    report = nowhere;
    require_status(context, rn_model_load(model, NULL, RN_OPTIONS(rn_load, .report = &report)), RN_INVALID_ARGUMENT);
    assert_null(report);
    report = nowhere;
    require_status(context, rn_model_load_checkpoint(model, NULL, RN_OPTIONS(rn_load, .report = &report)),
                   RN_INVALID_ARGUMENT);
    assert_null(report);
    report = nowhere;
    assert_int_equal(rn_model_load(NULL, "x", RN_OPTIONS(rn_load, .report = &report)), RN_INVALID_ARGUMENT);
    assert_null(report);
}

static void the_message_names_the_file(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "other.safetensors");
    rn_checkpoint *file = make_file(7, RN_FLOAT32, NULL);

    (void)state;
    require_ok(context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    require_status(context, rn_model_load(model, path, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), path));
    require_ok(context, rn_model_load(model, path, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP)));
    assert_true(is_loaded("conv.weight"));
    rn_checkpoint_destroy(file);
}

static void published_weights_fit_their_networks(void **state)
{
    static const struct {
        const char *network, *path;
    } known[] = { { "cifar_resnet20", "weights/cifar_resnet20.th" },
                  { "cifar_resnet56", "weights/cifar_resnet56.th" },
                  { "squeezenet1_0", "weights/squeezenet1_0_imagenet.pth" } };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *path = rn_test_data(known[i].path);
        rn_model *real = NULL;

        require_ok(context, rn_model_create(&real, context, known[i].network, NULL));
        require_ok(context, rn_model_load(real, path, NULL));
        rn_model_destroy(real);
        require_ok(context,
                   rn_model_create(&real, context, known[i].network, RN_OPTIONS(rn_model, .class_count = 102)));
        require_status(context, rn_model_load(real, path, NULL), RN_SHAPE);
        require_ok(context, rn_model_load(real, path, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
        rn_model_destroy(real);
    }
}

static void every_failing_allocation_is_answered(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "whole.safetensors");
    rn_checkpoint *file = make_file(5, RN_FLOAT16, NULL);
    bool loaded = false;

    (void)state;
    require_ok(context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    for (long fail_at = 0; !loaded; fail_at++) {
        rn_test_allocator allocator = { .fail_at = -1 };
        rn_context *small = NULL;
        rn_model *own;
        rn_status status;

        require_ok(NULL,
                   rn_context_create(&small, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &allocator)));
        own = make_model(small, 5);
        assert_non_null(own);
        allocator.fail_at = allocator.calls + fail_at;
        status = rn_model_load(own, path, NULL);
        if (status == RN_OK)
            loaded = allocator.calls <= allocator.fail_at;
        else
            require_status(small, status, RN_NO_MEMORY);
        rn_model_destroy(own);
        rn_context_destroy(small);
        assert_int_equal(allocator.live, 0);
    }
}

/* {'state_dict': {...}, 'optimizer': ..., 'best_acc': tensor}: the tutorial's checkpoint. */
static void a_state_dict_beside_other_things_is_found(void **state)
{
    rn_checkpoint *const plain = make_file(5, RN_FLOAT32, NULL);
    rn_checkpoint *file = NULL;

    (void)state;
    for (int part = 0; part < 2; part++) {
        require_ok(context, rn_checkpoint_create(&file, context));
        add(file, "best_acc", RN_FLOAT64, 0, (const int64_t[]){ 0 });
        add(file, "optimizer.state.0.exp_avg", RN_FLOAT32, 1, (const int64_t[]){ 7 });
        for (size_t i = 0; i < rn_checkpoint_count(plain); i++) {
            char name[64];

            snprintf(name, sizeof name, "%s%s", part == 0 ? "state_dict." : "net.module.",
                     rn_checkpoint_name(plain, i));
            require_ok(context, rn_checkpoint_add(file, name, rn_checkpoint_tensor(plain, i)));
        }
        if (part == 0)
            require_ok(context, rn_model_load_checkpoint(model, file, NULL));
        else
            add(file, "net.module.stray", RN_FLOAT32, 1, (const int64_t[]){ 7 });
        if (part == 1)
            require_status(context, rn_model_load_checkpoint(model, file, NULL),
                           RN_SHAPE); /* surplus inside the state dict */
        rn_checkpoint_destroy(file);
    }
    assert_true(is_loaded("conv.weight"));
    assert_true(is_loaded("fc.bias"));
    rn_checkpoint_destroy(plain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_float_type_is_converted),
        TEST(missing_tensors_are_named),
        TEST(missing_tensors_may_be_allowed),
        TEST(old_files_count_no_batches),
        TEST(surplus_tensors_are_named),
        TEST(all_trouble_comes_in_one_message),
        TEST(very_long_names_are_cut),
        TEST(numbers_of_another_kind_are_refused),
        TEST(another_shape_is_named_with_both_shapes),
        TEST(a_head_of_another_size_may_be_left_as_it_is),
        TEST(a_head_is_loaded_whole_or_not_at_all),
        TEST(a_head_that_fits_is_loaded_unless_it_is_skipped),
        TEST(a_skipped_head_may_have_other_names),
        TEST(nothing_is_loaded_between_forward_and_backward),
        TEST(wrong_arguments_are_refused),
        TEST(there_is_no_report_where_no_file_was_looked_at),
        TEST(the_message_names_the_file),
        TEST(a_state_dict_beside_other_things_is_found),
        TEST(published_weights_fit_their_networks),
        TEST(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("store/load", tests, NULL, NULL);
}
