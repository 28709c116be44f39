/* SPDX-License-Identifier: MIT */
/* What the checkpoint program computes: checksums, elements in row-major order, differences. */
#include "checkpoint/blake2b.h"
#include "checkpoint/compare.h"
#include "checkpoint/elements.h"
#include "support/one_context.h"
#include "tensor/tensor.h"

#include <float.h>

static void require_digest(const unsigned char *bytes, size_t nbytes, size_t piece, const char *expected)
{
    char text[BLAKE2B_TEXT];
    blake2b hash;

    blake2b_begin(&hash);
    for (size_t i = 0; i < nbytes; i += piece)
        blake2b_add(&hash, bytes + i, piece < nbytes - i ? piece : nbytes - i);
    blake2b_end(text, &hash);
    assert_string_equal(text, expected);
}

/* Python: hashlib.blake2b(bytes(i * 7 % 251 for i in range(n)), digest_size=8).hexdigest() */
static void digests_are_those_of_blake2b(void **state)
{
    static const struct {
        size_t nbytes;
        const char *digest;
    } known[] = {
        { 0, "e4a6a0577479b2b4" },   { 1, "94f6d9cdd1ea8248" },   { 127, "a045407811a0cccd" },
        { 128, "ab6683b6676773eb" }, { 129, "440f6db36e1ced73" }, { 255, "744b8e06eb54b77e" },
        { 256, "8c3d42d53fc98b44" }, { 257, "e897ef59fe603ede" }, { 1000, "1f19b42fb460150c" },
    };
    unsigned char bytes[1000];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 % 251);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        for (size_t piece = 1; piece <= 300; piece = piece * 2 + 1)
            require_digest(bytes, known[i].nbytes, piece, known[i].digest);
    require_digest((const unsigned char *)"abc", 3, 3, "d8bb14d833d59559"); /* printf abc | b2sum -l 64 */
}

/* Walks the tensor and compares with what the library reads; gives the number of pieces. */
static int require_elements(const rn_tensor *tensor)
{
    const size_t nbytes = (size_t)elements_bytes(tensor), size = rn_dtype_size(rn_tensor_dtype(tensor));
    unsigned char *expected = malloc(nbytes + 1), piece[ELEMENTS_BYTES];
    size_t done = 0, count;
    elements walk;
    int pieces = 0;

    assert_non_null(expected);
    require_ok(context, rn_tensor_read(tensor, rn_tensor_dtype(tensor), expected, nbytes));
    elements_begin(&walk, tensor);
    while ((count = elements_next(&walk, piece)) > 0) {
        assert_true(count <= ELEMENTS_PIECE && done + count * size <= nbytes);
        assert_memory_equal(piece, expected + done, count * size);
        done += count * size;
        pieces++;
    }
    assert_int_equal(done, nbytes);
    assert_int_equal(elements_next(&walk, piece), 0);
    free(expected);
    return pieces;
}

