/* SPDX-License-Identifier: MIT */
/* Draws by weight are as frequent as they should be, depend on seed, epoch and place alone, and resume to the same
 * bits. */
#include "data/sampler.h"

#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

enum { SAMPLES = 6, DRAWS = 60000 };

static void create(rn_sampler *sampler, const rn_dataset *dataset, const rn_loader_options *options)
{
    require_ok(context, rn_sampler_create(sampler, dataset, options));
}

static void count_draws(size_t counts[SAMPLES], const rn_sampler *sampler, uint64_t epoch)
{
    size_t *const order = malloc(sampler->length * sizeof *order);

    assert_non_null(order);
    memset(counts, 0, SAMPLES * sizeof *counts);
    rn_sampler_order(order, sampler, epoch);
    for (size_t i = 0; i < sampler->length; i++) {
        assert_in_range(order[i], 0, SAMPLES - 1);
        counts[order[i]]++;
    }
    free(order);
}

/* Within five standard deviations of the binomial distribution: a right sampler fails in one of a million seeds, and
 * this is one seed. */
static void require_frequency(size_t count, double probability)
{
    const double expected = DRAWS * probability, deviation = sqrt(expected * (1 - probability));

    if (fabs((double)count - expected) > 5 * deviation)
        fail_msg("%zu draws, not about %g", count, expected);
}

static void draws_are_as_frequent_as_their_weights(void **state)
{
    static const double weights[SAMPLES] = { 0, 1, 4, 0, 2.5, 0 };
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(SAMPLES));
    rn_sampler sampler;
    size_t counts[SAMPLES], others[SAMPLES];

    (void)state;
    create(&sampler, dataset, RN_OPTIONS(rn_loader, .weights = weights, .draws = DRAWS, .seed = 1));
    count_draws(counts, &sampler, 0);
    for (size_t i = 0; i < SAMPLES; i++)
        require_frequency(counts[i], weights[i] / 7.5);
    count_draws(others, &sampler, 1);
    assert_memory_not_equal(counts, others, sizeof counts);
    rn_sampler_release(&sampler, &context->allocator);
    rn_dataset_destroy(dataset);
}

static void balanced_classes_are_equally_frequent(void **state)
{
    const char *const root = rn_test_directory();
    rn_dataset *dataset;
    rn_sampler sampler;
    size_t counts[SAMPLES];

    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s/%d.jpg", i < 5 ? "many" : "one", i);
        write_text(root, name, "");
    }
    dataset = open_folder(context, root);
    create(&sampler, dataset, RN_OPTIONS(rn_loader, .balanced = 1, .draws = DRAWS, .seed = 1));
    count_draws(counts, &sampler, 0);
    for (size_t i = 0; i < 5; i++)
        require_frequency(counts[i], 0.1);
    require_frequency(counts[5], 0.5);
    rn_sampler_release(&sampler, &context->allocator);
    rn_dataset_destroy(dataset);
}

static void a_draw_depends_on_seed_epoch_and_place(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(SAMPLES));
    rn_sampler sampler, longer, other;
    size_t order[40], again[40];

    (void)state;
    create(&sampler, dataset, RN_OPTIONS(rn_loader, .balanced = 1, .draws = 20, .seed = 1));
    create(&longer, dataset, RN_OPTIONS(rn_loader, .balanced = 1, .draws = 40, .seed = 1, .shuffle = 1));
    create(&other, dataset, RN_OPTIONS(rn_loader, .balanced = 1, .draws = 40, .seed = 2));
    rn_sampler_order(order, &sampler, 3);
    rn_sampler_order(again, &longer, 3);
    assert_memory_equal(order, again, 20 * sizeof *order);
    rn_sampler_order(again, &other, 3);
    assert_memory_not_equal(order, again, 20 * sizeof *order);
    rn_sampler_order(again, &sampler, 4);
    assert_memory_not_equal(order, again, 20 * sizeof *order);
    rn_sampler_release(&sampler, &context->allocator);
    rn_sampler_release(&longer, &context->allocator);
    rn_sampler_release(&other, &context->allocator);
    rn_dataset_destroy(dataset);
}

/* ---- through a loader -------------------------------------------------------------------------------------------- */

enum { PIXELS = 3 * 6 * 8, LENGTH = 25 };

typedef struct epoch {
    size_t samples[LENGTH];
    float images[LENGTH][PIXELS];
    size_t count, batches;
} epoch;

static void read_epoch(epoch *read, rn_loader *loader, uint64_t number, size_t skipped)
{
    const rn_batch *batch;

    read->count = read->batches = 0;
    require_ok(context, rn_loader_start(loader, number));
    require_ok(context, rn_loader_skip(loader, skipped));
    for (; rn_loader_next(&batch, loader) == RN_OK; read->batches++) {
        assert_true(read->count + rn_batch_size(batch) <= LENGTH);
        for (size_t i = 0; i < rn_batch_size(batch); i++)
            read->samples[read->count + i] = rn_batch_sample(batch, i);
        require_ok(context, rn_tensor_read(rn_batch_images(batch), RN_FLOAT32, read->images[read->count],
                                           rn_batch_size(batch) * sizeof *read->images));
        read->count += rn_batch_size(batch);
    }
}

