/* SPDX-License-Identifier: MIT */
/* Features that are kept: no byte differs from a run that keeps none, and photos are read once. */
#include "train/runs.h"
#include "train/train.h"

#include <stdlib.h>
#include <unistd.h>

enum { EPOCHS = 2 };

/* What a run's callback does between two batches, or NULL. */
typedef void (*meddler)(const rn_progress *progress, rn_test_run *run);

typedef struct meddled {
    rn_test_run run;
    meddler meddle;
} meddled;

static int32_t pass_on(const rn_progress *progress, void *payload)
{
    meddled *const m = payload;

    if (m->meddle != NULL)
        m->meddle(progress, &m->run);
    return RN_FIT_GO_ON;
}

typedef struct recipe {
    const char *network;  /* of the zoo; NULL: the small one */
    const char *pipeline; /* of training and validation */
    const char *frozen;   /* a pattern besides the backbone's parts, or NULL: the whole backbone */
    meddler meddle;
    int bad_photos, threads, views;
    size_t cache_size;
    const char *cache_file;
    int balanced;
} recipe;

static const char small[] = "Resize(8, 8), ToTensor()";

static void open_run(meddled *m, const recipe *r, const char *photos)
{
    rn_test_run *const run = &m->run;

    memset(m, 0, sizeof *m);
    m->meddle = r->meddle;
    run->context = rn_test_context(r->threads, RN_ISA_AUTO);
    require_ok(run->context, rn_image_folder_open(&run->train, run->context, rn_test_path(photos, "train"), NULL));
    require_ok(run->context, rn_image_folder_open(&run->valid, run->context, rn_test_path(photos, "valid"), NULL));
    if (r->network != NULL)
        require_ok(run->context, rn_model_create(&run->model, run->context, r->network,
                                                 RN_OPTIONS(rn_model, .classes = rn_dataset_classes(run->train),
                                                            .seed = 5, .height = 64, .width = 64)));
    else
        run->model = rn_test_network(run->context, rn_dataset_classes(run->train), 5);
    require_ok(run->context, rn_model_set_pipeline(run->model, r->views > 0 ? small : r->pipeline));
    require_ok(run->context, rn_model_set_training_pipeline(run->model, r->pipeline));
}

/* A run of a few epochs with what is frozen standing still; the directory that it leaves. */
static const char *train(const recipe *r, const char *photos, size_t feature_memory, size_t *kept)
{
    const char *const directory = rn_test_new_directory();
    meddled m;

    open_run(&m, r, photos);
    require_ok(
        m.run.context,
        rn_trainer_create(&m.run.trainer, m.run.model, m.run.train, m.run.valid,
                          RN_OPTIONS(rn_trainer, .directory = directory, .seed = 7, .batch_size = RUN_BATCH,
                                     .progress = pass_on, .progress_payload = &m, .bad_photos = r->bad_photos,
                                     .views = r->views, .feature_memory = feature_memory, .cache_size = r->cache_size,
                                     .cache_file = r->cache_file, .balanced = r->balanced)));
    if (r->frozen != NULL)
        require_ok(m.run.context, rn_model_freeze(m.run.model, r->frozen));
    else
        require_ok(m.run.context, rn_model_freeze_backbone(m.run.model));
    require_ok(m.run.context,
               rn_trainer_fit(m.run.trainer, RN_OPTIONS(rn_fit, .phase = "head", .epochs = EPOCHS, .lr = 1e-2)));
    *kept = rn_features_kept(m.run.trainer->train_features) + rn_features_kept(m.run.trainer->valid_features);
    if (r->network == NULL) {
        require_ok(m.run.context, rn_model_unfreeze(m.run.model, "*"));
        require_ok(m.run.context,
                   rn_trainer_fit(m.run.trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 1, .lr = 1e-3)));
        assert_null(m.run.trainer->train_features);
    }
    rn_test_run_close(&m.run);
    return directory;
}

enum { ALL_PHOTOS = RUN_CLASSES * (RUN_TRAIN + RUN_VALID) };

/* Trains with all features kept, with a few, and with none. */
static void require_no_difference(const recipe *r, size_t least)
{
    const char *const photos = rn_test_photo_directory();
    size_t kept, few, none;
    const char *const all_kept = train(r, photos, 0, &kept), *const few_kept = train(r, photos, 4096, &few),
                      *const none_kept = train(r, photos, RN_FEATURES_NONE, &none);

    assert_true(kept >= least);
    assert_true(few <= kept);
    assert_int_equal(none, 0);
    rn_test_same_results(all_kept, none_kept);
    rn_test_same_results(few_kept, none_kept);
}

static void keeping_changes_no_byte(void **state)
{
    const recipe r = { .pipeline = small, .threads = 1 };

    (void)state;
    require_no_difference(&r, ALL_PHOTOS);
}

static void nor_with_more_threads(void **state)
{
    const recipe one = { .pipeline = small, .threads = 1 }, three = { .pipeline = small, .threads = 3 };
    const char *const photos = rn_test_photo_directory();
    size_t kept;

    (void)state;
    rn_test_same_results(train(&one, photos, 0, &kept), train(&three, photos, 0, &kept));
}

