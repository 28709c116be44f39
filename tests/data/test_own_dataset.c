/* SPDX-License-Identifier: MIT */
/* Datasets whose samples come from a function: the same batches as from files, and its failures and mistakes said. */
#include "data/dataset.h"

#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

#include <stdatomic.h>

enum { COUNT = 11, HEIGHT = 6, WIDTH = 8 };

/* What a sample does when its turn comes. */
typedef enum way {
    FILE_BYTES,
    PIXELS,
    NOTHING,
    TWICE,
    SAYS_WHY,
    ANSWERS,
    ENDS,
    NO_BYTES,
    NO_PIXELS,
    DAMAGED,
    OTHER_SIZE,
    IGNORES_A_FAILURE,
    SAYS_NOTHING_WRONG
} way;

typedef struct store {
    const rn_dataset *folder; /* where the bytes come from */
    way way[COUNT];
    atomic_int calls;
    int released;
} store;

static size_t read_bytes(const rn_dataset *folder, size_t index, uint8_t *bytes, size_t size)
{
    FILE *const file = fopen(rn_dataset_path(folder, index), "rb");
    size_t nbytes;

    assert_non_null(file);
    nbytes = fread(bytes, 1, size, file);
    assert_true(nbytes > 0 && nbytes < size);
    fclose(file);
    return nbytes;
}

/* The photo's pixels in rows of a larger picture. */
static rn_status give_pixels(rn_sample *sample, const uint8_t *bytes, size_t nbytes)
{
    const size_t pitch = WIDTH * 3 + 5;
    uint8_t rows[HEIGHT * (WIDTH * 3 + 5)];
    rn_context *const own = rn_test_context(1, RN_ISA_AUTO); /* the dataset's is in use */
    rn_image *image = NULL;
    rn_status status;

    require_ok(own, rn_image_decode(&image, own, bytes, nbytes, NULL, NULL));
    for (size_t y = 0; y < HEIGHT; y++)
        memcpy(rows + y * pitch, rn_image_pixels(image) + y * WIDTH * 3, WIDTH * 3);
    status = rn_sample_give_pixels(sample, WIDTH, HEIGHT, rows, pitch);
    memset(rows, 0, sizeof rows); /* not needed any more */
    rn_image_destroy(image);
    rn_context_destroy(own);
    return status;
}

static rn_status read_sample(rn_sample *sample, size_t index, void *payload)
{
    store *const s = payload;
    uint8_t bytes[4096];
    const size_t nbytes = read_bytes(s->folder, index, bytes, sizeof bytes);

    atomic_fetch_add(&s->calls, 1);
    switch (s->way[index]) {
    case PIXELS: return give_pixels(sample, bytes, nbytes);
    case NOTHING: return RN_OK;
    case TWICE:
        return rn_sample_give_file(sample, bytes, nbytes) == RN_OK ? rn_sample_give_file(sample, bytes, nbytes) : RN_OK;
    case SAYS_WHY: return rn_sample_fail(sample, RN_IO, "the tape \x1b[31mtore");
    case ANSWERS: return RN_CANCELLED;
    case ENDS: return RN_END;
    case NO_BYTES: return rn_sample_give_file(sample, NULL, 7);
    case NO_PIXELS: return rn_sample_give_pixels(sample, WIDTH, HEIGHT, bytes, WIDTH * 3 - 1);
    case DAMAGED: return rn_sample_give_file(sample, bytes, nbytes / 2);
    case OTHER_SIZE: return rn_sample_give_pixels(sample, 2, 2, bytes, 0);
    case IGNORES_A_FAILURE: rn_sample_give_file(sample, bytes, 3); return RN_OK;
    case SAYS_NOTHING_WRONG: return rn_sample_fail(sample, RN_OK, NULL);
    case FILE_BYTES: break;
    }
    return rn_sample_give_file(sample, bytes, nbytes);
}

static void release(void *payload)
{
    ((store *)payload)->released++;
}

static rn_dataset *make_own(const rn_dataset *folder, store *s, const char *const *names)
{
    rn_dataset *own = NULL;
    int64_t labels[COUNT];

    s->folder = folder;
    for (size_t i = 0; i < COUNT; i++)
        labels[i] = rn_dataset_label(folder, i);
    require_ok(context, rn_dataset_create(&own, context,
                                          RN_OPTIONS(rn_dataset, .classes = rn_dataset_classes(folder), .count = COUNT,
                                                     .labels = labels, .names = names, .read = read_sample,
                                                     .payload = s, .release = release)));
    memset(labels, 0, sizeof labels);
    return own;
}