static void epochs_of_draws_resume_to_the_same_bits(void **state)
{
    static const double weights[SAMPLES] = { 1, 2, 3, 4, 5, 6 };
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(SAMPLES));
    rn_pipeline *const pipeline = make_pipeline(context, "RandomRotation(180), CenterCrop(6, 8), ToTensor()");
    static epoch whole, rest;
    double copy[SAMPLES];
    rn_loader *loader;

    (void)state;
    memcpy(copy, weights, sizeof copy);
    require_ok(context, rn_loader_create(&loader, dataset, pipeline,
                                         RN_OPTIONS(rn_loader, .weights = copy, .draws = LENGTH, .batch_size = 4,
                                                    .avoid_single = 1, .seed = 5)));
    memset(copy, 0, sizeof copy);                   /* not needed any more */
    assert_int_equal(rn_loader_batches(loader), 6); /* the last has five */
    read_epoch(&whole, loader, 2, 0);
    assert_int_equal(whole.count, LENGTH);
    read_epoch(&rest, loader, 2, 3);
    assert_int_equal(rest.count, LENGTH - 12);
    assert_int_equal(rest.batches, 3);
    assert_memory_equal(rest.samples, whole.samples + 12, rest.count * sizeof *rest.samples);
    assert_memory_equal(rest.images, whole.images + 12, rest.count * sizeof *rest.images);
    rn_loader_destroy(loader);
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
}

static void a_sample_drawn_twice_is_augmented_twice(void **state)
{
    static const double weights[SAMPLES] = { 0, 0, 1, 0, 0, 0 };
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(SAMPLES));
    rn_pipeline *const pipeline = make_pipeline(context, "RandomRotation(180), CenterCrop(6, 8), ToTensor()");
    static epoch read;
    rn_loader *loader;

    (void)state;
    require_ok(context, rn_loader_create(&loader, dataset, pipeline,
                                         RN_OPTIONS(rn_loader, .weights = weights, .batch_size = 4, .seed = 5)));
    assert_int_equal(rn_loader_batches(loader), 2);
    read_epoch(&read, loader, 0, 0);
    assert_int_equal(read.count, SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_int_equal(read.samples[i], 2);
    assert_memory_not_equal(read.images[0], read.images[1], sizeof read.images[0]);
    rn_loader_destroy(loader);
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
}

static void senseless_weights_are_refused(void **state)
{
    static const double bad[][SAMPLES] = {
        { 1, 2, -1, 1, 1, 1 }, { 1, 2, NAN, 1, 1, 1 }, { 1, 2, INFINITY, 1, 1, 1 }, { 0 }, { 1e308, 1e308, 1e308 },
    };
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(SAMPLES));
    rn_pipeline *const pipeline = make_pipeline(context, "CenterCrop(4), ToTensor()");
    rn_loader_options options = { .struct_size = sizeof options };
    rn_loader *loader;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options.weights = bad[i];
        require_status(context, rn_loader_create(&loader, dataset, pipeline, &options), RN_INVALID_ARGUMENT);
        assert_non_null(strstr(rn_context_message(context), i < 3 ? "sample 2 (" : "add up to"));
    }
    options = (rn_loader_options){ .struct_size = sizeof options, .draws = 7 };
    require_status(context, rn_loader_create(&loader, dataset, pipeline, &options), RN_INVALID_ARGUMENT);
    options = (rn_loader_options){ .struct_size = sizeof options, .draws = SIZE_MAX, .balanced = 1 };
    require_status(context, rn_loader_create(&loader, dataset, pipeline, &options), RN_INVALID_ARGUMENT);
    options = (rn_loader_options){ .struct_size = sizeof options, .weights = bad[0], .balanced = 1 };
    require_status(context, rn_loader_create(&loader, dataset, pipeline, &options), RN_INVALID_ARGUMENT);
    options = (rn_loader_options){ .struct_size = sizeof options, .views = -1 };
    require_status(context, rn_loader_create(&loader, dataset, pipeline, &options), RN_INVALID_ARGUMENT);
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
}

typedef struct loading {
    rn_dataset *dataset;
    rn_pipeline *pipeline;
} loading;

static rn_status create_loader(void *payload)
{
    const loading *const job = payload;
    rn_loader *loader;
    const rn_status status =
        rn_loader_create(&loader, job->dataset, job->pipeline, RN_OPTIONS(rn_loader, .balanced = 1));

    rn_loader_destroy(loader);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 1);
    rn_dataset *const dataset = open_folder(own, make_numbered_photos(SAMPLES));
    rn_pipeline *const pipeline = make_pipeline(own, "CenterCrop(4), ToTensor()");

    (void)state;
    rn_test_fail_each(&allocator, create_loader, &(loading){ dataset, pipeline }, 12);
    rn_dataset_destroy(dataset);
    rn_pipeline_destroy(pipeline);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_as_frequent_as_their_weights),
        cmocka_unit_test(balanced_classes_are_equally_frequent),
        cmocka_unit_test(a_draw_depends_on_seed_epoch_and_place),
        cmocka_unit_test(epochs_of_draws_resume_to_the_same_bits),
        cmocka_unit_test(a_sample_drawn_twice_is_augmented_twice),
        cmocka_unit_test(senseless_weights_are_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