static rn_tensor *numbered(rn_dtype dtype, int32_t rank, const int64_t *shape, rn_order order)
{
    rn_tensor *tensor = NULL;
    int32_t *values;
    int64_t count;

    require_ok(context, rn_tensor_create(&tensor, context, dtype, rank, shape, order));
    count = rn_tensor_count(tensor);
    values = malloc((size_t)(count + 1) * sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (int32_t)i;
    require_ok(context, rn_tensor_write(tensor, RN_INT32, values, (size_t)count * sizeof *values));
    free(values);
    return tensor;
}

static void elements_come_in_row_major_order(void **state)
{
    static const int64_t shape[] = { 5, 7, 12, 11 };

    (void)state;
    for (int order = RN_ROW_MAJOR; order <= RN_CHANNELS_LAST; order++) {
        rn_tensor *tensor = numbered(RN_FLOAT64, 4, shape, (rn_order)order), *view = NULL;

        assert_int_equal(require_elements(tensor), (5 * 7 * 12 * 11 + ELEMENTS_PIECE - 1) / ELEMENTS_PIECE);
        for (int32_t axis = 0; axis < 4; axis++) {
            require_ok(context, rn_tensor_view(&view, tensor, axis, 1, shape[axis] - 2));
            require_elements(view);
            rn_tensor_destroy(view);
            require_ok(context, rn_tensor_view(&view, tensor, axis, 2, 1));
            require_elements(view);
            rn_tensor_destroy(view);
        }
        rn_tensor_destroy(tensor);
    }
}

static void scalars_and_empty_tensors_have_elements_or_none(void **state)
{
    rn_tensor *scalar = numbered(RN_INT16, 0, NULL, RN_ROW_MAJOR);
    rn_tensor *empty = numbered(RN_FLOAT32, 3, (const int64_t[]){ 4, 0, 3 }, RN_ROW_MAJOR);

    (void)state;
    assert_int_equal(require_elements(scalar), 1);
    assert_int_equal(require_elements(empty), 0);
    rn_tensor_destroy(scalar);
    rn_tensor_destroy(empty);
}

static void the_stride_of_a_single_index_is_not_multiplied(void **state)
{
    static const int64_t shape[] = { 2, 1, 3, 1 }, strides[] = { 3, INT64_MAX, 1, INT64_MIN };
    rn_tensor *dense = numbered(RN_FLOAT32, 1, (const int64_t[]){ 6 }, RN_ROW_MAJOR), *odd = NULL;

    (void)state;
    require_ok(context, rn_tensor_over(&odd, dense->storage, dense->data, RN_FLOAT32, 4, shape, strides, RN_ROW_MAJOR));
    assert_int_equal(require_elements(odd), 1);
    rn_tensor_destroy(odd);
    rn_tensor_destroy(dense);
}

static comparison compared(rn_dtype type_a, const double *a, rn_dtype type_b, const double *b, int64_t count,
                           double tolerance)
{
    rn_tensor *tensors[2] = { NULL, NULL };
    comparison answer;

    for (int i = 0; i < 2; i++) {
        require_ok(context, rn_tensor_create(&tensors[i], context, i == 0 ? type_a : type_b, 1, &count, RN_ROW_MAJOR));
        require_ok(context, rn_tensor_write(tensors[i], RN_FLOAT64, i == 0 ? a : b, (size_t)count * sizeof(double)));
    }
    require_ok(context, compare_tensors(&answer, context, tensors[0], tensors[1], tolerance));
    rn_tensor_destroy(tensors[0]);
    rn_tensor_destroy(tensors[1]);
    return answer;
}

static void differences_are_counted_and_measured(void **state)
{
    static const double a[] = { 1, -2, 0, 8 }, b[] = { 1, -2.5, 0, 9 };
    comparison x = compared(RN_FLOAT32, a, RN_FLOAT32, a, 4, -1);

    (void)state;
    assert_true(x.different == 0 && x.absolute == 0 && x.relative == 0);
    for (rn_dtype dtype = RN_FLOAT32; dtype <= RN_BFLOAT16; dtype = (rn_dtype)(dtype + 1)) {
        x = compared(RN_FLOAT32, a, dtype, b, 4, -1);
        assert_true(x.different == 2 && x.absolute == 1 && x.relative == 0.2); /* 0.5 of 2.5 */
        x = compared(RN_FLOAT32, a, dtype, b, 4, 0.5);
        assert_true(x.different == 1 && x.absolute == 1 && x.relative == 0.2);
        x = compared(RN_FLOAT32, a, dtype, b, 4, 1);
        assert_true(x.different == 0 && x.absolute == 1);
    }
    x = compared(RN_INT64, a, RN_BOOL, a, 1, -1);
    assert_int_equal(x.different, 0);
}

static void what_is_no_number_is_infinitely_far_from_numbers(void **state)
{
    static const double a[] = { NAN, INFINITY, -0.0, 3, 1 }, b[] = { NAN, INFINITY, 0.0, NAN, -INFINITY };
    comparison x = compared(RN_FLOAT32, a, RN_FLOAT32, b, 2, 0);

    (void)state;
    assert_true(x.different == 0 && x.absolute == 0);
    x = compared(RN_FLOAT32, a, RN_FLOAT32, b, 3, 0);
    assert_int_equal(x.different, 0);
    x = compared(RN_FLOAT32, a, RN_FLOAT32, b, 3, -1); /* the sign of zero is a bit */
    assert_true(x.different == 1 && x.absolute == 0 && x.relative == 0);
    for (int64_t count = 4; count <= 5; count++) {
        x = compared(RN_FLOAT32, a, RN_FLOAT32, b, count, DBL_MAX);
        assert_true(x.different == count - 3 && x.absolute == INFINITY && x.relative == INFINITY);
    }
}

static void shapes_are_equal_in_rank_and_sizes(void **state)
{
    static const int64_t shape[] = { 2, 3, 4 };
    rn_tensor *a = numbered(RN_INT8, 3, shape, RN_ROW_MAJOR), *b = numbered(RN_FLOAT32, 3, shape, RN_ROW_MAJOR);
    rn_tensor *flatter = numbered(RN_INT8, 2, shape, RN_ROW_MAJOR), *scalar = numbered(RN_INT8, 0, NULL, RN_ROW_MAJOR);
    rn_tensor *turned = numbered(RN_INT8, 3, (const int64_t[]){ 2, 4, 3 }, RN_ROW_MAJOR);

    (void)state;
    assert_true(compare_shapes(a, b) && compare_shapes(scalar, scalar));
    assert_false(compare_shapes(a, flatter) || compare_shapes(a, turned) || compare_shapes(a, scalar));
    rn_tensor_destroy(a);
    rn_tensor_destroy(b);
    rn_tensor_destroy(flatter);
    rn_tensor_destroy(scalar);
    rn_tensor_destroy(turned);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(digests_are_those_of_blake2b),
        TEST(elements_come_in_row_major_order),
        TEST(scalars_and_empty_tensors_have_elements_or_none),
        TEST(the_stride_of_a_single_index_is_not_multiplied),
        TEST(differences_are_counted_and_measured),
        TEST(what_is_no_number_is_infinitely_far_from_numbers),
        TEST(shapes_are_equal_in_rank_and_sizes),
    };

    return cmocka_run_group_tests_name("examples/checkpoint_parts", tests, NULL, NULL);
}