static rn_loader *make_loader(rn_dataset *dataset, const char *text, int32_t bad_photos)
{
    rn_pipeline *const pipeline = make_pipeline(context, text);
    rn_loader *loader = NULL;

    require_ok(context, rn_loader_create(&loader, dataset, pipeline,
                                         RN_OPTIONS(rn_loader, .batch_size = 4, .shuffle = 1, .seed = 3,
                                                    .height = HEIGHT, .width = WIDTH, .bad_photos = bad_photos)));
    rn_pipeline_destroy(pipeline);
    return loader;
}

static void batches_are_those_of_the_same_files(void **state)
{
    rn_dataset *const folder = open_folder(context, make_numbered_photos(COUNT));
    store s = { .way = { PIXELS, FILE_BYTES, PIXELS } };
    rn_dataset *const own = make_own(folder, &s, NULL);
    const char *const text = "RandomHorizontalFlip(), RandomRotation(30), CenterCrop(6, 8), ToTensor()";
    rn_loader *const files = make_loader(folder, text, 0), *const given = make_loader(own, text, 0);
    const rn_batch *a, *b;
    size_t batches = 0;

    (void)state;
    assert_int_equal(rn_dataset_count(own), COUNT);
    assert_int_equal(rn_dataset_ignored(own), 0);
    assert_string_equal(rn_dataset_sample_name(own, 10), "sample 10");
    assert_null(rn_dataset_path(own, 10));
    assert_null(rn_dataset_sample_name(own, COUNT));
    assert_string_equal(rn_dataset_sample_name(folder, 1), rn_dataset_path(folder, 1));
    rn_dataset_destroy(own); /* the loader keeps it */
    require_ok(context, rn_loader_start(files, 5));
    require_ok(context, rn_loader_start(given, 5));
    while (rn_loader_next(&a, files) == RN_OK) {
        require_ok(context, rn_loader_next(&b, given));
        assert_int_equal(rn_batch_size(a), rn_batch_size(b));
        assert_memory_equal(rn_tensor_const_data(rn_batch_images(a)), rn_tensor_const_data(rn_batch_images(b)),
                            rn_batch_size(a) * HEIGHT * WIDTH * 3 * sizeof(float));
        assert_memory_equal(rn_tensor_const_data(rn_batch_labels(a)), rn_tensor_const_data(rn_batch_labels(b)),
                            rn_batch_size(a) * sizeof(int64_t));
        batches++;
    }
    require_status(context, rn_loader_next(&b, given), RN_END);
    assert_int_equal(batches, 3);
    assert_int_equal(atomic_load(&s.calls), COUNT);
    assert_int_equal(s.released, 0);
    rn_loader_destroy(given);
    assert_int_equal(s.released, 1);
    rn_loader_destroy(files);
    rn_dataset_destroy(folder);
}

static void what_goes_wrong_is_said_by_name(void **state)
{
    static const struct {
        way way;
        rn_status status;
        const char *sentence;
    } cases[] = {
        { NOTHING, RN_STATE, "card 4: the function that reads it gave nothing" },
        { TWICE, RN_STATE, "card 4: the sample was given twice" },
        { SAYS_WHY, RN_IO, "card 4: the tape" },
        { ANSWERS, RN_CANCELLED, "card 4: the function that reads it answered RN_CANCELLED" },
        { ENDS, RN_IO, "card 4: the function that reads it answered RN_IO" },
        { NO_BYTES, RN_INVALID_ARGUMENT, "card 4: no bytes" },
        { NO_PIXELS, RN_INVALID_ARGUMENT, "card 4: an image needs pixels" },
        { DAMAGED, RN_FORMAT, "card 4: " },
        { OTHER_SIZE, RN_SHAPE, "card 4: 2 x 2 pixels, the batch has 8 x 6" },
        { IGNORES_A_FAILURE, RN_FORMAT, "card 4: " },
        { SAYS_NOTHING_WRONG, RN_IO, "card 4: no reason" },
    };
    const char *names[COUNT];
    char text[COUNT][16];
    rn_dataset *const folder = open_folder(context, make_numbered_photos(COUNT));

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof text[i], "card %zu", i);
        names[i] = text[i];
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int32_t bad = RN_BAD_PHOTO_FAILS; bad <= RN_BAD_PHOTO_IS_SKIPPED; bad++) {
            store s = { .way = { [4] = cases[i].way } };
            rn_dataset *const own = make_own(folder, &s, names);
            rn_loader *const loader = make_loader(own, "ToTensor()", bad);
            rn_status status = RN_OK;
            const rn_batch *batch;
            size_t samples = 0;

            require_ok(context, rn_loader_start(loader, 0));
            while ((status = rn_loader_next(&batch, loader)) == RN_OK)
                samples += rn_batch_size(batch);
            require_status(context, status, bad == RN_BAD_PHOTO_FAILS ? cases[i].status : RN_END);
            if (bad == RN_BAD_PHOTO_FAILS) {
                assert_ptr_equal(strstr(rn_context_message(context), cases[i].sentence), rn_context_message(context));
                assert_null(strchr(rn_context_message(context), 0x1b));
            } else {
                assert_int_equal(samples, COUNT - 1);
                assert_int_equal(rn_loader_skipped(loader), 1);
            }
            rn_loader_destroy(loader);
            rn_dataset_destroy(own);
            assert_int_equal(s.released, 1);
        }
    }
    rn_dataset_destroy(folder);
}

