/* SPDX-License-Identifier: MIT */
/* Subsets share their dataset, and splits are strata that a seed decides and little else moves. */
#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

/* ---- subsets ----------------------------------------------------------------------------------------------------- */

static rn_dataset *take(rn_dataset *dataset, const size_t *indices, size_t count)
{
    rn_dataset *subset;

    require_ok(context, rn_dataset_subset(&subset, dataset, indices, count));
    return subset;
}

static void a_subset_is_its_samples_and_outlives_the_rest(void **state)
{
    static const size_t first[] = { 9, 0, 5, 5, 7 }, second[] = { 4, 0, 2 };
    rn_dataset *const whole = open_folder(context, make_numbered_photos(10));
    rn_dataset *const subset = take(whole, first, 5), *const part = take(subset, second, 3);
    rn_pipeline *const pipeline = make_pipeline(context, "CenterCrop(2), ToTensor()");
    static const size_t wanted[] = { 7, 9, 5 };
    rn_loader *loader;
    const rn_batch *batch;

    (void)state;
    assert_int_equal(rn_dataset_count(subset), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(rn_dataset_path(subset, i), rn_dataset_path(whole, first[i]));
        assert_int_equal(rn_dataset_label(subset, i), rn_dataset_label(whole, first[i]));
    }
    assert_null(rn_dataset_path(subset, 5));
    assert_int_equal(rn_dataset_ignored(subset), 0);
    rn_dataset_destroy(whole);
    rn_dataset_destroy(subset);
    assert_string_equal(rn_classes_folder(rn_dataset_classes(part), 1), "b");
    require_ok(context, rn_loader_create(&loader, part, pipeline, NULL));
    rn_dataset_destroy(part);
    require_ok(context, rn_loader_start(loader, 0));
    require_ok(context, rn_loader_next(&batch, loader));
    assert_int_equal(rn_batch_size(batch), 3);
    for (size_t i = 0; i < 3; i++) { /* the red of photo n is n */
        double red;

        assert_int_equal(rn_batch_sample(batch, i), i);
        require_ok(context, rn_tensor_get(rn_batch_images(batch), (int64_t[]){ (int64_t)i, 0, 0, 0 }, &red));
        assert_int_equal((int)(red * 255 + 0.5), wanted[i]);
    }
    rn_loader_destroy(loader);
    rn_pipeline_destroy(pipeline);
}

typedef struct store {
    size_t asked[8], count;
    int released;
} store;

static rn_status give_black(rn_sample *sample, size_t index, void *payload)
{
    static const uint8_t black[12];
    store *const s = payload;

    s->asked[s->count++] = index;
    return rn_sample_give_pixels(sample, 2, 2, black, 0);
}

static void release_store(void *payload)
{
    ((store *)payload)->released++;
}

/* The function is asked for the indices that it knows; the payload goes with the last user. */
static void a_subset_of_ones_own_asks_for_its_indices(void **state)
{
    static const char *const folders[] = { "k" };
    static const int64_t labels[6];
    rn_context *const own = rn_test_context(1, RN_ISA_AUTO);
    rn_pipeline *const pipeline = make_pipeline(own, "ToTensor()");
    store s = { 0 };
    rn_classes *classes;
    rn_dataset *whole, *subset;
    rn_loader *loader;
    const rn_batch *batch;

    (void)state;
    require_ok(own, rn_classes_create(&classes, own, folders, NULL, 1));
    require_ok(own, rn_dataset_create(&whole, own,
                                      RN_OPTIONS(rn_dataset, .classes = classes, .count = 6, .labels = labels,
                                                 .read = give_black, .payload = &s, .release = release_store)));
    require_ok(own, rn_dataset_subset(&subset, whole, (const size_t[]){ 4, 1 }, 2));
    rn_dataset_destroy(whole);
    assert_string_equal(rn_dataset_sample_name(subset, 0), "sample 4");
    assert_null(rn_dataset_path(subset, 0));
    require_ok(own, rn_loader_create(&loader, subset, pipeline, RN_OPTIONS(rn_loader, .height = 2, .width = 2)));
    require_ok(own, rn_loader_start(loader, 0));
    require_ok(own, rn_loader_next(&batch, loader));
    assert_int_equal(s.count, 2);
    assert_int_equal(s.asked[0], 4);
    assert_int_equal(s.asked[1], 1);
    rn_loader_destroy(loader);
    assert_int_equal(s.released, 0);
    rn_dataset_destroy(subset);
    assert_int_equal(s.released, 1);
    rn_pipeline_destroy(pipeline);
    rn_classes_destroy(classes);
    rn_context_destroy(own);
}

