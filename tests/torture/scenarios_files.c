/* SPDX-License-Identifier: MIT */
/* Files, checkpoints, pictures, folders and texts. */
#include "base/file.h"
#include "checkpoint/saving.h"
#include "torture/torture.h"

#define INSIDE(place, name) rn_test_path((place)->directory, name)

static void write_file(const char *path, const char *text)
{
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_text(torture_place *place)
{
    write_file(INSIDE(place, "text"), "some text");
}

static rn_status read_file(torture_place *place)
{
    const rn_allocator allocator = rn_default_allocator();
    void *bytes;
    size_t nbytes;
    const rn_status status = rn_file_read(&bytes, &nbytes, &allocator, INSIDE(place, "text"), 100, NULL);

    rn_release(&allocator, bytes);
    return status;
}

static rn_status map_file(torture_place *place)
{
    rn_mapping mapping;
    const rn_status status = rn_file_map(&mapping, INSIDE(place, "text"), NULL);

    if (status == RN_OK)
        rn_file_unmap(&mapping);
    return status;
}

static rn_status lock_file(torture_place *place)
{
    int handle;
    const rn_status status = rn_file_lock(&handle, INSIDE(place, "lock"), NULL);

    rn_file_unlock(handle);
    return status;
}

static rn_status replace_file(torture_place *place)
{
    static const char bytes[100000];
    const rn_allocator allocator = rn_default_allocator();
    rn_replacement *r;
    rn_status status = rn_file_replace_begin(&r, &allocator, INSIDE(place, "target"), NULL);

    if (status != RN_OK)
        return status;
    for (int i = 0; i < 3 && status == RN_OK; i++)
        status = rn_file_replace_write(r, bytes, i == 1 ? sizeof bytes : 1000);
    if (status == RN_OK)
        return rn_file_replace_commit(r, NULL);
    rn_file_replace_abandon(r);
    return status;
}

static void put_leftovers(torture_place *place)
{
    write_file(INSIDE(place, "best.12-0.tmp"), "");
    write_file(INSIDE(place, "best.12-1.tmp"), "");
}

static rn_status clean_up(torture_place *place)
{
    const rn_allocator allocator = rn_default_allocator();

    return rn_file_replace_clean(&allocator, INSIDE(place, "best"), NULL);
}

static rn_status make_directories(torture_place *place)
{
    return rn_directory_make(INSIDE(place, "a/b/c"), NULL);
}

static rn_status create_context(torture_place *place)
{
    rn_context *context;
    const rn_status status = rn_context_create(&context, RN_OPTIONS(rn_context, .seed = 1));

    (void)place;
    rn_context_destroy(context);
    return status;
}

static rn_status open_path(torture_place *place, const char *path)
{
    rn_checkpoint *file;
    const rn_status status = rn_checkpoint_open(&file, place->context, path, NULL);

    rn_checkpoint_destroy(file);
    return status;
}

static rn_status open_zip(torture_place *place)
{
    return open_path(place, rn_test_fixture("checkpoint/fixtures/training.zip.pth"));
}

static rn_status open_deflated(torture_place *place)
{
    return open_path(place, rn_test_fixture("checkpoint/fixtures/deflated.pth"));
}

static rn_status open_legacy(torture_place *place)
{
    return open_path(place, rn_test_fixture("checkpoint/fixtures/training.legacy.pth"));
}

static rn_status open_tar(torture_place *place)
{
    return open_path(place, rn_test_fixture("checkpoint/fixtures/old.tar"));
}

static rn_status open_neighbours(torture_place *place)
{
    return open_path(place, rn_test_fixture("checkpoint/fixtures/neighbours4.pth"));
}

static rn_status open_module(torture_place *place)
{
    return open_path(place, rn_test_fixture("checkpoint/fixtures/network.pth"));
}

static void put_safetensors(torture_place *place)
{
    rn_checkpoint *const file = make_checkpoint(place->context);

    require_ok(place->context, rn_checkpoint_save(file, INSIDE(place, "file"), RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
}

static rn_status open_safetensors(torture_place *place)
{
    return open_path(place, INSIDE(place, "file"));
}

static void make_file(torture_place *place)
{
    place->file = make_checkpoint(place->context);
}

static rn_status save_safetensors(torture_place *place)
{
    return rn_checkpoint_save(place->file, INSIDE(place, "target"), RN_FORMAT_SAFETENSORS, NULL);
}

static rn_status save_torch(torture_place *place)
{
    return rn_checkpoint_save(place->file, INSIDE(place, "target"), RN_FORMAT_TORCH, NULL);
}

static rn_status read_pictures(torture_place *place, const char *const *names)
{
    rn_status status = RN_OK;

    for (; *names != NULL && status == RN_OK; names++) {
        rn_image *image;

        status = rn_image_read(&image, place->context, rn_test_fixture(*names), NULL);
        rn_image_destroy(image);
    }
    return status;
}

static rn_status read_pngs(torture_place *place)
{
    return read_pictures(place,
                         (const char *const[]){ "image/fixtures/rgb.png", "image/fixtures/interlaced.png",
                                                "image/fixtures/palette.png", "image/fixtures/rgb16.png", NULL });
}

static rn_status read_bmps(torture_place *place)
{
    return read_pictures(place, (const char *const[]){ "image/fixtures/rgb.bmp", "image/fixtures/palette.bmp", NULL });
}

static rn_status read_jpegs(torture_place *place)
{
    return read_pictures(place, (const char *const[]){ "image/fixtures/rgb420.jpg", "image/fixtures/progressive.jpg",
                                                       "image/fixtures/cmyk.jpg", "image/fixtures/turned.jpg", NULL });
}

static rn_status make_pipeline(torture_place *place)
{
    rn_pipeline *pipeline;
    const rn_status status = rn_pipeline_create(&pipeline, place->context,
                                                "Resize(9), RandomRotation(45), CenterCrop(8), ColorJitter(0.2, 0.1, "
                                                "0.1, 0.1), ToTensor(), Normalize(0.4 0.4 0.4, 0.2 0.2 0.2)");

    rn_pipeline_destroy(pipeline);
    return status;
}

static void put_labels(torture_place *place)
{
    write_file(INSIDE(place, "labels.json"), "{\"1\": \"daisy\", \"2\": \"rose \\u00e9\", \"3\": \"moth orchid\"}");
}

static rn_status label_classes(torture_place *place)
{
    static const char *const folders[] = { "1", "2", "3" };
    rn_classes *classes, *labelled = NULL;
    rn_status status = rn_classes_create(&classes, place->context, folders, NULL, 3);

    if (status == RN_OK)
        status = rn_classes_label(&labelled, classes, INSIDE(place, "labels.json"));
    rn_classes_destroy(labelled);
    rn_classes_destroy(classes);
    return status;
}

const torture_scenario torture_files[] = {
    { "read a file", put_text, read_file, NULL, NULL },
    { "map a file", put_text, map_file, NULL, NULL },
    { "lock a file", NULL, lock_file, NULL, NULL },
    { "replace a file", NULL, replace_file, NULL, "target" },
    { "remove leftovers", put_leftovers, clean_up, NULL, NULL },
    { "make directories", NULL, make_directories, NULL, NULL },
    { "create a context", NULL, create_context, NULL, NULL },
    { "open a torch zip", NULL, open_zip, NULL, NULL },
    { "open a deflated torch zip", NULL, open_deflated, NULL, NULL },
    { "open a legacy torch file", NULL, open_legacy, NULL, NULL },
    { "open a torch tar", NULL, open_tar, NULL, NULL },
    { "open a torch file with unknown objects", NULL, open_neighbours, NULL, NULL },
    { "open a whole module", NULL, open_module, NULL, NULL },
    { "open safetensors", put_safetensors, open_safetensors, NULL, NULL },
    { "save safetensors", make_file, save_safetensors, NULL, "target" },
    { "save a torch zip", make_file, save_torch, NULL, "target" },
    { "read PNG", NULL, read_pngs, NULL, NULL },
    { "read BMP", NULL, read_bmps, NULL, NULL },
    { "read JPEG", NULL, read_jpegs, NULL, NULL },
    { "make a pipeline", NULL, make_pipeline, NULL, NULL },
    { "label classes", put_labels, label_classes, NULL, NULL },
    { 0 },
};
