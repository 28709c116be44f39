/* SPDX-License-Identifier: MIT */
/*
 * Networks by name: options, preprocessing, refusals; every state dict against PyTorch's (names.txt, written by
 * make_names.py).
 */
#include "zoo/zoo.h"

#define RN_TEST_THREADS 0
#include "support/one_context.h"

#include <inttypes.h>

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "name size size ..." of an entry. */
static const char *entry_line(char *line, size_t size, const rn_parameters *parameters, size_t index)
{
    const rn_tensor *value = rn_parameters_value(parameters, index);
    size_t length = (size_t)snprintf(line, size, "%s", rn_parameters_name(parameters, index));

    for (int32_t i = 0; i < rn_tensor_rank(value); i++)
        length += (size_t)snprintf(line + length, size - length, " %" PRId64, rn_tensor_shape(value)[i]);
    return line;
}

/* The graph alone: nothing of the largest networks is allocated. */
static rn_graph *write_network(const char *name)
{
    const rn_zoo_entry *const entry = rn_zoo_find(name);
    rn_graph *graph = NULL;

    if (entry == NULL)
        fail_msg("the zoo has no %s", name);
    require_ok(context, rn_graph_create(&graph, context));
    entry->write(graph, name, entry->classes, entry->height, entry->width);
    if (graph->status != RN_OK)
        fail_msg("%s: %s", name, graph->message.text);
    return graph;
}

static void require_complete(const rn_graph *graph, size_t seen)
{
    if (graph != NULL)
        assert_int_equal(seen, graph->parameters->count);
}

static void every_state_dict_is_that_of_pytorch(void **state)
{
    FILE *file = fopen(rn_test_fixture("zoo/names.txt"), "r");
    rn_graph *graph = NULL;
    char line[256], ours[256], name[64];
    size_t seen = 0, networks = 0;
    int64_t elements;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "network %63s %" SCNd64, name, &elements) == 2) {
            require_complete(graph, seen);
            rn_graph_destroy(graph);
            graph = write_network(name);
            assert_int_equal(rn_parameters_elements(graph->parameters, 0), elements);
            assert_string_equal(rn_zoo_name(networks++), name);
            seen = 0;
            continue;
        }
        assert_true(seen < rn_parameters_count(graph->parameters));
        assert_string_equal(entry_line(ours, sizeof ours, graph->parameters, seen), line);
        /* what PyTorch calls a buffer */
        assert_int_equal(rn_parameters_is_parameter(graph->parameters, seen),
                         strstr(line, "running_") == NULL && strstr(line, "num_batches") == NULL);
        seen++;
    }
    require_complete(graph, seen);
    rn_graph_destroy(graph);
    fclose(file);
    assert_null(rn_zoo_name(networks)); /* the fixture has the whole zoo */
    assert_true(networks == 37);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static void require_pipelines(const rn_model *model, const char *evaluation, const char *training)
{
    rn_pipeline *parsed = NULL;

    require_ok(context, rn_pipeline_create(&parsed, context, evaluation));
    assert_string_equal(rn_pipeline_text(rn_model_pipeline(model)), rn_pipeline_text(parsed));
    rn_pipeline_destroy(parsed);
    require_ok(context, rn_pipeline_create(&parsed, context, training));
    assert_string_equal(rn_pipeline_text(rn_model_training_pipeline(model)), rn_pipeline_text(parsed));
    rn_pipeline_destroy(parsed);
}

#define NORMALIZE "ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)"
#define TURN(crop) \
    "RandomRotation(45), CenterCrop(" crop \
    "), RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5), ColorJitter(0.2, 0.1, 0.1, 0.1), " \
    "RandomGrayscale(0.025), " NORMALIZE

static void preprocessing_scales_with_the_input(void **state)
{
    rn_model *model = NULL;
    int64_t height = 0, width = 0;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", NULL));
    require_pipelines(model, "Resize(256), CenterCrop(224), " NORMALIZE, "Resize(256), " TURN("224"));
    rn_model_destroy(model);
    require_ok(context,
               rn_model_create(&model, context, "squeezenet1_0", RN_OPTIONS(rn_model, .height = 97, .width = 97)));
    require_pipelines(model, "Resize(111), CenterCrop(97), " NORMALIZE, "Resize(111), " TURN("97"));
    rn_model_destroy(model);
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", RN_OPTIONS(rn_model, .height = 96)));
    rn_model_input_size(model, NULL, &height, &width);
    assert_true(height == 96 && width == 224);
    require_pipelines(model, "Resize(256), CenterCrop(96, 224), " NORMALIZE, "Resize(256), " TURN("96, 224"));
    rn_model_destroy(model);
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", NULL));
    require_pipelines(model, NORMALIZE, "RandomHorizontalFlip(0.5), " NORMALIZE);
    rn_model_destroy(model);
}

