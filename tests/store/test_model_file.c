/* SPDX-License-Identifier: MIT */
/* Model files: a network comes back from its file alone; a file that lies is refused by name. */
#include "checkpoint/hostile.h"
#include "store/store.h"
#include "support/one_context.h"

static rn_model *make_model(rn_context *own)
{
    static const char *const folders[] = { "1", "10", "2" }, *const names[] = { "pink primrose", "globe \"thistle\"",
                                                                                "moth\torchid \xc3\xa9" };
    rn_classes *classes = NULL;
    rn_model *model = NULL;

    require_ok(own, rn_classes_create(&classes, own, folders, names, 3));
    require_ok(own, rn_model_create(&model, own, "cifar_resnet20",
                                    RN_OPTIONS(rn_model, .classes = classes, .height = 24, .width = 40, .seed = 5)));
    rn_classes_destroy(classes);
    return model;
}

static void require_same_values(const rn_model *a, const rn_model *b)
{
    const rn_parameters *x = a->graph->parameters, *y = b->graph->parameters;

    assert_int_equal(x->count, y->count);
    for (size_t i = 0; i < x->count; i++) {
        assert_string_equal(x->entry[i].name, y->entry[i].name);
        assert_int_equal(x->entry[i].count, y->entry[i].count);
        assert_memory_equal(rn_tensor_const_data(x->entry[i].value), rn_tensor_const_data(y->entry[i].value),
                            (size_t)x->entry[i].count * rn_dtype_size(rn_tensor_dtype(x->entry[i].value)));
    }
}

static void a_model_comes_back_whole(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "model.safetensors");
    rn_model *model = make_model(context), *back = NULL;
    size_t tracked = 0;
    int64_t h = 0, w = 0;

    (void)state;
    require_ok(context, rn_parameters_find(&tracked, rn_model_parameters(model), "bn1.num_batches_tracked"));
    require_ok(context, rn_tensor_fill(model->graph->parameters->entry[tracked].value, 1234567890123.0));
    require_ok(context, rn_model_set_training_pipeline(model, "CenterCrop(24, 40), RandomGrayscale(0.5), ToTensor()"));
    require_ok(context, rn_model_save(model, path, NULL));
    require_ok(context, rn_model_open(&back, context, path, NULL));
    assert_string_equal(rn_model_name(back), "cifar_resnet20");
    rn_model_input_size(back, NULL, &h, &w);
    assert_true(h == 24 && w == 40);
    assert_int_equal(rn_classes_count(rn_model_classes(back)), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(rn_classes_folder(rn_model_classes(back), i),
                            rn_classes_folder(rn_model_classes(model), i));
        assert_string_equal(rn_classes_name(rn_model_classes(back), i), rn_classes_name(rn_model_classes(model), i));
    }
    assert_string_equal(rn_pipeline_text(rn_model_pipeline(back)), rn_pipeline_text(rn_model_pipeline(model)));
    assert_string_equal(rn_pipeline_text(rn_model_training_pipeline(back)),
                        rn_pipeline_text(rn_model_training_pipeline(model)));
    require_same_values(model, back);
    rn_model_destroy(model);
    rn_model_destroy(back);
}

static void a_model_without_a_table_keeps_its_number_of_classes(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "model.safetensors");
    rn_model *model = NULL, *back = NULL;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .class_count = 7)));
    require_ok(context, rn_model_save(model, path, NULL));
    require_ok(context, rn_model_open(&back, context, path, NULL));
    assert_int_equal(rn_model_class_count(back), 7);
    assert_null(rn_model_classes(back));
    require_same_values(model, back);
    rn_model_destroy(model);
    rn_model_destroy(back);
}