static void senseless_subsets_are_refused(void **state)
{
    rn_dataset *const whole = open_folder(context, make_numbered_photos(3));
    rn_dataset *subset = whole;
    const size_t indices[] = { 0, 3 };

    (void)state;
    require_status(context, rn_dataset_subset(&subset, whole, indices, 2), RN_INVALID_ARGUMENT);
    assert_null(subset);
    assert_non_null(strstr(rn_context_message(context), "sample 3 of 3"));
    require_status(context, rn_dataset_subset(&subset, whole, indices, 0), RN_INVALID_ARGUMENT);
    require_status(context, rn_dataset_subset(&subset, whole, indices, SIZE_MAX), RN_INVALID_ARGUMENT);
    require_status(context, rn_dataset_subset(&subset, whole, NULL, 1), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_subset(NULL, whole, indices, 1), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_subset(&subset, NULL, indices, 1), RN_INVALID_ARGUMENT);
    rn_dataset_destroy(whole);
}

/* ---- splits ------------------------------------------------------------------------------------------------------ */

/* Classes of 1, 2, 3, 10 and 25 files, which nobody opens. */
enum { CLASSES = 5, SAMPLES = 41 };
static const size_t sizes[CLASSES] = { 1, 2, 3, 10, 25 };

static const char *make_classes(void)
{
    const char *const root = rn_test_directory();
    char name[64];

    for (size_t c = 0; c < CLASSES; c++)
        for (size_t i = 0; i < sizes[c]; i++) {
            snprintf(name, sizeof name, "c%zu/%03zu.jpg", c, i);
            write_text(root, name, "");
        }
    return root;
}

static void count_classes(size_t counts[CLASSES], const rn_dataset *dataset)
{
    memset(counts, 0, CLASSES * sizeof *counts);
    for (size_t i = 0; i < rn_dataset_count(dataset); i++)
        counts[rn_dataset_label(dataset, i)]++;
}

/* The samples of a part in `places`, named from "c" on; both are in the dataset's order. */
static void mark(bool *places, const rn_dataset *whole, const rn_dataset *part)
{
    size_t at = 0;

    for (size_t i = 0; i < rn_dataset_count(part); i++, at++) {
        while (at < rn_dataset_count(whole) &&
               strcmp(strrchr(rn_dataset_path(part, i), 'c'), strrchr(rn_dataset_path(whole, at), 'c')) != 0)
            at++;
        assert_true(at < rn_dataset_count(whole));
        assert_false(places[at]);
        places[at] = true;
    }
}

static void split_valid(bool *is_valid, rn_dataset *whole, const rn_dataset_split_options *options)
{
    rn_dataset *train, *valid;
    bool is_train[SAMPLES + 1] = { 0 };

    memset(is_valid, 0, rn_dataset_count(whole) * sizeof *is_valid);
    require_ok(context, rn_dataset_split(&train, &valid, whole, options));
    mark(is_valid, whole, valid);
    mark(is_train, whole, train);
    for (size_t i = 0; i < rn_dataset_count(whole); i++)
        assert_true(is_train[i] != is_valid[i]);
    rn_dataset_destroy(train);
    rn_dataset_destroy(valid);
}

