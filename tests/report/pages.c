/* SPDX-License-Identifier: MIT */
#include "report/pages.h"

#include "store/store.h"
#include "train/evaluation.h"

#include <sys/stat.h>

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* A disc on a ground, in colours of its number. */
static rn_status draw(rn_sample *sample, size_t index, void *payload)
{
    enum { SIDE = 48 };
    uint8_t rgb[SIDE * SIDE * 3];

    (void)payload;
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int y = i / SIDE - SIDE / 2, x = i % SIDE - SIDE / 2, inside = x * x + y * y < 300;

        rgb[3 * i] = (uint8_t)(inside ? 200 : index * 37 % 128 + i / SIDE);
        rgb[3 * i + 1] = (uint8_t)(inside ? index * 71 % 200 : index * 53 % 128 + 60);
        rgb[3 * i + 2] = (uint8_t)(inside ? index * 29 % 250 : 90);
    }
    return rn_sample_give_pixels(sample, SIDE, SIDE, rgb, 0);
}

static char **numbered(const char *name, size_t count)
{
    const size_t size = strlen(name) + 24;
    char **const all = calloc(count, sizeof *all);

    assert_non_null(all);
    for (size_t i = 0; i < count; i++) {
        all[i] = malloc(size);
        assert_non_null(all[i]);
        snprintf(all[i], size, "%s %zu", name, i + 1);
    }
    return all;
}

static void release(char **all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(all[i]);
    free(all);
}

static rn_dataset *drawn(rn_context *context, size_t classes, size_t count, const char *name)
{
    char **const folders = numbered(name, classes), **const photos = numbered(name, count);
    int64_t *const labels = calloc(count, sizeof *labels);
    rn_classes *table;
    rn_dataset *dataset;

    assert_non_null(labels);
    for (size_t i = 0; i < count; i++)
        labels[i] = (int64_t)(i % classes);
    require_ok(context, rn_classes_create(&table, context, (const char *const *)folders, NULL, classes));
    require_ok(context, rn_dataset_create(&dataset, context,
                                          RN_OPTIONS(rn_dataset, .classes = table, .count = count, .labels = labels,
                                                     .read = draw, .names = (const char *const *)photos)));
    rn_classes_destroy(table);
    free(labels);
    release(folders, classes);
    release(photos, count);
    return dataset;
}

rn_evaluation_result *rn_test_answers(rn_context *context, size_t classes, size_t count, const char *name)
{
    rn_dataset *const dataset = drawn(context, classes, count, name);
    float *const row = calloc(classes, sizeof *row);
    rn_evaluation_result *result;
    uint32_t state = 1;

    assert_non_null(row);
    require_ok(context, rn_result_begin(&result, dataset, classes, &context->message));
    for (size_t i = 0; i < count; i++) {
        const size_t label = i % classes;
        size_t taken = label;

        state = state * 1664525u + 1013904223u;
        if (state >> 8 < (1u << 24) / PAGES_WRONG_IN) /* near ones more often than far ones */
            taken = (label + 1 + (state >> 4) % 16 * ((state >> 3) % 3)) % classes;
        memset(row, 0, classes * sizeof *row);
        row[taken] = 3.0f + (float)(state >> 20 & 7) + logf((float)classes);
        row[(taken + 1) % classes] += 2.5f;
        row[label] += 2;
        rn_result_add(result, i, row);
    }
    require_ok(context, rn_result_finish(result, &context->message));
    free(row);
    rn_dataset_destroy(dataset);
    return result;
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

void rn_test_text(const char *directory, const char *file, const char *text)
{
    FILE *const stream = fopen(rn_test_path(directory, file), "wb");

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

rn_model *rn_test_small_model(rn_context *context, size_t classes, const char *name)
{
    rn_graph *g;
    rn_model *model;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, 8, 8, NULL);
    x = rn_relu(g, rn_batch_norm2d(g, rn_conv2d(g, x, "conv1", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1)), "bn1", NULL),
                NULL);
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL);
    rn_graph_output(g, "logits", rn_linear(g, x, "fc", (int64_t)classes, NULL));
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, name, RN_OPTIONS(rn_model, .seed = 1)));
    rn_graph_destroy(g);
    require_ok(context, rn_model_set_pipeline(model, "Resize(8, 8), ToTensor()"));
    rn_model_freeze_backbone(model);
    return model;
}

