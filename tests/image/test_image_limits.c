/* SPDX-License-Identifier: MIT */
/* What a picture may ask for: pixels by an option, memory by its size and its bytes. */
#include "image/image.h"
#include "support/one_context.h"

#include <zlib.h>

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t put_chunk(uint8_t *at, const char *type, const uint8_t *data, size_t nbytes)
{
    put32(at, (uint32_t)nbytes);
    memcpy(at + 4, type, 4);
    memcpy(at + 8, data, nbytes);
    put32(at + 8 + nbytes, (uint32_t)crc32(0, at + 4, (uInt)nbytes + 4));
    return nbytes + 12;
}

/* What IHDR says behind the size. */
typedef struct kind {
    uint8_t depth, colours, interlaced;
} kind;

static const kind grey = { 8, 0, 0 };

/* A PNG of the given size and kind whose data unpack to `raw` zeros. The caller frees. */
static uint8_t *make_png(size_t *nbytes, uint32_t width, uint32_t height, kind k, size_t raw)
{
    static const uint8_t magic[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t header[13] = { 0 }, *const zeros = calloc(raw, 1), *const file = malloc(compressBound(raw) + 256);
    uLongf packed = compressBound(raw);
    uint8_t *const data = malloc(packed);

    assert_true(zeros != NULL && file != NULL && data != NULL);
    assert_int_equal(compress2(data, &packed, zeros, raw, 9), Z_OK);
    put32(header, width);
    put32(header + 4, height);
    header[8] = k.depth;
    header[9] = k.colours;
    header[12] = k.interlaced;
    memcpy(file, magic, 8);
    *nbytes = 8;
    *nbytes += put_chunk(file + *nbytes, "IHDR", header, 13);
    *nbytes += put_chunk(file + *nbytes, "IDAT", data, packed);
    *nbytes += put_chunk(file + *nbytes, "IEND", header, 0);
    free(data);
    free(zeros);
    return file;
}

static void data_that_no_picture_of_this_size_has_are_refused(void **state)
{
    rn_image *image = NULL;
    size_t nbytes;
    uint8_t *file = make_png(&nbytes, 1, 1, grey, 64 << 20);

    (void)state;
    assert_true(nbytes < 100000);
    require_status(context, rn_image_decode(&image, context, file, nbytes, "bomb", NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "more data"));
    free(file);
    file = make_png(&nbytes, 3000, 1000, grey, 1000 * 3001); /* the most that packing can do, and honest */
    require_ok(context, rn_image_decode(&image, context, file, nbytes, "flat", NULL));
    rn_image_destroy(image);
    free(file);
}

/* Seven passes over 1024 x 1024 pixels have 1920 rows in all, each with its filter byte. */
static void interlaced_pictures_of_every_depth_have_room(void **state)
{
    static const struct {
        kind kind;
        size_t pixel; /* bytes */
    } honest[] = {
        { { 8, 2, 1 }, 3 }, { { 8, 6, 1 }, 4 }, { { 16, 2, 1 }, 6 }, { { 16, 4, 1 }, 4 }, { { 16, 6, 1 }, 8 }
    };

    (void)state;
    for (size_t i = 0; i < sizeof honest / sizeof honest[0]; i++) {
        rn_image *image = NULL;
        size_t nbytes;
        uint8_t *const file = make_png(&nbytes, 1024, 1024, honest[i].kind, 1024 * 1024 * honest[i].pixel + 1920);

        require_ok(context, rn_image_decode(&image, context, file, nbytes, "interlaced", NULL));
        assert_int_equal(rn_image_width(image), 1024);
        rn_image_destroy(image);
        free(file);
    }
}

static void an_option_says_how_many_pixels(void **state)
{
    rn_image *image = NULL;
    size_t nbytes;
    uint8_t *const file = make_png(&nbytes, 100, 10, grey, 10 * 101);

    (void)state;
    require_ok(context, rn_image_decode(&image, context, file, nbytes, NULL, RN_OPTIONS(rn_image, .max_pixels = 1000)));
    rn_image_destroy(image);
    require_status(context,
                   rn_image_decode(&image, context, file, nbytes, NULL, RN_OPTIONS(rn_image, .max_pixels = 999)),
                   RN_UNSUPPORTED);
    assert_non_null(strstr(rn_context_message(context), "at most 999"));
    require_status(context,
                   rn_image_decode(&image, context, file, nbytes, NULL, RN_OPTIONS(rn_image, .max_pixels = -1)),
                   RN_INVALID_ARGUMENT);
    assert_null(image);
    require_status(context,
                   rn_image_decode(&image, context, file, nbytes, NULL, RN_OPTIONS(rn_image, .draft_height = 8)),
                   RN_INVALID_ARGUMENT);
    require_status(context,
                   rn_image_decode(&image, context, file, nbytes, NULL,
                                   RN_OPTIONS(rn_image, .draft_height = 8, .draft_width = -8)),
                   RN_INVALID_ARGUMENT);
    require_ok(context, rn_image_decode(&image, context, file, nbytes, NULL,
                                        RN_OPTIONS(rn_image, .draft_height = 2, .draft_width = 2)));
    assert_int_equal(rn_image_width(image), 100); /* only JPEGs have drafts */
    rn_image_destroy(image);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_that_no_picture_of_this_size_has_are_refused),
        cmocka_unit_test(interlaced_pictures_of_every_depth_have_room),
        cmocka_unit_test(an_option_says_how_many_pixels),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
