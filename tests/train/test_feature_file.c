/* SPDX-License-Identifier: MIT */
/* Features on disk: another run finds them, nothing else depends on them, and what does not belong is made anew. */
#define _POSIX_C_SOURCE 200809L
#include "train/feature_file.h"
#include "train/runs.h"
#include "train/train.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { TRAIN = RUN_CLASSES * RUN_TRAIN, VALID = RUN_CLASSES * RUN_VALID };

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

typedef struct heard {
    int warnings, known[2]; /* rows of training and validation before the first batch was trained */
    char last[1024];
} heard;

static void listen(rn_log_level level, const char *line, void *payload)
{
    heard *const h = payload;

    if (level != RN_LOG_WARNING)
        return;
    h->warnings++;
    snprintf(h->last, sizeof h->last, "%s", line);
}

/* A run of the head alone in a directory of its own, which is given back. `seed` is that of the weights, `eps` that of
 * the first batch norm; 0: as ever. */
static const char *train_with(const char *path, uint64_t seed, double eps, size_t memory, int32_t views, heard *h)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = { 0 };

    *h = (heard){ 0 };
    require_ok(NULL, rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .seed = 3, .log = listen,
                                                                .log_payload = h)));
    require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = rn_test_network(run.context, rn_dataset_classes(run.train), seed);
    for (int32_t i = 0; eps != 0; i++) {
        rn_layer *const layer = &run.model->graph->layer[i];

        if (layer->kind != RN_LAYER_BATCH_NORM2D)
            continue;
        layer->as.batch_norm.eps = eps;
        break;
    }
    require_ok(run.context, rn_model_freeze_backbone(run.model));
    require_ok(run.context,
               rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                 RN_OPTIONS(rn_trainer, .directory = directory, .batch_size = RUN_BATCH,
                                            .feature_file = path, .feature_memory = memory, .views = views)));
    h->warnings = 0; /* of doubts about so few photos */
    require_ok(run.context, rn_trainer_settle_sessions(run.trainer));
    h->known[0] = (int)rn_features_kept(run.trainer->train_features);
    h->known[1] = (int)rn_features_kept(run.trainer->valid_features);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = 1e-2)));
    rn_test_run_close(&run);
    return directory;
}

static const char *train(const char *path, uint64_t seed, size_t memory, int32_t views, heard *h)
{
    return train_with(path, seed, 0, memory, views, h);
}

static void another_run_finds_them_and_ends_in_the_same_bytes(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "features.safetensors");
    const char *without;
    heard h;

    (void)state;
    for (int32_t views = 0; views < 3; views += 2) {
        const int rows = views == 0 ? 0 : 2 * TRAIN; /* photos that are mirrored at random anew have none */

        without = train(NULL, 5, 0, views, &h);
        remove(path);
        rn_test_same_results(train(path, 5, 0, views, &h), without);
        assert_int_equal(h.known[0] + h.known[1], 0);
        rn_test_same_results(train(path, 5, 0, views, &h), without);
        assert_int_equal(h.known[0], rows);
        assert_int_equal(h.known[1], VALID);
        assert_int_equal(h.warnings, 0);
    }
}

/* A budget holds in memory, and so on disk. */
static void what_does_not_fit_the_budget_is_computed(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "budget.safetensors");
    const size_t row = 8 * (RUN_SIDE / 2) * (RUN_SIDE / 2) * sizeof(float);
    const char *const without = train(NULL, 5, 0, 0, &(heard){ 0 });
    heard h;

    (void)state;
    rn_test_same_results(train(path, 5, 5 * row, 0, &h), without);
    rn_test_same_results(train(path, 5, 0, 0, &h), without);
    assert_int_equal(h.known[1], 5);
    rn_test_same_results(train(path, 5, 3 * row, 0, &h), without);
    assert_int_equal(h.known[1], 3);
}

static void features_of_another_network_or_changed_photos_are_not_taken(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "other.safetensors");
    const char *const photo = rn_test_path(photos, "valid/class0/valid_000.bmp");
    const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };
    heard h;

    (void)state;
    train(path, 5, 0, 0, &h);
    rn_test_same_results(train(path, 6, 0, 0, &h), train(NULL, 6, 0, 0, &(heard){ 0 }));
    assert_int_equal(h.known[1], 0);
    train(path, 6, 0, 0, &h);
    assert_int_equal(h.known[1], VALID); /* the file is that of the last */
    rn_test_same_results(train_with(path, 6, 0.5, 0, 0, &h), train_with(NULL, 6, 0.5, 0, 0, &(heard){ 0 }));
    assert_int_equal(h.known[1], 0); /* the same names, shapes and weights */
    train(path, 6, 0, 0, &h);
    assert_int_equal(h.known[1], 0);
    assert_int_equal(utimensat(AT_FDCWD, photo, times, 0), 0);
    train(path, 6, 0, 0, &h);
    assert_int_equal(h.known[1], VALID - 1);
    train(path, 6, 0, 0, &h);
    assert_int_equal(h.known[1], VALID);
    assert_int_equal(h.warnings, 0);
}

/* A byte anywhere, or an end anywhere. */
static void a_damaged_file_is_said_and_made_anew(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "damaged.safetensors");
    const char *const without = train(NULL, 5, 0, 0, &(heard){ 0 });
    char *whole, *again;
    size_t size, other;
    heard h;

    (void)state;
    train(path, 5, 0, 0, &h);
    whole = rn_test_file(path, &size);
    for (size_t at = 0; at < size; at += 397) {
        const int cut = at % 2 == 0;

        whole[at] ^= 4;
        rn_test_write_file(path, whole, cut ? at : size);
        whole[at] ^= 4;
        rn_test_same_results(train(path, 5, 0, 0, &h), without);
        assert_int_equal(h.known[1], 0);
        assert_int_equal(h.warnings, 1);
        assert_non_null(strstr(h.last, "the features are made anew: "));
        again = rn_test_file(path, &other);
        assert_int_equal(size, other);
        assert_memory_equal(whole, again, size);
        free(again);
    }
    free(whole);
}

static void a_place_that_cannot_be_written_is_said_once(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "missing/features.safetensors");
    heard h;

    (void)state;
    rn_test_same_results(train(path, 5, 0, 0, &h), train(NULL, 5, 0, 0, &(heard){ 0 }));
    assert_int_equal(h.warnings, 1);
    assert_non_null(strstr(h.last, "the features are not kept on disk: "));
    assert_non_null(strstr(h.last, "missing/features.safetensors"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_run_finds_them_and_ends_in_the_same_bytes),
        cmocka_unit_test(what_does_not_fit_the_budget_is_computed),
        cmocka_unit_test(features_of_another_network_or_changed_photos_are_not_taken),
        cmocka_unit_test(a_damaged_file_is_said_and_made_anew),
        cmocka_unit_test(a_place_that_cannot_be_written_is_said_once),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