static void a_split_takes_its_fraction_of_each_class(void **state)
{
    /* the nearest to n * fraction, at least 1 and at most n - 1 */
    static const struct {
        double fraction;
        size_t valid[CLASSES];
    } cases[] = { { 0, { 0, 1, 1, 2, 5 } },
                  { 0.3, { 0, 1, 1, 3, 8 } },
                  { 0.5, { 0, 1, 2, 5, 13 } },
                  { 0.99, { 0, 1, 2, 9, 24 } },
                  { 1e-9, { 0, 1, 1, 1, 1 } } };
    rn_dataset *const whole = open_folder(context, make_classes());

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        rn_dataset *train, *valid;
        size_t of_train[CLASSES], of_valid[CLASSES];

        require_ok(context, rn_dataset_split(&train, &valid, whole,
                                             RN_OPTIONS(rn_dataset_split, .fraction = cases[k].fraction, .seed = 7)));
        count_classes(of_train, train);
        count_classes(of_valid, valid);
        for (size_t c = 0; c < CLASSES; c++) {
            assert_int_equal(of_valid[c], cases[k].valid[c]);
            assert_int_equal(of_train[c] + of_valid[c], sizes[c]);
        }
        assert_int_equal(rn_classes_count(rn_dataset_classes(valid)), CLASSES);
        rn_dataset_destroy(train);
        rn_dataset_destroy(valid);
    }
    rn_dataset_destroy(whole);
}

static void each_sample_is_in_one_fold(void **state)
{
    rn_dataset *const whole = open_folder(context, make_classes());

    (void)state;
    for (int32_t folds = 2; folds <= 10; folds += 4) {
        int seen[SAMPLES] = { 0 };

        for (int32_t fold = 0; fold < folds; fold++) {
            bool is_valid[SAMPLES];
            size_t counts[CLASSES] = { 0 };

            split_valid(is_valid, whole, RN_OPTIONS(rn_dataset_split, .folds = folds, .fold = fold, .seed = 3));
            for (size_t i = 0; i < SAMPLES; i++) {
                seen[i] += is_valid[i];
                counts[rn_dataset_label(whole, i)] += is_valid[i];
            }
            for (size_t c = 1; c < CLASSES; c++)
                assert_true(counts[c] == sizes[c] / (size_t)folds || counts[c] == sizes[c] / (size_t)folds + 1);
        }
        for (size_t i = 0; i < SAMPLES; i++)
            assert_int_equal(seen[i], rn_dataset_label(whole, i) == 0 ? 0 : 1); /* the lone sample stays in training */
    }
    rn_dataset_destroy(whole);
}

static void a_seed_and_names_decide_and_the_place_does_not(void **state)
{
    const char *const root = make_classes(), *const elsewhere = make_classes();
    rn_dataset *const whole = open_folder(context, root), *const moved = open_folder(context, elsewhere);
    bool here[SAMPLES], there[SAMPLES + 1], other[SAMPLES], own[SAMPLES];
    int changed = 0;

    (void)state;
    split_valid(here, whole, RN_OPTIONS(rn_dataset_split, .fraction = 0.4, .seed = 1));
    split_valid(there, moved, RN_OPTIONS(rn_dataset_split, .fraction = 0.4, .seed = 1));
    split_valid(other, whole, RN_OPTIONS(rn_dataset_split, .fraction = 0.4, .seed = 2));
    split_valid(own, whole, RN_OPTIONS(rn_dataset_split, .fraction = 0.4));
    assert_memory_equal(here, there, SAMPLES);
    assert_memory_not_equal(here, other, SAMPLES);
    assert_memory_not_equal(here, own, SAMPLES); /* the context's */
    rn_dataset_destroy(moved);
    /* A photo more, in front of all of its class: at most one of the others changes sides. */
    write_text(elsewhere, "c4/000.jpeg", "");
    rn_dataset *const more = open_folder(context, elsewhere);
    split_valid(there, more, RN_OPTIONS(rn_dataset_split, .fraction = 0.4, .seed = 1));
    for (size_t i = 0; i < SAMPLES; i++)
        changed += here[i] != there[i < 16 ? i : i + 1];
    assert_in_range(changed, 0, 1);
    rn_dataset_destroy(more);
    rn_dataset_destroy(whole);
}