static void equal_models_give_equal_bytes(void **state)
{
    const char *directory = rn_test_directory(),
               *path[] = { rn_test_path(directory, "a"), rn_test_path(directory, "b") };
    unsigned char *bytes[2];
    long size[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        rn_model *model = make_model(context);
        FILE *file;

        require_ok(context, rn_model_save(model, path[i], NULL));
        rn_model_destroy(model);
        file = fopen(path[i], "rb");
        assert_non_null(file);
        fseek(file, 0, SEEK_END);
        size[i] = ftell(file);
        rewind(file);
        bytes[i] = malloc((size_t)size[i]);
        assert_non_null(bytes[i]);
        assert_int_equal(fread(bytes[i], 1, (size_t)size[i], file), size[i]);
        fclose(file);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], (size_t)size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void state_text_travels_with_a_model(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "best.safetensors");
    rn_model *model = make_model(context), *back = NULL;
    rn_checkpoint *file = NULL;

    (void)state;
    require_ok(context, rn_model_save_with_state(model, "{\"epoch\": 3}", path));
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    assert_string_equal(rn_checkpoint_metadata(file, "rn.state"), "{\"epoch\": 3}");
    assert_string_equal(rn_checkpoint_metadata(file, "rn.kind"), "model");
    rn_checkpoint_destroy(file);
    require_ok(context, rn_model_open(&back, context, path, NULL));
    rn_model_destroy(back);
    require_ok(context, rn_model_save(model, path, NULL));
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    assert_null(rn_checkpoint_metadata(file, "rn.state"));
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void what_cannot_be_written_is_refused(void **state)
{
    rn_model *model = make_model(context);

    (void)state;
    require_status(context, rn_model_save(model, "/nowhere/at/all/model.safetensors", NULL), RN_IO);
    assert_non_null(strstr(rn_context_message(context), "/nowhere/at/all"));
    require_status(context, rn_model_save(model, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_save(NULL, "x", NULL), RN_INVALID_ARGUMENT);
    rn_model_destroy(model);
}

/* ---- files that lie ---------------------------------------------------------------------------------------------- */

/* Opens `path`; the message must have these words and name the file. */
static void require_refusal(const char *path, rn_status expected, const char *words)
{
    rn_model *model = (rn_model *)&expected;

    require_status(context, rn_model_open(&model, context, path, NULL), expected);
    assert_null(model);
    if (strstr(rn_context_message(context), words) == NULL || strstr(rn_context_message(context), path) == NULL)
        fail_msg("the message '%s' lacks '%s' or the file's name", rn_context_message(context), words);
}

static void wrong_metadata_is_refused(void **state)
{
    static const struct {
        const char *key, *value;
        rn_status status;
        const char *words;
    } wrong[] = {
        { "rn.network", NULL, RN_FORMAT, "carries no network name" },
        { "rn.network", "resnet1001", RN_INVALID_ARGUMENT, "'resnet1001' is not a network" },
        { "rn.network", "%s%n%s", RN_INVALID_ARGUMENT, "not a network" },
        { "rn.network", "cifar_resnet32", RN_SHAPE, "missing: layer1.3.conv1.weight" },
        { "rn.kind", "virus", RN_FORMAT, "'virus'" },
        { "rn.classes", "[[\"a\", \"b\"]", RN_FORMAT, "rn.classes" },
        { "rn.classes", "{\"a\": \"b\"}", RN_FORMAT, "rn.classes" },
        { "rn.classes", "[]", RN_FORMAT, "0 classes" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"], [\"e\"]]", RN_FORMAT, "rn.classes" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"], [\"e\", \"f\", \"g\"]]", RN_FORMAT, "rn.classes" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"], 7]", RN_FORMAT, "rn.classes" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"], [\"e\", null]]", RN_FORMAT, "rn.classes" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"], [\"a\", \"f\"]]", RN_FORMAT, "a" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"], [\"\", \"f\"]]", RN_FORMAT, "" },
        { "rn.classes", "[[\"a\", \"b\"], [\"c\", \"d\"]]", RN_FORMAT, "rn.class_count" },
        { "rn.class_count", "4", RN_FORMAT, "rn.class_count" },
        { "rn.class_count", "0", RN_FORMAT, "rn.class_count" },
        { "rn.class_count", "-3", RN_FORMAT, "rn.class_count" },
        { "rn.class_count", "3x", RN_FORMAT, "rn.class_count" },
        { "rn.class_count", "", RN_FORMAT, "rn.class_count" },
        { "rn.class_count", "99999999999999999999999", RN_FORMAT, "rn.class_count" },
        { "rn.input", "[3, 24]", RN_FORMAT, "rn.input" },
        { "rn.input", "[3, 24, 40, 1]", RN_FORMAT, "rn.input" },
        { "rn.input", "[1, 24, 40]", RN_FORMAT, "rn.input" },
        { "rn.input", "[3, -24, 40]", RN_FORMAT, "rn.input" },
        { "rn.input", "[3, 24.5, 40]", RN_FORMAT, "rn.input" },
        { "rn.input", "[3, \"24\", 40]", RN_FORMAT, "rn.input" },
        { "rn.input", "[3, 1e300, 40]", RN_FORMAT, "rn.input" },
        { "rn.input", "24", RN_FORMAT, "rn.input" },
        { "rn.input", "[3, 2048, 2049]", RN_FORMAT, "rn_model_open_options.max_pixels" },
        { "rn.input", "[3, 16384, 16384]", RN_FORMAT, "rn_model_open_options.max_pixels" },
        { "rn.pipeline", "Explode(7)", RN_FORMAT, "Explode" },
        { "rn.pipeline", "", RN_FORMAT, "" },
        { "rn.pipeline", "RandomHorizontalFlip(0.5), ToTensor()", RN_FORMAT, "random" },
        { "rn.pipeline", "CenterCrop(8), ToTensor()", RN_SHAPE, "8 x 8" },
        { "rn.training_pipeline", "Explode(7)", RN_FORMAT, "Explode" },
    };
    const char *directory = rn_test_directory(), *good = rn_test_path(directory, "good"),
               *bad = rn_test_path(directory, "bad");
    rn_model *model = make_model(context);

    (void)state;
    require_ok(context, rn_model_save(model, good, NULL));
    rn_model_destroy(model);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rn_checkpoint *file = NULL;

        require_ok(context, rn_checkpoint_open(&file, context, good, NULL));
        require_ok(context, rn_checkpoint_set_metadata(file, wrong[i].key, wrong[i].value));
        require_ok(context, rn_checkpoint_save(file, bad, RN_FORMAT_SAFETENSORS, NULL));
        rn_checkpoint_destroy(file);
        require_refusal(bad, wrong[i].status, wrong[i].words);
    }
}

static void metadata_that_is_missing_is_the_networks_own(void **state)
{
    static const char *const optional[] = { "rn.kind",     "rn.classes",           "rn.class_count", "rn.input",
                                            "rn.pipeline", "rn.training_pipeline", "rn.numerics" };
    const char *directory = rn_test_directory(), *path = rn_test_path(directory, "bare");
    rn_model *model = NULL;
    rn_checkpoint *file = NULL;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", NULL));
    require_ok(context, rn_model_save(model, path, NULL));
    rn_model_destroy(model);
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
        require_ok(context, rn_checkpoint_set_metadata(file, optional[i], NULL));
    require_ok(context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    require_ok(context, rn_model_open(&model, context, path, NULL));
    assert_int_equal(rn_model_class_count(model), 10);
    assert_non_null(rn_model_pipeline(model));
    rn_model_destroy(model);
}

static void a_small_file_cannot_ask_for_a_large_model(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "large");
    rn_checkpoint *file = NULL;
    rn_tensor *empty = NULL;

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.network", "resnet152"));
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.class_count", "1000000"));
    require_ok(context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    require_refusal(path, RN_FORMAT, "1000000 classes");

    /* nor with a tensor of that many rows of nothing */
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    require_ok(context,
               rn_tensor_create(&empty, context, RN_FLOAT32, 2, (const int64_t[]){ 1000000, 0 }, RN_ROW_MAJOR));
    require_ok(context, rn_checkpoint_add(file, "fc.weight", empty));
    require_ok(context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    rn_tensor_destroy(empty);
    require_refusal(path, RN_FORMAT, "1000000 classes");
}

/* Raised as the message says, and to the pixel. */
static void an_option_allows_larger_inputs(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "wide");
    rn_model *const made = make_model(context);
    rn_checkpoint *file = NULL;
    rn_model *model = NULL;
    int64_t height, width;

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    require_ok(context, rn_model_state_dict(file, made));
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.input", "[3, 2048, 2049]"));
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.pipeline", NULL));
    require_ok(context, rn_checkpoint_set_metadata(file, "rn.training_pipeline", NULL));
    require_ok(context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    require_refusal(path, RN_FORMAT, "rn_model_open_options.max_pixels");
    require_status(context,
                   rn_model_open(&model, context, path, RN_OPTIONS(rn_model_open, .max_pixels = 2048 * 2049 - 1)),
                   RN_FORMAT);
    require_status(context, rn_model_open(&model, context, path, RN_OPTIONS(rn_model_open, .max_pixels = -1)),
                   RN_INVALID_ARGUMENT);
    require_ok(context, rn_model_open(&model, context, path, RN_OPTIONS(rn_model_open, .max_pixels = 2048 * 2049)));
    rn_model_input_size(model, NULL, &height, &width);
    assert_true(height == 2048 && width == 2049);
    rn_model_destroy(model);
    rn_model_destroy(made);
    rn_checkpoint_destroy(file);
}

/* Each row of the head begins one element behind the last: 1000 x 64 elements in 1063. */
static void overlapping_rows_are_no_weights_of_their_own(void **state)
{
    static const int64_t shape[] = { 1000, 64 }, strides[] = { 1, 1 };
    const char *path = rn_test_path(rn_test_directory(), "overlapping");
    rn_bytes bytes = hostile_begin();
    FILE *file;

    (void)state;
    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2}(X\x0a\0\0\0rn.networkX\x0e\0\0\0cifar_resnet20X\x0e\0\0\0rn.class_countX\4\0\0\0"
                   "1000X\x09\0\0\0fc.weight");
    append_tensor(&bytes, 1063, 2, shape, strides);
    APPEND(&bytes, "u.");
    append_legacy_end(&bytes, 1063);
    assert_false(bytes.failed);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.count, file), bytes.count);
    assert_int_equal(fclose(file), 0);
    rn_bytes_release(&bytes);
    require_refusal(path, RN_FORMAT, "1000 classes, but no weights");
}

