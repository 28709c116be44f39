/* SPDX-License-Identifier: MIT */
/* A pipeline whose Resize may have drafts: a loader gives what an image that was read as a draft gives. */
#include <resnet/dataset.h>

#include "support/one_context.h"

static rn_status give_photo(rn_sample *sample, size_t index, void *payload)
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/rgb420.jpg"), "rb");
    uint8_t bytes[16384];
    size_t nbytes = 0;

    (void)index;
    (void)payload;
    if (file != NULL) {
        nbytes = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
    }
    return rn_sample_give_file(sample, bytes, nbytes);
}

static rn_dataset *make_dataset(void)
{
    static const char *const name[] = { "one" };
    static const int64_t labels[] = { 0 };
    rn_classes *classes;
    rn_dataset *dataset;

    require_ok(context, rn_classes_create(&classes, context, name, name, 1));
    require_ok(context, rn_dataset_create(&dataset, context,
                                          RN_OPTIONS(rn_dataset, .classes = classes, .count = 1, .labels = labels,
                                                     .read = give_photo)));
    rn_classes_destroy(classes);
    return dataset;
}

/* What the loader makes of the photo by `pipeline`, or rn_image_read with `options` and `plain`. */
static int are_the_same(const char *pipeline, const char *plain, const rn_image_options *options)
{
    rn_dataset *const dataset = make_dataset();
    rn_pipeline *in_loader, *alone;
    const rn_batch *batch;
    rn_loader *loader;
    rn_image *image;
    rn_tensor *tensor;
    int same;

    require_ok(context, rn_pipeline_create(&in_loader, context, pipeline));
    require_ok(context, rn_pipeline_create(&alone, context, plain));
    require_ok(context, rn_loader_create(&loader, dataset, in_loader, NULL));
    require_ok(context, rn_loader_start(loader, 0));
    require_ok(context, rn_loader_next(&batch, loader));
    require_ok(context, rn_image_read(&image, context, rn_test_fixture("image/fixtures/rgb420.jpg"), options));
    require_ok(context, rn_pipeline_apply(&tensor, context, alone, image, NULL));
    same = memcmp(rn_tensor_const_data(rn_batch_images(batch)), rn_tensor_const_data(tensor), 12 * 16 * 3 * 4) == 0;
    rn_tensor_destroy(tensor);
    rn_image_destroy(image);
    rn_loader_destroy(loader);
    rn_pipeline_destroy(in_loader);
    rn_pipeline_destroy(alone);
    rn_dataset_destroy(dataset);
    return same;
}

static void loaders_decode_drafts(void **state)
{
    static const char *const plain = "Resize(12, 16), ToTensor()", *const draft = "Resize(12, 16, draft), ToTensor()";
    const rn_image_options *const small = RN_OPTIONS(rn_image, .draft_height = 12, .draft_width = 16);

    (void)state;
    assert_true(are_the_same(draft, plain, small));
    assert_true(are_the_same(draft, draft, small)); /* of an image that was read, the word says nothing */
    assert_true(are_the_same(plain, draft, NULL));
    assert_false(are_the_same(draft, plain, NULL)); /* or there was no draft */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(loaders_decode_drafts) };

    return cmocka_run_group_tests_name("data/loader_draft", tests, make_context, drop_context);
}
