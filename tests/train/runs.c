/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "train/runs.h"

#include <stdbool.h>
#include <sys/stat.h>

static void put_bytes(unsigned char *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

/* 24 bits a pixel, rows from the bottom, each a multiple of four bytes long. */
static void write_bmp(const char *path, const unsigned char *grey, int side)
{
    const size_t pitch = ((size_t)side * 3 + 3) / 4 * 4, size = 54 + pitch * (size_t)side;
    unsigned char *file = calloc(1, size);

    assert_non_null(file);
    memcpy(file, "BM", 2);
    put_bytes(file + 2, (uint32_t)size, 4);
    put_bytes(file + 10, 54, 4);
    put_bytes(file + 14, 40, 4);
    put_bytes(file + 18, (uint32_t)side, 4);
    put_bytes(file + 22, (uint32_t)side, 4);
    put_bytes(file + 26, 1, 2);
    put_bytes(file + 28, 24, 2);
    put_bytes(file + 34, (uint32_t)(size - 54), 4);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side * 3; x++)
            file[54 + (size_t)(side - 1 - y) * pitch + (size_t)x] = grey[y * side + x / 3];
    rn_test_write_file(path, file, size);
    free(file);
}

static void draw(unsigned char *grey, int side, int label, int shift, uint32_t *state)
{
    for (int i = 0; i < side * side; i++) {
        const int y = i / side, x = i % side, along = label % 3 == 0 ? y : label % 3 == 1 ? x : x + y;

        *state = *state * 1664525u + 1013904223u;
        grey[i] = (unsigned char)(((along + shift) / 2 % 2 ? 60 : 140) + (int)(*state >> 26) - 32 + label / 3 * 40);
    }
}

void rn_test_photos(const char *directory, const char *part, int classes, int count, int side, uint32_t seed)
{
    const char *folder = rn_test_path(directory, part);
    unsigned char *grey = malloc((size_t)side * (size_t)side);
    uint32_t state = seed;
    char name[32];

    assert_non_null(grey);
    mkdir(folder, 0777);
    for (int c = 0; c < classes; c++) {
        const char *of_class;

        snprintf(name, sizeof name, "class%d", c);
        of_class = rn_test_path(folder, name);
        mkdir(of_class, 0777);
        for (int i = 0; i < count; i++) {
            snprintf(name, sizeof name, "%s_%03d.bmp", part, i);
            draw(grey, side, c, i % 4, &state);
            write_bmp(rn_test_path(of_class, name), grey, side);
        }
    }
    free(grey);
}

const char *rn_test_photo_directory(void)
{
    const char *directory = rn_test_directory();

    rn_test_photos(directory, "train", RUN_CLASSES, RUN_TRAIN, RUN_SIDE, 1);
    rn_test_photos(directory, "valid", RUN_CLASSES, RUN_VALID, RUN_SIDE, 2);
    return directory;
}

const char *rn_test_new_directory(void)
{
    static const char *below;
    static char names[256][64];
    static int count;

    if (below == NULL)
        below = rn_test_directory();
    assert_true(count < 256);
    snprintf(names[count], sizeof names[count], "%s/%d", below, count);
    return names[count++];
}

static rn_model *make_network(rn_context *context, const rn_classes *classes, uint64_t seed, bool auxiliary)
{
    const int64_t count = (int64_t)rn_classes_count(classes);
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x, first;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, RUN_SIDE, RUN_SIDE, NULL);
    x = rn_conv2d(g, x, "conv1", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    x = first = rn_relu(g, rn_batch_norm2d(g, x, "bn1", NULL), NULL);
    x = rn_conv2d(g, x, "conv2", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .stride = 2));
    x = rn_relu(g, rn_batch_norm2d(g, x, "bn2", NULL), NULL);
    x = rn_dropout(g, rn_flatten(g, x, NULL), "dropout", 0.25, NULL);
    rn_graph_output(g, "logits", rn_linear(g, x, "fc", count, NULL));
    if (auxiliary)
        rn_graph_auxiliary_output(g, "aux", rn_linear(g, rn_flatten(g, first, NULL), "aux.fc", count, NULL), NULL);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "tiny", RN_OPTIONS(rn_model, .classes = classes, .seed = seed)));
    rn_graph_destroy(g);
    require_ok(context, rn_model_set_pipeline(model, "Resize(8, 8), ToTensor(), Normalize(0.4 0.4 0.4, 0.2 0.2 0.2)"));
    require_ok(context,
               rn_model_set_training_pipeline(
                   model, "Resize(8, 8), RandomHorizontalFlip(0.5), ToTensor(), Normalize(0.4 0.4 0.4, 0.2 0.2 0.2)"));
    return model;
}