static void weights_alone_are_no_model_file(void **state)
{
    const char *path = rn_test_data("weights/cifar_resnet20.th");

    (void)state;
    require_refusal(path, RN_FORMAT, "carries no network name");
}

static void wrong_arguments_are_refused(void **state)
{
    rn_model *model = (rn_model *)&model;

    (void)state;
    assert_int_equal(rn_model_open(&model, NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_null(model);
    require_status(context, rn_model_open(NULL, context, "x", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_open(&model, context, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_open(&model, context, "/nowhere/at/all", NULL), RN_IO);
    assert_null(model);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Saves and opens with the fail_at-th allocation failing; true if none did. */
static bool round_trip(const char *from, const char *to, long fail_at)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *small = NULL;
    rn_model *model = NULL;
    rn_status status;
    bool whole;

    require_ok(NULL,
               rn_context_create(&small, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                    .release = rn_test_release, .allocator_payload = &allocator)));
    allocator.fail_at = allocator.calls + fail_at;
    status = rn_model_open(&model, small, from, NULL);
    if (status == RN_OK)
        status = rn_model_save(model, to, NULL);
    whole = allocator.calls <= allocator.fail_at;
    if (status != RN_OK)
        require_status(small, status, RN_NO_MEMORY);
    else
        assert_true(whole);
    rn_model_destroy(model);
    rn_context_destroy(small);
    assert_int_equal(allocator.live, 0);
    return whole;
}

static void every_failing_allocation_is_answered(void **state)
{
    const char *directory = rn_test_directory(), *from = rn_test_path(directory, "from"),
               *to = rn_test_path(directory, "to");
    rn_model *model = make_model(context);

    (void)state;
    require_ok(context, rn_model_save(model, from, NULL));
    rn_model_destroy(model);
    /* more than a thousand allocations, most of them alike: every one of the first hundred, then every eleventh */
    for (long fail_at = 0; !round_trip(from, to, fail_at); fail_at += fail_at < 100 ? 1 : 11)
        assert_true(fail_at < 100000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_comes_back_whole),
        TEST(a_model_without_a_table_keeps_its_number_of_classes),
        TEST(equal_models_give_equal_bytes),
        TEST(state_text_travels_with_a_model),
        TEST(what_cannot_be_written_is_refused),
        TEST(wrong_metadata_is_refused),
        TEST(metadata_that_is_missing_is_the_networks_own),
        TEST(a_small_file_cannot_ask_for_a_large_model),
        TEST(an_option_allows_larger_inputs),
        TEST(overlapping_rows_are_no_weights_of_their_own),
        TEST(weights_alone_are_no_model_file),
        TEST(wrong_arguments_are_refused),
        TEST(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("store/model_file", tests, NULL, NULL);
}