/* As where each person has a folder with "front.jpg" in it: by the name alone, the first ones would all be taken. */
static void files_of_one_name_are_told_apart(void **state)
{
    const char *const root = rn_test_directory();
    bool is_valid[40];
    int in_front = 0;
    rn_dataset *whole;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[64];

        snprintf(name, sizeof name, "c/c%02d/front.jpg", i);
        write_text(root, name, "");
    }
    whole = open_folder(context, root);
    split_valid(is_valid, whole, RN_OPTIONS(rn_dataset_split, .fraction = 0.5, .seed = 1));
    for (int i = 0; i < 20; i++)
        in_front += is_valid[i];
    assert_in_range(in_front, 4, 16); /* of 20 draws out of 40; outside with a probability below 1 in 5000 */
    rn_dataset_destroy(whole);
}

static void senseless_splits_are_refused(void **state)
{
    static const rn_dataset_split_options bad[] = {
        { .fraction = 1 },
        { .fraction = -0.1 },
        { .fraction = NAN },
        { .folds = 1 },
        { .folds = -2 },
        { .folds = 3, .fold = 3 },
        { .folds = 3, .fold = -1 },
        { .fold = 1 },
        { .folds = 3, .fraction = 0.5 },
        { .fraction = INFINITY },
    };
    const char *const root = rn_test_directory();
    rn_dataset *train, *valid, *whole;

    (void)state;
    write_text(root, "a/x.jpg", "");
    write_text(root, "b/x.jpg", "");
    whole = open_folder(context, root);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rn_dataset_split_options options = bad[i];

        options.struct_size = sizeof options;
        train = valid = whole;
        require_status(context, rn_dataset_split(&train, &valid, whole, &options), RN_INVALID_ARGUMENT);
        assert_true(train == NULL && valid == NULL);
    }
    require_status(context, rn_dataset_split(&train, &valid, whole, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "2 samples of 2 classes"));
    require_status(context, rn_dataset_split(&train, &valid, whole, RN_OPTIONS(rn_dataset_split, .folds = 2)),
                   RN_SHAPE);
    assert_int_equal(rn_dataset_split(NULL, &valid, whole, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_split(&train, NULL, whole, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_split(&train, &valid, NULL, NULL), RN_INVALID_ARGUMENT);
    rn_dataset_destroy(whole);
}

static rn_status split_all(void *payload)
{
    rn_dataset *train, *valid;
    const rn_status status = rn_dataset_split(&train, &valid, payload, NULL);

    assert_true((train == NULL) == (status != RN_OK) && (valid == NULL) == (status != RN_OK));
    rn_dataset_destroy(train);
    rn_dataset_destroy(valid);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 1);
    rn_dataset *const whole = open_folder(own, make_classes());

    (void)state;
    rn_test_fail_each(&allocator, split_all, whole, 13); /* three arrays, and five calls for each part */
    rn_dataset_destroy(whole);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subset_is_its_samples_and_outlives_the_rest),
        cmocka_unit_test(a_subset_of_ones_own_asks_for_its_indices),
        cmocka_unit_test(senseless_subsets_are_refused),
        cmocka_unit_test(a_split_takes_its_fraction_of_each_class),
        cmocka_unit_test(each_sample_is_in_one_fold),
        cmocka_unit_test(a_seed_and_names_decide_and_the_place_does_not),
        cmocka_unit_test(files_of_one_name_are_told_apart),
        cmocka_unit_test(senseless_splits_are_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