static void senseless_options_are_refused(void **state)
{
    static const char *const short_of_names[] = { "a", NULL };
    static const int64_t labels[] = { 1, 0 }, beyond[] = { 1, 2 }, negative[] = { -1, 0 };
    rn_dataset *const folder = open_folder(context, make_numbered_photos(COUNT));
    const rn_classes *const two = rn_dataset_classes(folder);
    store s = { .folder = folder };
    rn_dataset *own = folder;

    (void)state;
#define REFUSED(status, ...) \
    do { \
        require_status( \
            context, \
            rn_dataset_create(&own, context, RN_OPTIONS(rn_dataset, .payload = &s, .release = release, __VA_ARGS__)), \
            status); \
        assert_null(own); \
    } while (0)
    REFUSED(RN_INVALID_ARGUMENT, .count = 2, .labels = labels, .read = read_sample);
    REFUSED(RN_INVALID_ARGUMENT, .classes = two, .count = 2, .read = read_sample);
    REFUSED(RN_INVALID_ARGUMENT, .classes = two, .count = 2, .labels = labels);
    REFUSED(RN_INVALID_ARGUMENT, .classes = two, .labels = labels, .read = read_sample);
    REFUSED(RN_INVALID_ARGUMENT, .classes = two, .count = RN_MAX_PHOTOS + 1, .labels = labels, .read = read_sample);
    REFUSED(RN_INVALID_ARGUMENT, .classes = two, .count = 2, .labels = labels, .read = read_sample,
            .names = short_of_names);
    REFUSED(RN_SHAPE, .classes = two, .count = 2, .labels = beyond, .read = read_sample);
    REFUSED(RN_SHAPE, .classes = two, .count = 2, .labels = negative, .read = read_sample);
#undef REFUSED
    require_status(context, rn_dataset_create(&own, context, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_create(NULL, context, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_create(&own, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_sample_give_file(NULL, "", 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_sample_give_pixels(NULL, 1, 1, NULL, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_sample_fail(NULL, RN_IO, ""), RN_INVALID_ARGUMENT);
    assert_int_equal(s.released, 0);
    rn_dataset_destroy(folder);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

typedef struct making {
    rn_context *context;
    rn_classes *classes;
} making;

static rn_status make_and_destroy(void *payload)
{
    static const int64_t labels[300] = { 1 }; /* the list grows once */
    const making *const m = payload;
    rn_dataset *made = NULL;
    const rn_status status = rn_dataset_create(
        &made, m->context,
        RN_OPTIONS(rn_dataset, .classes = m->classes, .count = 300, .labels = labels, .read = read_sample));

    rn_dataset_destroy(made);
    return status;
}

static void without_memory_there_is_no_dataset(void **state)
{
    static const char *const folders[] = { "a", "b" };
    rn_test_allocator allocator = { .fail_at = -1 };
    making m = { .context = rn_test_allocator_context(&allocator, 1) };

    (void)state;
    require_ok(m.context, rn_classes_create(&m.classes, m.context, folders, NULL, 2));
    rn_test_fail_each(&allocator, make_and_destroy, &m, 300);
    rn_classes_destroy(m.classes);
    rn_context_destroy(m.context);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_those_of_the_same_files),
        cmocka_unit_test(what_goes_wrong_is_said_by_name),
        cmocka_unit_test(senseless_options_are_refused),
        cmocka_unit_test(without_memory_there_is_no_dataset),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