rn_model *rn_test_network(rn_context *context, const rn_classes *classes, uint64_t seed)
{
    return make_network(context, classes, seed, false);
}

rn_model *rn_test_network_of_two(rn_context *context, const rn_classes *classes, uint64_t seed)
{
    return make_network(context, classes, seed, true);
}

rn_test_run rn_test_run_open(const char *photos, uint64_t seed)
{
    rn_test_run run = { 0 };

    assert_int_equal(rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .seed = seed)), RN_OK);
    require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = rn_test_network(run.context, rn_dataset_classes(run.train), 5);
    return run;
}

rn_status rn_test_run_train(rn_test_run *run, const char *directory, int resume, rn_progress_function progress,
                            void *payload)
{
    rn_trainer_destroy(run->trainer);
    return rn_trainer_create(&run->trainer, run->model, run->train, run->valid,
                             RN_OPTIONS(rn_trainer, .directory = directory, .resume = resume, .batch_size = RUN_BATCH,
                                        .progress = progress, .progress_payload = payload));
}

rn_status rn_test_run_fit(rn_test_run *run)
{
    rn_status status = rn_model_freeze_backbone(run->model);

    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = "frozen", .epochs = 2, .lr = 1e-2));
    if (status == RN_OK)
        status = rn_model_unfreeze(run->model, "*");
    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 3, .lr = 3e-3,
                                                         .lr_step_epochs = 2, .lr_gamma = 0.3));
    return status;
}

void rn_test_run_close(rn_test_run *run)
{
    rn_trainer_destroy(run->trainer);
    rn_model_destroy(run->model);
    rn_dataset_destroy(run->valid);
    rn_dataset_destroy(run->train);
    rn_context_destroy(run->context);
    memset(run, 0, sizeof *run);
}

int32_t rn_test_cancel(const rn_progress *progress, void *payload)
{
    int *left = payload;

    (void)progress;
    return (*left)-- == 0;
}

void rn_test_note_warning(rn_log_level level, const char *line, void *payload)
{
    rn_test_warnings *const w = payload;

    if (level != RN_LOG_WARNING)
        return;
    w->count++;
    snprintf(w->last, sizeof w->last, "%s", line);
}

char *rn_test_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long length;

    *size = 0;
    if (file == NULL)
        return NULL;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    assert_true(length >= 0);
    rewind(file);
    bytes = calloc(1, (size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)length, file), length);
    fclose(file);
    *size = (size_t)length;
    return bytes;
}

void rn_test_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void rn_test_copy_file(const char *to, const char *from)
{
    size_t size;
    char *bytes = rn_test_file(from, &size);

    assert_non_null(bytes);
    rn_test_write_file(to, bytes, size);
    free(bytes);
}

void rn_test_same_results(const char *directory, const char *other)
{
    static const char *const names[] = { "best.safetensors", "last.safetensors", "history.jsonl" };

    for (int i = 0; i < 3; i++) {
        size_t size, other_size;
        char *bytes = rn_test_file(rn_test_path(directory, names[i]), &size);
        char *other_bytes = rn_test_file(rn_test_path(other, names[i]), &other_size);

        assert_non_null(bytes);
        assert_non_null(other_bytes);
        if (size != other_size || memcmp(bytes, other_bytes, size) != 0)
            fail_msg("%s differs between %s and %s", names[i], directory, other);
        free(bytes);
        free(other_bytes);
    }
}

char *rn_test_values(rn_model *model, size_t *size)
{
    const rn_parameters *parameters = rn_model_parameters(model);
    char *values = NULL;

    *size = 0;
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *value = rn_parameters_value(parameters, i);
        const size_t nbytes = (size_t)rn_tensor_count(value) * rn_dtype_size(rn_tensor_dtype(value));

        values = realloc(values, *size + nbytes + 1);
        assert_non_null(values);
        memcpy(values + *size, rn_tensor_const_data(value), nbytes);
        *size += nbytes;
    }
    return values;
}

const char *rn_test_undisturbed_photos, *rn_test_undisturbed;

int rn_test_make_undisturbed(void **state)
{
    rn_test_run run;

    (void)state;
    rn_test_undisturbed_photos = rn_test_photo_directory();
    rn_test_undisturbed = rn_test_new_directory();
    run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    require_ok(run.context, rn_test_run_train(&run, rn_test_undisturbed, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    rn_test_run_close(&run);
    return 0;
}

void rn_test_resume_to_the_end(const char *directory)
{
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);

    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    rn_test_run_close(&run);
}