/* 4 KiB hold the features of some of the photos: batches are mixed of kept and computed ones. */
static void nor_of_the_zoo(void **state)
{
    static const char *const networks[] = { "squeezenet1_1", "cifar_resnet20" };

    (void)state;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        const recipe r = { .network = networks[i], .pipeline = "Resize(64, 64), ToTensor()", .threads = 2 };

        require_no_difference(&r, ALL_PHOTOS);
    }
}

/* Dropout before the head goes on drawing what it would draw. */
static void dropout_behind_the_frozen_part_draws_the_same(void **state)
{
    const recipe r = { .pipeline = small, .frozen = "conv1", .threads = 1 };

    (void)state;
    require_no_difference(&r, ALL_PHOTOS);
}

/* Where training draws at random, validation alone is kept. */
static void random_training_photos_are_not_kept(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const directory = rn_test_new_directory();
    rn_test_run run;

    (void)state;
    run = rn_test_run_open(photos, 7);
    assert_true(rn_pipeline_is_random(rn_model_training_pipeline(run.model)));
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_model_freeze_backbone(run.model));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)));
    assert_null(run.trainer->train_features);
    assert_int_equal(rn_features_kept(run.trainer->valid_features), RUN_CLASSES * RUN_VALID);
    rn_test_run_close(&run);
}

/* Epochs 0, 2, 4, ... and 1, 3, 5, ... see the same; all of it is kept. */
static void views_are_kept_each(void **state)
{
    const recipe random = { .pipeline = "RandomHorizontalFlip(), Resize(8, 8), ToTensor()", .threads = 1, .views = 2 };
    const recipe once = { .pipeline = random.pipeline, .threads = 1, .views = 1 };
    const char *const photos = rn_test_photo_directory();
    size_t kept, none;

    (void)state;
    rn_test_same_results(train(&random, photos, 0, &kept), train(&random, photos, RN_FEATURES_NONE, &none));
    assert_int_equal(kept, RUN_CLASSES * (2 * RUN_TRAIN + RUN_VALID));
    train(&once, photos, 0, &kept);
    assert_int_equal(kept, ALL_PHOTOS);
}

/* Classes that are balanced draw samples several times an epoch, each of them in one of its ways. */
static void balanced_views_are_kept_each(void **state)
{
    const recipe balanced = { .pipeline = "RandomHorizontalFlip(), RandomCrop(7, padding 1), Resize(8, 8), ToTensor()",
                              .threads = 2,
                              .views = 2,
                              .balanced = 1 };
    const recipe plain = { .pipeline = balanced.pipeline, .threads = 2, .views = 2 };
    const char *const photos = rn_test_photo_directory();
    const char *drawn;
    size_t kept, none, size, other_size;
    char *one, *other;

    (void)state;
    drawn = train(&balanced, photos, 0, &kept);
    rn_test_same_results(drawn, train(&balanced, photos, RN_FEATURES_NONE, &none));
    one = rn_test_file(rn_test_path(drawn, "history.jsonl"), &size);
    other = rn_test_file(rn_test_path(train(&plain, photos, 0, &none), "history.jsonl"), &other_size);
    assert_true(kept < none && (size != other_size || memcmp(one, other, size) != 0));
    free(one);
    free(other);
}

/* With features and without, in memory and in files, of a run and of the next one. */
static void prepared_photos_change_no_byte(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const directory = rn_test_directory();
    const char *const file = rn_test_path(directory, "prepared");
    const recipe without = { .pipeline = "Resize(9), RandomCrop(8), RandomHorizontalFlip(), ToTensor()",
                             .views = 2,
                             .threads = 1 };
    const size_t features[] = { 0, RN_FEATURES_NONE }, sizes[] = { 1000, 1 << 20 };
    const char *plain;
    size_t kept;

    (void)state;
    plain = train(&without, photos, 0, &kept);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++) {
            recipe with = without;

            with.threads = 3;
            with.cache_size = sizes[j];
            rn_test_same_results(plain, train(&with, photos, features[i], &kept));
            with.cache_file = file;
            rn_test_same_results(plain, train(&with, photos, features[i], &kept));
        }
    assert_int_equal(access(file, R_OK), 0);
    assert_int_equal(access(rn_test_path(directory, "prepared.valid"), R_OK), 0);
}

static void whether_classes_are_balanced_is_part_of_the_run(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const directory = rn_test_new_directory();
    const int balanced[] = { 1, 0, 1 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        rn_test_run run = rn_test_run_open(photos, 7);

        require_status(
            run.context,
            rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                              RN_OPTIONS(rn_trainer, .directory = directory, .resume = 1, .balanced = balanced[i])),
            balanced[i] ? RN_OK : RN_STATE);
        if (balanced[i])
            require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)));
        else
            assert_non_null(strstr(rn_context_message(run.context), "balanced"));
        rn_test_run_close(&run);
    }
}

