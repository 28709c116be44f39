/* SPDX-License-Identifier: MIT */
/* Contact sheets: where pictures and captions lie, what a font of ASCII makes of other letters, and what is refused. */
#include "image/pictures.h"

#define RN_TEST_THREADS 1
#include "support/one_context.h"

static rn_image *make_image(int32_t width, int32_t height, uint8_t red, uint8_t green, uint8_t blue)
{
    uint8_t *const rgb = malloc((size_t)width * (size_t)height * 3);
    rn_image *image;

    assert_non_null(rgb);
    for (int32_t i = 0; i < width * height; i++) {
        rgb[3 * i] = red;
        rgb[3 * i + 1] = green;
        rgb[3 * i + 2] = blue;
    }
    require_ok(context, rn_image_create(&image, context, width, height, rgb, 0));
    free(rgb);
    return image;
}

static rn_image *make_sheet(const rn_contact *contacts, size_t count, const rn_contact_sheet_options *options)
{
    rn_image *sheet;

    require_ok(context, rn_contact_sheet(&sheet, context, contacts, count, options));
    return sheet;
}

static bool is_colour(const rn_image *image, int32_t x, int32_t y, uint8_t red, uint8_t green, uint8_t blue)
{
    const uint8_t *const at = rn_image_pixels(image) + ((size_t)y * (size_t)rn_image_width(image) + (size_t)x) * 3;

    return at[0] == red && at[1] == green && at[2] == blue;
}

static int count_colour(const rn_image *image, uint8_t red, uint8_t green, uint8_t blue)
{
    int count = 0;

    for (int32_t y = 0; y < rn_image_height(image); y++)
        for (int32_t x = 0; x < rn_image_width(image); x++)
            count += is_colour(image, x, y, red, green, blue);
    return count;
}

/* Two by two cells of 40 x 30 with gaps of 8; a line of text is 12. */
static void pictures_lie_in_the_middle_of_their_cells(void **state)
{
    rn_image *const wide = make_image(80, 30, 9, 0, 0), *const tall = make_image(10, 20, 0, 9, 0),
                    *const small = make_image(4, 3, 0, 0, 9);
    const rn_contact contacts[] = { { wide, "a", { 200, 0, 0 } }, { tall, NULL, { 0 } }, { small, "", { 0 } } };
    rn_image *const sheet =
        make_sheet(contacts, 3, RN_OPTIONS(rn_contact_sheet, .columns = 2, .cell_width = 40, .cell_height = 30));

    (void)state;
    assert_int_equal(rn_image_width(sheet), 8 + 2 * 48);
    assert_int_equal(rn_image_height(sheet), 2 * (30 + 12 + 16));
    assert_int_equal(count_colour(sheet, 9, 0, 0), 40 * 15);
    assert_true(is_colour(sheet, 8, 8 + 7, 9, 0, 0) && is_colour(sheet, 8 + 39, 8 + 21, 9, 0, 0));
    assert_int_equal(count_colour(sheet, 0, 9, 0), 15 * 30);
    assert_true(is_colour(sheet, 8 + 48 + 12, 8, 0, 9, 0));
    assert_int_equal(count_colour(sheet, 0, 0, 9), 40 * 30); /* enlarged */
    assert_true(is_colour(sheet, 8, 8 + 58, 0, 0, 9));
    assert_true(count_colour(sheet, 200, 0, 0) > 8);
    rn_image_destroy(sheet);
    rn_image_destroy(wide);
    rn_image_destroy(tall);
    rn_image_destroy(small);
}

/* Pixels that a caption colours. */
static int ink_of(const char *caption, int32_t scale)
{
    rn_image *const image = make_image(8, 8, 255, 255, 255);
    const rn_contact contact = { image, caption, { 1, 2, 3 } };
    rn_image *const sheet =
        make_sheet(&contact, 1, RN_OPTIONS(rn_contact_sheet, .cell_width = 60, .text_scale = scale));
    const int ink = count_colour(sheet, 1, 2, 3);

    rn_image_destroy(sheet);
    rn_image_destroy(image);
    return ink;
}

static void captions_are_drawn_letter_by_letter(void **state)
{
    const int box = ink_of("\n\x01", 1);

    (void)state;
    assert_int_equal(ink_of("", 1), 0);
    assert_int_equal(ink_of(" ", 1), 0);
    assert_int_equal(ink_of("l", 1), 7);
    assert_int_equal(ink_of("ll", 1), 14);
    assert_int_equal(ink_of("l", 3), 7 * 9);
    assert_int_equal(box, 5 * 7 - 3 * 5);
    assert_int_equal(ink_of("\xc3\xa9", 1), box);         /* one character of two bytes */
    assert_int_equal(ink_of("\xe8\x8a\xb1", 1), box);     /* of three */
    assert_int_equal(ink_of("\xf0\x9f\x8c\xb8", 1), box); /* of four */
    assert_int_equal(ink_of("\xff\xfe", 1), 2 * box);     /* no UTF-8 */
    assert_int_equal(ink_of("\xe8", 1), box);             /* cut off */
    for (char c = '!'; c <= '~'; c++)
        assert_true(ink_of((const char[]){ c, '\0' }, 1) > 0);
    assert_int_equal(ink_of("l\nl\nl\nl\nl", 1), 4 * 7); /* four lines at most */
}