static void the_head_has_the_size_of_the_class_table(void **state)
{
    static const char *const folders[] = { "daisy", "rose", "tulip" };
    rn_classes *classes = NULL;
    rn_model *model = NULL;
    size_t index = 0;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 3));
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .classes = classes)));
    assert_int_equal(rn_model_class_count(model), 3);
    assert_string_equal(rn_classes_folder(rn_model_classes(model), 2), "tulip");
    require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), "linear.weight"));
    assert_int_equal(rn_tensor_shape(rn_parameters_value(rn_model_parameters(model), index))[0], 3);
    rn_model_destroy(model);
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", RN_OPTIONS(rn_model, .class_count = 102)));
    assert_int_equal(rn_model_class_count(model), 102);
    assert_null(rn_model_classes(model));
    rn_model_destroy(model);
    require_status(
        context,
        rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .classes = classes, .class_count = 4)),
        RN_INVALID_ARGUMENT);
    rn_classes_destroy(classes);
}

static void require_refusal(const char *name, const rn_model_options *options, rn_status expected, const char *words)
{
    rn_model *model = (rn_model *)&words;

    require_status(context, rn_model_create(&model, context, name, options), expected);
    assert_null(model);
    if (strstr(rn_context_message(context), words) == NULL)
        fail_msg("the message '%s' lacks '%s'", rn_context_message(context), words);
}

static void wrong_arguments_are_refused(void **state)
{
    rn_model *model = (rn_model *)&model;

    (void)state;
    require_refusal("resnet19", NULL, RN_INVALID_ARGUMENT, "'resnet19'; it has resnet18, resnet34");
    require_refusal("resnet19", NULL, RN_INVALID_ARGUMENT, "cifar_resnet110");
    require_refusal("", NULL, RN_INVALID_ARGUMENT, "''");
    require_refusal(NULL, NULL, RN_INVALID_ARGUMENT, "name");
    require_refusal("resnet18", RN_OPTIONS(rn_model, .class_count = -1), RN_INVALID_ARGUMENT, "-1 classes");
    require_refusal("resnet18", RN_OPTIONS(rn_model, .class_count = INT64_MAX), RN_INVALID_ARGUMENT, "classes");
    require_refusal("resnet18", RN_OPTIONS(rn_model, .height = -224), RN_INVALID_ARGUMENT, "-224");
    require_refusal("resnet18", RN_OPTIONS(rn_model, .width = INT32_MAX), RN_INVALID_ARGUMENT, "2147483647");
    require_refusal("squeezenet1_0", RN_OPTIONS(rn_model, .height = 8, .width = 8), RN_SHAPE, "smaller");
    require_refusal("resnet18", &(rn_model_options){ 0 }, RN_INVALID_ARGUMENT, "");
    assert_int_equal(rn_model_create(&model, NULL, "resnet18", NULL), RN_INVALID_ARGUMENT);
    assert_null(model);
    assert_int_equal(rn_model_create(NULL, context, "resnet18", NULL), RN_INVALID_ARGUMENT);
    assert_null(rn_zoo_name(SIZE_MAX));
}

/* ---- describing -------------------------------------------------------------------------------------------------- */

static rn_zoo_network described(const char *name, const rn_model_options *options)
{
    rn_zoo_network network = { .struct_size = sizeof network };

    require_ok(context, rn_zoo_describe(&network, context, name, options));
    return network;
}

static void require_described(const char *name, const rn_model_options *options)
{
    const rn_zoo_network network = described(name, options);
    rn_model *model = NULL;
    int64_t c, h, w;

    require_ok(context, rn_model_create(&model, context, name, options));
    rn_model_input_size(model, &c, &h, &w);
    assert_true(network.channels == c && network.height == h && network.width == w);
    assert_int_equal(network.classes, rn_model_class_count(model));
    assert_int_equal(network.parameters, rn_parameters_elements(rn_model_parameters(model), 0));
    assert_true(network.multiply_adds == rn_model_multiply_adds(model) && network.multiply_adds > 0);
    assert_string_equal(network.head, rn_model_head_name(model, 0));
    rn_model_destroy(model);
}

