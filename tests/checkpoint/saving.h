/* SPDX-License-Identifier: MIT */
/* What the tests of both writers share: a checkpoint with a bit of everything, whole files, and comparing. */
#ifndef RN_TESTS_CHECKPOINT_SAVING_H
#define RN_TESTS_CHECKPOINT_SAVING_H

#include "checkpoint/checkpoint.h"
#include "support/support.h"

/* One tensor of each type, a channels-last one, a transposed view, a scalar, an empty one. */
static inline rn_checkpoint *make_checkpoint(rn_context *context)
{
    rn_checkpoint *checkpoint;
    rn_tensor *tensor;

    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    for (int dtype = RN_FLOAT32; dtype <= RN_BOOL; dtype++) {
        float values[6] = { 1, 0, 3, -4, 5.5f, 60 };

        if (dtype == RN_BOOL || dtype == RN_UINT8)
            values[3] = 1;
        require_ok(context,
                   rn_tensor_create(&tensor, context, (rn_dtype)dtype, 2, (const int64_t[]){ 2, 3 }, RN_ROW_MAJOR));
        require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, values, sizeof values));
        require_ok(context, rn_checkpoint_add(checkpoint, rn_dtype_name((rn_dtype)dtype), tensor));
        rn_tensor_destroy(tensor);
    }
    float images[120];
    rn_test_fill(images, 120, 1);
    require_ok(context,
               rn_tensor_create(&tensor, context, RN_FLOAT32, 4, (const int64_t[]){ 2, 3, 4, 5 }, RN_CHANNELS_LAST));
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, images, sizeof images));
    require_ok(context, rn_checkpoint_share(checkpoint, "layer.\"1\"\\conv.weight", tensor));
    rn_tensor *view;
    require_ok(context, rn_tensor_view(&view, tensor, 1, 1, 2));
    require_ok(context, rn_checkpoint_share(checkpoint, "Blüte", view));
    rn_tensor_destroy(view);
    rn_tensor_destroy(tensor);
    require_ok(context, rn_tensor_create(&tensor, context, RN_INT64, 0, NULL, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(tensor, 70000));
    require_ok(context, rn_checkpoint_add(checkpoint, "count", tensor));
    rn_tensor_destroy(tensor);
    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT64, 2, (const int64_t[]){ 0, 300 }, RN_ROW_MAJOR));
    require_ok(context, rn_checkpoint_add(checkpoint, "empty", tensor));
    rn_tensor_destroy(tensor);
    require_ok(context, rn_checkpoint_set_metadata(checkpoint, "z", "line\nbreak\t\"quoted\" \\ \x01 花"));
    require_ok(context, rn_checkpoint_set_metadata(checkpoint, "a", ""));
    return checkpoint;
}

/* Releases with free. */
static inline unsigned char *whole_file(size_t *nbytes, const char *path)
{
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *nbytes = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*nbytes + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *nbytes, file), *nbytes);
    fclose(file);
    return bytes;
}

static inline void assert_same_file(const char *a, const char *b)
{
    size_t a_size, b_size;
    unsigned char *x = whole_file(&a_size, a), *y = whole_file(&b_size, b);

    assert_int_equal(a_size, b_size);
    assert_memory_equal(x, y, a_size);
    free(x);
    free(y);
}

static inline void assert_same_tensors(const rn_checkpoint *a, const rn_checkpoint *b)
{
    assert_int_equal(rn_checkpoint_count(a), rn_checkpoint_count(b));
    for (size_t i = 0; i < rn_checkpoint_count(a); i++) {
        const rn_tensor *x = rn_checkpoint_tensor(a, i), *y = rn_checkpoint_tensor(b, i);
        unsigned char first[4096], second[4096];

        assert_string_equal(rn_checkpoint_name(a, i), rn_checkpoint_name(b, i));
        assert_int_equal(rn_tensor_dtype(x), rn_tensor_dtype(y));
        assert_true(rn_tensor_same_shape(x, y));
        const size_t nbytes = (size_t)rn_tensor_count(x) * rn_dtype_size(rn_tensor_dtype(x));
        assert_true(nbytes <= sizeof first);
        assert_int_equal(rn_tensor_read(x, rn_tensor_dtype(x), first, nbytes), RN_OK);
        assert_int_equal(rn_tensor_read(y, rn_tensor_dtype(y), second, nbytes), RN_OK);
        if (nbytes > 0)
            assert_memory_equal(first, second, nbytes);
    }
}

#endif