/* A long line ends in two dots and stays within its cell. */
static void long_captions_are_cut(void **state)
{
    rn_image *const image = make_image(8, 8, 255, 255, 255);
    const rn_contact contacts[] = { { image, "mmmmmmmmmmmmmmmmmmmm", { 1, 2, 3 } }, { image, NULL, { 0 } } };
    rn_image *const sheet = make_sheet(contacts, 2, RN_OPTIONS(rn_contact_sheet, .columns = 2, .cell_width = 60));
    int32_t right = 0;

    (void)state;
    for (int32_t y = 0; y < rn_image_height(sheet); y++)
        for (int32_t x = 0; x < rn_image_width(sheet); x++)
            if (is_colour(sheet, x, y, 1, 2, 3) && x > right)
                right = x;
    assert_true(right > 8 + 45 && right < 8 + 60);
    rn_image_destroy(sheet);
    rn_image_destroy(image);
}

static void a_sheet_looks_as_it_did(void **state)
{
    const rn_pixels scene = load_picture("scene.png"), square = load_picture("square.png");
    rn_contact contacts[5];
    rn_image *image[2], *sheet;
    rn_pixels copies[2] = { scene, square };

    (void)state;
    for (int i = 0; i < 2; i++) {
        require_ok(context, rn_image_create(&image[i], context, copies[i].width, copies[i].height, copies[i].rgb, 0));
        rn_pixels_release(&copies[i]);
    }
    contacts[0] = (rn_contact){ image[0], "sunflower\n0.98", { 0, 128, 0 } };
    contacts[1] = (rn_contact){ image[1], "rose (daisy)\n0.51", { 200, 0, 0 } };
    contacts[2] = (rn_contact){ image[0], "The quick brown fox, jumps!", { 0, 0, 0 } };
    contacts[3] = (rn_contact){ image[1], "\xe8\x8a\xb1 #42%", { 0, 0, 160 } };
    contacts[4] = (rn_contact){ image[0], NULL, { 0, 0, 0 } };
    sheet = make_sheet(contacts, 5, RN_OPTIONS(rn_contact_sheet, .cell_width = 96, .cell_height = 72));
    assert_int_equal(rn_image_width(sheet), 320);
    assert_int_equal(rn_image_height(sheet), 224);
    require_ok(context, rn_image_write_png(sheet, rn_test_path(rn_test_directory(), "sheet.png")));
    assert_int_equal(crc_of(rn_image_pixels(sheet), 320 * 224 * 3), 0x2f154e08);
    rn_image_destroy(sheet);
    rn_image_destroy(image[0]);
    rn_image_destroy(image[1]);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        int32_t columns, width, height, scale;
        rn_status status;
    } cases[] = {
        { -1, 0, 0, 0, RN_INVALID_ARGUMENT },
        { 1025, 0, 0, 0, RN_INVALID_ARGUMENT },
        { 0, -1, 0, 0, RN_INVALID_ARGUMENT },
        { 0, 4097, 0, 0, RN_INVALID_ARGUMENT },
        { 0, 0, -5, 0, RN_INVALID_ARGUMENT },
        { 0, 0, 0, 17, RN_INVALID_ARGUMENT },
        { 0, 1, 1, 1, RN_OK },
        { 1024, 4096, 4096, 16, RN_OK },
    };
    rn_image *const image = make_image(2, 2, 0, 0, 0);
    rn_contact contacts[20];
    rn_image *sheet;

    (void)state;
    for (int i = 0; i < 20; i++)
        contacts[i] = (rn_contact){ image, "x", { 0, 0, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        require_status(
            context,
            rn_contact_sheet(&sheet, context, contacts, 1,
                             RN_OPTIONS(rn_contact_sheet, .columns = cases[i].columns, .cell_width = cases[i].width,
                                        .cell_height = cases[i].height, .text_scale = cases[i].scale)),
            cases[i].status);
        rn_image_destroy(sheet);
    }
    require_status(context,
                   rn_contact_sheet(&sheet, context, contacts, 20, RN_OPTIONS(rn_contact_sheet, .cell_width = 4096)),
                   RN_UNSUPPORTED);
    require_status(context, rn_contact_sheet(&sheet, context, contacts, 0, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_contact_sheet(&sheet, context, NULL, 1, NULL), RN_INVALID_ARGUMENT);
    contacts[1].image = NULL;
    require_status(context, rn_contact_sheet(&sheet, context, contacts, 2, NULL), RN_INVALID_ARGUMENT);
    assert_null(sheet);
    assert_int_equal(rn_contact_sheet(NULL, context, contacts, 1, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_contact_sheet(&sheet, NULL, contacts, 1, NULL), RN_INVALID_ARGUMENT);
    rn_image_destroy(image);
}

static rn_status make_one(void *with)
{
    static const uint8_t grey[9 * 5 * 3] = { 0 };
    rn_image *image = NULL, *sheet = NULL;
    rn_status status = rn_image_create(&image, with, 9, 5, grey, 0);
    const rn_contact contacts[] = { { image, "a", { 0, 0, 0 } }, { image, "b", { 0, 0, 0 } } };

    if (status == RN_OK)
        status = rn_contact_sheet(&sheet, with, contacts, 2, NULL);
    if (status != RN_OK)
        assert_null(sheet);
    rn_image_destroy(sheet);
    rn_image_destroy(image);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const with = rn_test_allocator_context(&allocator, 1);

    (void)state;
    rn_test_fail_each(&allocator, make_one, with, 10);
    rn_context_destroy(with);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_lie_in_the_middle_of_their_cells),
        cmocka_unit_test(captions_are_drawn_letter_by_letter),
        cmocka_unit_test(long_captions_are_cut),
        cmocka_unit_test(a_sheet_looks_as_it_did),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests_name("image/contact_sheet", tests, make_context, drop_context);
}