static void a_description_is_that_of_the_model(void **state)
{
    (void)state;
    require_described("resnet18", RN_OPTIONS(rn_model, .class_count = 7, .height = 64, .width = 96));
    for (size_t i = 0; rn_zoo_name(i) != NULL; i++) {
        const rn_zoo_network network = described(rn_zoo_name(i), NULL);

        if (network.parameters < 30000000) /* the others of a family differ in numbers of blocks alone */
            require_described(rn_zoo_name(i), NULL);
        assert_true(network.head[0] != '\0' && strlen(network.head) < sizeof network.head - 1);
    }
}

/* Blocks that know their size; the payload is the largest. */
static void *allocate_and_measure(size_t bytes, size_t alignment, void *payload)
{
    static rn_test_allocator plain = { .fail_at = -1 };
    size_t *largest = payload;

    *largest = bytes > *largest ? bytes : *largest;
    return rn_test_allocate(bytes, alignment, &plain);
}

static void release_measured(void *memory, void *payload)
{
    static rn_test_allocator plain = { .fail_at = -1 };

    (void)payload;
    rn_test_release(memory, &plain);
}

static void a_description_takes_no_memory_for_weights(void **state)
{
    size_t largest = 0;
    rn_context *small = NULL;
    rn_zoo_network network = { .struct_size = sizeof network };

    (void)state;
    require_ok(NULL, rn_context_create(&small, RN_OPTIONS(rn_context, .threads = 1, .allocate = allocate_and_measure,
                                                          .release = release_measured, .allocator_payload = &largest)));
    require_ok(small, rn_zoo_describe(&network, small, "resnet152", NULL));
    assert_true(network.parameters == 60192808 && network.multiply_adds == INT64_C(11513626624));
    assert_in_range(largest, 1, 1 << 20);
    rn_context_destroy(small);
}

static void a_description_fills_what_the_caller_knows(void **state)
{
    rn_zoo_network network = { .struct_size = offsetof(rn_zoo_network, parameters), .parameters = -5 };

    (void)state;
    require_ok(context, rn_zoo_describe(&network, context, "resnet18", NULL));
    assert_true(network.classes == 1000 && network.parameters == -5);
    assert_int_equal(network.struct_size, offsetof(rn_zoo_network, parameters));
    network.struct_size = 0;
    require_status(context, rn_zoo_describe(&network, context, "resnet18", NULL), RN_INVALID_ARGUMENT);
    network.struct_size = sizeof network;
    require_status(context, rn_zoo_describe(&network, context, "resnet19", NULL), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'resnet19'; it has resnet18"));
    require_status(context,
                   rn_zoo_describe(&network, context, "squeezenet1_0", RN_OPTIONS(rn_model, .height = 8, .width = 8)),
                   RN_SHAPE);
    require_status(context, rn_zoo_describe(&network, context, "resnet18", RN_OPTIONS(rn_model, .height = -1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_zoo_describe(&network, context, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_zoo_describe(NULL, context, "resnet18", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_zoo_describe(&network, NULL, "resnet18", NULL), RN_INVALID_ARGUMENT);
}

static rn_status attempt_description(void *payload)
{
    rn_zoo_network network = { .struct_size = sizeof network };

    return rn_zoo_describe(&network, payload, "cifar_resnet20", NULL);
}

static void a_description_answers_every_failing_allocation(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *small = rn_test_allocator_context(&allocator, 1);

    (void)state;
    rn_test_fail_each(&allocator, attempt_description, small, 100);
    rn_context_destroy(small);
}

static void every_failing_allocation_is_answered(void **state)
{
    bool created = false;

    (void)state;
    for (long fail_at = 0; !created; fail_at += 1 + fail_at / 16) { /* about 700 allocations: denser at the beginning */
        rn_test_allocator allocator = { .fail_at = -1 };
        rn_context *small = NULL;
        rn_model *model = NULL;

        require_ok(NULL,
                   rn_context_create(&small, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &allocator)));
        allocator.fail_at = allocator.calls + fail_at;
        if (rn_model_create(&model, small, "cifar_resnet20", NULL) == RN_OK)
            created = allocator.calls <= allocator.fail_at;
        else
            assert_null(model);
        rn_model_destroy(model);
        rn_context_destroy(small);
        assert_int_equal(allocator.live, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_state_dict_is_that_of_pytorch),       TEST(preprocessing_scales_with_the_input),
        TEST(the_head_has_the_size_of_the_class_table),  TEST(wrong_arguments_are_refused),
        TEST(a_description_is_that_of_the_model),        TEST(a_description_takes_no_memory_for_weights),
        TEST(a_description_fills_what_the_caller_knows), TEST(a_description_answers_every_failing_allocation),
        TEST(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("zoo/catalogue", tests, NULL, NULL);
}
