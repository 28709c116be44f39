/* SPDX-License-Identifier: MIT */
/* Loaders of which several share an epoch: each reads its positions of every batch, and a batch is handed out whole. */
#include "data/dataset.h"
#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

enum { COUNT = 22, SIZE = 5 }; /* batches of 5, 5, 5, 5 and 2 */

typedef struct share {
    size_t begin, end; /* positions */

} share;

static bool is_ours(size_t batch, size_t position, size_t positions, const void *payload)
{
    const share *const own = payload;

    assert_true(batch < 5 && position < positions && positions == (batch < 4 ? 5 : 2));
    return position >= own->begin && position < own->end;
}

static rn_loader *make_loader(const char *root)
{
    rn_dataset *const dataset = open_folder(context, root);
    rn_pipeline *const pipeline = make_pipeline(context, "CenterCrop(4), ToTensor()");
    rn_loader *loader;

    require_ok(context, rn_loader_create(&loader, dataset, pipeline,
                                         RN_OPTIONS(rn_loader, .batch_size = SIZE, .shuffle = 1, .seed = 3,
                                                    .bad_photos = RN_BAD_PHOTO_IS_SKIPPED)));
    rn_dataset_destroy(dataset);
    rn_pipeline_destroy(pipeline);
    return loader;
}

/* Two shares hand out the same samples in the same order as a loader alone; each has read its own. */
static void a_share_reads_its_positions(void **state)
{
    const char *const root = make_numbered_photos(COUNT);
    const share shares[2] = { { 0, 2 }, { 2, 5 } };
    rn_loader *const alone = make_loader(root);

    (void)state;
    for (int s = 0; s < 2; s++) {
        rn_loader *const loader = make_loader(root);
        const rn_batch *batch, *whole;
        size_t number = 0;

        rn_loader_set_share(loader, is_ours, &shares[s]);
        require_ok(context, rn_loader_start(alone, 4));
        require_ok(context, rn_loader_start(loader, 4));
        for (; rn_loader_next(&batch, loader) == RN_OK; number++) {
            require_ok(context, rn_loader_next(&whole, alone));
            assert_int_equal(rn_batch_number(batch), number);
            assert_int_equal(rn_batch_size(batch), rn_batch_size(whole));
            assert_int_equal(rn_batch_positions(batch), rn_batch_size(whole));
            for (size_t i = 0; i < rn_batch_size(batch); i++) {
                assert_int_equal(rn_batch_sample(batch, i), rn_batch_sample(whole, i));
                assert_int_equal(rn_batch_position(batch, i), i);
                assert_int_equal(rn_batch_was_read(batch, i), i >= shares[s].begin && i < shares[s].end);
            }
        }
        assert_int_equal(number, 5);
        rn_loader_destroy(loader);
    }
    rn_loader_destroy(alone);
}

/* Where all photos of a share are bad, its batch is handed out without samples; positions tell who is missing. */
static void a_batch_of_which_nothing_is_left_is_handed_out(void **state)
{
    const char *const root = make_numbered_photos(COUNT);
    const share all = { 0, 5 };
    rn_loader *loader;
    const rn_batch *batch;
    size_t handed = 0, left = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s/photo_%03d.bmp", i < COUNT / 2 ? "a" : "b", i);
        if (i != 7)
            write_text(root, name, "BM, it says");
    }
    loader = make_loader(root);
    rn_loader_set_share(loader, is_ours, &all);
    require_ok(context, rn_loader_start(loader, 0));
    for (; rn_loader_next(&batch, loader) == RN_OK; handed++) {
        left += rn_batch_size(batch);
        if (rn_batch_size(batch) == 1) {
            assert_int_equal(rn_batch_sample(batch, 0), 7);
            assert_true(rn_batch_position(batch, 0) < rn_batch_positions(batch));
        }
    }
    assert_int_equal(handed, 5);
    assert_int_equal(left, 1);
    assert_int_equal(rn_loader_skipped(loader), COUNT - 1);
    rn_loader_destroy(loader);
}

static void a_part_is_a_window_on_the_batch(void **state)
{
    rn_loader *const loader = make_loader(make_numbered_photos(COUNT));
    const rn_batch *batch, *part;
    const float *pixels;

    (void)state;
    require_ok(context, rn_loader_start(loader, 1));
    require_ok(context, rn_loader_next(&batch, loader));
    require_ok(context, rn_loader_next(&batch, loader));
    require_ok(context, rn_loader_part(&part, loader, 1, 3));
    assert_int_equal(rn_batch_size(part), 3);
    assert_int_equal(rn_batch_number(part), 1);
    assert_int_equal(rn_batch_positions(part), SIZE);
    assert_int_equal(rn_tensor_shape(rn_batch_images(part))[0], 3);
    assert_int_equal(rn_tensor_shape(rn_batch_labels(part))[0], 3);
    pixels = rn_tensor_const_data(rn_batch_images(batch));
    assert_ptr_equal(rn_tensor_const_data(rn_batch_images(part)), pixels + (size_t)3 * 4 * 4);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rn_batch_sample(part, i), rn_batch_sample(batch, i + 1));
        assert_int_equal(rn_batch_position(part, i), i + 1);
        assert_int_equal(((const int64_t *)rn_tensor_const_data(rn_batch_labels(part)))[i],
                         ((const int64_t *)rn_tensor_const_data(rn_batch_labels(batch)))[i + 1]);
    }
    rn_loader_destroy(loader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_reads_its_positions),
        cmocka_unit_test(a_batch_of_which_nothing_is_left_is_handed_out),
        cmocka_unit_test(a_part_is_a_window_on_the_batch),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
