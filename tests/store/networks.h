/* SPDX-License-Identifier: MIT */
/* A small network with a residual network's words, and files that hold it under other names. */
#ifndef RN_TESTS_STORE_NETWORKS_H
#define RN_TESTS_STORE_NETWORKS_H

#include "graph/graph.h"
#include "support/support.h"

static rn_context *context;
static char heard[4096]; /* all lines of the log, each after its level */

static void hear(rn_log_level level, const char *line, void *payload)
{
    const size_t length = strlen(heard);

    (void)payload;
    snprintf(heard + length, sizeof heard - length, "%d %s\n", (int)level, line);
}

static int begin(void **state)
{
    (void)state;
    heard[0] = '\0';
    return rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .log = hear)) == RN_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

/* conv1, bn1, layer1.0.conv1, layer1.0.bn1, layer2.0.conv1, fc: two features for `classes`. */
static rn_model *make_sized_network(rn_context *own, int64_t classes, int64_t side)
{
    rn_graph *graph = NULL;
    rn_model *made = NULL;
    rn_value x;

    require_ok(own, rn_graph_create(&graph, own));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, side, side, NULL), "conv1", 4, 3, NULL);
    x = rn_relu(graph, rn_batch_norm2d(graph, x, "bn1", NULL), NULL);
    x = rn_conv2d(graph, x, "layer1.0.conv1", 4, 1, NULL);
    x = rn_batch_norm2d(graph, x, "layer1.0.bn1", NULL);
    x = rn_conv2d(graph, x, "layer2.0.conv1", 2, 1, NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", classes, NULL));
    rn_graph_head(graph, "fc");
    require_ok(own, rn_model_build(&made, graph, "small", NULL));
    rn_graph_destroy(graph);
    return made;
}

static rn_model *make_network(int64_t classes)
{
    return make_sized_network(context, classes, 8);
}

static rn_checkpoint *make_file(void)
{
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_create(&file, context));
    return file;
}

/* Another piece of text for a piece of each name where it occurs first ("^": at the name's beginning); NULL for
 * `theirs`: such names are left out. */
typedef struct other_name {
    const char *ours, *theirs;
} other_name;

static char *find_piece(char *name, const char *piece)
{
    if (piece[0] != '^')
        return strstr(name, piece);
    return strncmp(name, piece + 1, strlen(piece + 1)) == 0 ? name : NULL;
}

/* Writes the name in the file; false: left out. `names` ends with zeros. */
static bool name_in_file(char text[256], const char *prefix, const char *name, const other_name *names)
{
    char own[256], rest[256];

    snprintf(own, sizeof own, "%s", name);
    for (; names != NULL && names->ours != NULL; names++) {
        char *const place = find_piece(own, names->ours);

        if (place != NULL && names->theirs == NULL)
            return false;
        if (place == NULL)
            continue;
        snprintf(rest, sizeof rest, "%s", place + strlen(names->ours) - (names->ours[0] == '^'));
        snprintf(place, sizeof own - (size_t)(place - own), "%s%s", names->theirs, rest);
    }
    snprintf(text, 256, "%s%s", prefix, own);
    return true;
}

/* Adds a network's tensors; parameter i is filled with `number` + i. */
static void put_network(rn_checkpoint *file, rn_model *model, const char *prefix, const other_name *names,
                        double number)
{
    const rn_parameters *const parameters = rn_model_parameters(model);

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *const value = rn_parameters_value(parameters, i);
        rn_tensor *tensor = NULL;
        char name[256];

        if (!name_in_file(name, prefix, rn_parameters_name(parameters, i), names))
            continue;
        require_ok(context, rn_tensor_convert(&tensor, value, rn_tensor_dtype(value), RN_ROW_MAJOR));
        require_ok(context, rn_tensor_fill(tensor, number + (double)i));
        require_ok(context, rn_checkpoint_add(file, name, tensor));
        rn_tensor_destroy(tensor);
    }
}

/* A file of the network of two classes, each parameter filled with 100 and its place. */
static rn_checkpoint *file_of(const char *prefix, const other_name *names)
{
    rn_checkpoint *const file = make_file();
    rn_model *const model = make_network(2);

    put_network(file, model, prefix, names, 100);
    rn_model_destroy(model);
    return file;
}

static inline void add_zeros(rn_checkpoint *file, const char *name, int32_t rank, const int64_t *shape)
{
    rn_tensor *tensor = NULL;

    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, rank, shape, RN_ROW_MAJOR));
    require_ok(context, rn_checkpoint_add(file, name, tensor));
    rn_tensor_destroy(tensor);
}

/* How many parameters have what put_network gave them. */
static size_t count_loaded(rn_model *model, double number)
{
    const int64_t origin[4] = { 0 };
    rn_parameters *const parameters = rn_model_parameters(model);
    size_t count = 0;

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        double found = 0;

        require_ok(context, rn_tensor_get(rn_parameters_value(parameters, i), origin, &found));
        count += found == number + (double)i;
    }
    return count;
}

enum { ENTRIES = 15, BACKBONE_ENTRIES = 13 }; /* of the small network, counters included */

/* Fails the test unless the text has these words. */
static void require_words(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("'%s' lacks '%s'", text, words);
}

/* Loads a file into a fresh network, which must take `expected` of its parameters, and destroys the file. */
static inline void require_load(rn_checkpoint *file, const rn_load_options *options, size_t expected)
{
    rn_model *const model = make_network(2);

    require_ok(context, rn_model_load_checkpoint(model, file, options));
    assert_int_equal(count_loaded(model, 100), expected);
    rn_model_destroy(model);
    rn_checkpoint_destroy(file);
}

/* The file must be refused with these words, and nothing be loaded. Destroys it. */
static inline void require_refusal(rn_checkpoint *file, const rn_load_options *options, rn_status status,
                                   const char *words)
{
    rn_model *const model = make_network(2);

    require_status(context, rn_model_load_checkpoint(model, file, options), status);
    require_words(rn_context_message(context), words);
    assert_int_equal(count_loaded(model, 100), 0);
    rn_model_destroy(model);
    rn_checkpoint_destroy(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