static void another_number_of_views_is_another_run(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const directory = rn_test_new_directory();
    const int views[] = { 3, 0, 2, 3 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        rn_test_run run = rn_test_run_open(photos, 7);
        const rn_status expected = i == 0 || i == 3 ? RN_OK : RN_STATE;

        require_status(
            run.context,
            rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                              RN_OPTIONS(rn_trainer, .directory = directory, .resume = 1, .views = views[i])),
            expected);
        if (expected == RN_OK)
            require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)));
        else
            assert_non_null(strstr(rn_context_message(run.context), "views"));
        rn_test_run_close(&run);
    }
}

/* ---- what a callback may do between two batches ---------------------------------------------------------------- */

static void unfreeze_all(const rn_progress *progress, rn_test_run *run)
{
    if (progress->epoch == 1 && progress->batch == 2)
        require_ok(run->context, rn_model_unfreeze(run->model, "*"));
}

static void unfreezing_in_an_epoch_reaches_what_was_kept(void **state)
{
    const recipe r = { .pipeline = small, .meddle = unfreeze_all, .threads = 1 };

    (void)state;
    require_no_difference(&r, 0);
}

static void move_a_frozen_weight(const rn_progress *progress, rn_test_run *run)
{
    rn_parameters *const parameters = rn_model_parameters(run->model);
    const int64_t first[4] = { 0 };
    rn_tensor *moved = NULL;
    size_t index;

    if (progress->epoch != 0 || progress->batch != 2)
        return;
    require_ok(run->context, rn_parameters_find(&index, parameters, "conv1.weight"));
    require_ok(run->context,
               rn_tensor_convert(&moved, rn_parameters_value(parameters, index), RN_FLOAT32, RN_ROW_MAJOR));
    require_ok(run->context, rn_tensor_set(moved, first, 0.5));
    require_ok(run->context, rn_parameters_write(parameters, index, moved));
    rn_tensor_destroy(moved);
}

static void a_frozen_weight_that_moves_makes_features_anew(void **state)
{
    const recipe r = { .pipeline = small, .meddle = move_a_frozen_weight, .threads = 1 };

    (void)state;
    require_no_difference(&r, ALL_PHOTOS);
}

/* ---- photos ---------------------------------------------------------------------------------------------------- */

static const char *moved_photos;

static void take_photos_away(const rn_progress *progress, rn_test_run *run)
{
    (void)run;
    if (progress->epoch_ended && progress->epoch == 0)
        assert_int_equal(rename(moved_photos, rn_test_path(rn_test_directory(), "away")), 0);
}

static void photos_are_read_once(void **state)
{
    const recipe r = { .pipeline = small, .meddle = take_photos_away, .threads = 1 };
    const char *const photos = rn_test_photo_directory();
    meddled m;

    (void)state;
    moved_photos = photos;
    open_run(&m, &r, photos);
    require_ok(m.run.context, rn_trainer_create(&m.run.trainer, m.run.model, m.run.train, m.run.valid,
                                                RN_OPTIONS(rn_trainer, .progress = pass_on, .progress_payload = &m)));
    require_ok(m.run.context, rn_model_freeze_backbone(m.run.model));
    require_ok(m.run.context, rn_trainer_fit(m.run.trainer, RN_OPTIONS(rn_fit, .epochs = EPOCHS)));
    rn_test_run_close(&m.run);
}

static void bad_photos_are_skipped_as_without(void **state)
{
    const recipe r = { .pipeline = small, .threads = 1, .bad_photos = RN_BAD_PHOTO_IS_SKIPPED };
    const char *const photos = rn_test_photo_directory();
    size_t kept, none;

    (void)state;
    rn_test_write_file(rn_test_path(photos, "train/class1/train_002.bmp"), "BM", 2);
    rn_test_write_file(rn_test_path(photos, "valid/class0/valid_001.bmp"), "BM", 2);
    rn_test_same_results(train(&r, photos, 0, &kept), train(&r, photos, RN_FEATURES_NONE, &none));
    assert_int_equal(kept, ALL_PHOTOS - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeping_changes_no_byte),
        cmocka_unit_test(nor_with_more_threads),
        cmocka_unit_test(nor_of_the_zoo),
        cmocka_unit_test(dropout_behind_the_frozen_part_draws_the_same),
        cmocka_unit_test(random_training_photos_are_not_kept),
        cmocka_unit_test(views_are_kept_each),
        cmocka_unit_test(balanced_views_are_kept_each),
        cmocka_unit_test(prepared_photos_change_no_byte),
        cmocka_unit_test(whether_classes_are_balanced_is_part_of_the_run),
        cmocka_unit_test(another_number_of_views_is_another_run),
        cmocka_unit_test(unfreezing_in_an_epoch_reaches_what_was_kept),
        cmocka_unit_test(a_frozen_weight_that_moves_makes_features_anew),
        cmocka_unit_test(photos_are_read_once),
        cmocka_unit_test(bad_photos_are_skipped_as_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