static void write_history(const char *directory, int frozen, int all, const char *phase)
{
    const size_t room = (size_t)(frozen + all) * (strlen(phase) + 300) + 1;
    char *const history = malloc(room), *const times = malloc(room);
    size_t h = 0, t = 0;
    double best = 0;

    assert_true(history != NULL && times != NULL);
    history[0] = times[0] = '\0';
    for (int i = 0; i < frozen + all; i++) {
        const double x = (double)i / (frozen + all), wave = 0.02 * sin(i * 2.3);
        const double accuracy = 0.92 - 0.6 * exp(-5 * x) + wave;
        const char *const name = i < frozen ? "frozen" : phase;
        const int epoch = i < frozen ? i : i - frozen;

        h += (size_t)snprintf(history + h, room - h,
                              "{\"phase\":\"%s\",\"epoch\":%d,\"train_loss\":%.9g,\"train_accuracy\":%.9g,"
                              "\"valid_loss\":%.9g,\"valid_accuracy\":%.9g,\"lr\":%.9g,\"best\":%d}\n",
                              name, epoch + 1, 3.2 * exp(-4 * x) + 0.2, 0.97 - 0.8 * exp(-4 * x),
                              2.8 * exp(-5 * x) + 0.3 - wave, accuracy, i < frozen ? 1e-3 : 1e-4 * pow(0.1, epoch / 7),
                              accuracy > best);
        t += (size_t)snprintf(times + t, room - t,
                              "{\"phase\":\"%s\",\"epoch\":%d,\"seconds\":%.9g,\"loading_seconds\":%.9g,"
                              "\"images_per_second\":%.9g}\n",
                              name, epoch + 1, i < frozen ? 20.5 : 61.25, 1.5, (i < frozen ? 210.0 : 74.0) + 5 * wave);
        best = fmax(best, accuracy);
    }
    rn_test_text(directory, "history.jsonl", history);
    rn_test_text(directory, "times.jsonl", times);
    free(history);
    free(times);
}

void rn_test_run_files(rn_context *context, const char *directory, int frozen, int all, const char *phase, int complete)
{
    rn_model *const model = rn_test_small_model(context, 3, "tiny");
    char text[4096];

    mkdir(directory, 0777);
    write_history(directory, frozen, all, phase);
    snprintf(
        text, sizeof text,
        "{\"version\":1,\"network\":\"tiny\",\"pipeline\":\"Resize(8, 8), ToTensor()\",\"training_pipeline\":"
        "\"Resize(8, 8), RandomHorizontalFlip(0.5), ToTensor()\",\"seed\":\"0000000000000007\",\"batch_size\":8,"
        "\"phases\":[{\"name\":\"frozen\",\"lr\":0.001,\"lr_gamma\":0.1,\"weight_decay\":0,\"lr_step_epochs\":7,"
        "\"epochs\":%d,\"optimizer\":0,\"complete\":1,\"done\":%d},{\"name\":\"%s\",\"lr\":0.0001,\"lr_gamma\":0.1,"
        "\"weight_decay\":0.01,\"lr_step_epochs\":7,\"epochs\":%d,\"optimizer\":1,\"new_option\":0.5,\"complete\":%d,"
        "\"done\":0}],\"epoch\":%d}",
        frozen, frozen, phase, 2 * all, complete, complete ? 0 : all);
    require_ok(context, rn_training_save(model, &(rn_training_state){ .state = text },
                                         rn_test_path(directory, "last.safetensors")));
    snprintf(
        text, sizeof text,
        "{\"data\": \"flowers\", \"recipe\": \"tuned\", \"from-scratch\": true, \"new-head\": false, \"lr\": 1e-4, "
        "\"%s\": [1], \"phase\": \"%s\"}",
        phase, phase);
    rn_test_text(directory, "config.json", text);
    rn_model_destroy(model);
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

char *rn_test_page(rn_context *context, const rn_report_options *options)
{
    static const char *path;
    FILE *file;
    char *text;
    long length;

    if (path == NULL)
        path = rn_test_path(rn_test_directory(), "report.html");
    require_ok(context, rn_report_write(context, path, options));
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    rewind(file);
    text = calloc(1, (size_t)length + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)length, file), length);
    fclose(file);
    return text;
}
