/* SPDX-License-Identifier: MIT */
/* JPEG: whole pictures or none. (That the pixels are Pillow's: test_codec.c.) */
#include "image/pictures.h"

static const char *const files[] = { "rgb420.jpg", "rgb444.jpg",    "rgb422.jpg", "progressive.jpg",
                                     "grey.jpg",   "optimised.jpg", "cmyk.jpg",   "turned.jpg" };
enum { FILES = sizeof files / sizeof *files };

static rn_status decode(rn_pixels *pixels, const uint8_t *bytes, size_t nbytes, rn_message *message)
{
    return decode_exactly(rn_pixels_decode_jpeg, pixels, bytes, nbytes, message);
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        require_refused_when_cut(rn_pixels_decode_jpeg, files[i], 1);
}

static void what_follows_the_end_does_not_matter(void **state)
{
    (void)state;
    require_end_ignored(rn_pixels_decode_jpeg, "rgb420.jpg");
}

/* Where the entropy-coded data begin: behind the first SOS segment. */
static size_t scan_begin(const uint8_t *bytes, size_t nbytes)
{
    for (size_t at = 2; at + 4 < nbytes;) {
        const size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];

        assert_int_equal(bytes[at], 0xff);
        if (bytes[at + 1] == 0xda)
            return at + 2 + length;
        at += 2 + length;
    }
    fail_msg("no scan");
    return 0;
}

#ifndef RN_WITHOUT_JPEG /* what only libjpeg notices */
/* A marker in the middle of the data: what is behind it is lost, and libjpeg would go on in grey. */
static void a_hole_in_the_data_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(files[i], &nbytes);
        const size_t middle = (scan_begin(bytes, nbytes) + nbytes) / 2;
        rn_pixels pixels;
        rn_message message;

        bytes[middle] = 0xff;
        bytes[middle + 1] = 0xd9;
        assert_int_equal(decode(&pixels, bytes, nbytes, &message), RN_FORMAT);
        free(bytes);
    }
}

/* Stray bytes between segments, which cameras write, cost no pixel: libjpeg warns, and the picture is given. */
static void stray_bytes_between_segments_do_no_harm(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("rgb420.jpg", &nbytes), *const longer = calloc(1, nbytes + 3);
    rn_pixels a, b;
    rn_message message;

    (void)state;
    assert_non_null(longer);
    memcpy(longer, bytes, 20); /* SOI and JFIF's APP0 */
    memcpy(longer + 23, bytes + 20, nbytes - 20);
    assert_int_equal(decode(&a, bytes, nbytes, &message), RN_OK);
    assert_int_equal(decode(&b, longer, nbytes + 3, &message), RN_OK);
    require_same_pixels(&a, &b);
    rn_pixels_release(&a);
    rn_pixels_release(&b);
    free(bytes);
    free(longer);
}

/* Recovered files end in zeros and not in a marker. Behind the last row nothing is missed, as Pillow has it; of a
 * progressive one nobody knows whether scans are. */
static void zeros_in_place_of_the_end_cost_no_pixel(void **state)
{
    static const char *const kinds[] = { "rgb420.jpg", "optimised.jpg", "grey.jpg", "cmyk.jpg" };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(kinds[i], &nbytes), *const longer = calloc(1, nbytes + 500);
        rn_pixels a, b;
        rn_message message;

        assert_non_null(longer);
        memcpy(longer, bytes, nbytes - 2); /* but for EOI */
        assert_int_equal(decode(&a, bytes, nbytes, &message), RN_OK);
        if (decode(&b, longer, nbytes + 500, &message) != RN_OK)
            fail_msg("%s: %s", kinds[i], message.text);
        require_same_pixels(&a, &b);
        rn_pixels_release(&a);
        rn_pixels_release(&b);
        free(bytes);
        free(longer);
    }
}

/* A frame header that promises more than the file can hold: refused before memory is taken. */
static void a_size_that_the_file_cannot_hold_is_refused(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("progressive.jpg", &nbytes);
    rn_pixels pixels;
    rn_message message;

    (void)state;
    for (size_t at = 2; at + 9 < nbytes; at++)
        if (bytes[at] == 0xff && bytes[at + 1] == 0xc2) {
            memcpy(bytes + at + 5, "\x9c\x40\x10\x00", 4); /* 40000 x 4096: just below the limit */
            break;
        }
    assert_int_equal(decode(&pixels, bytes, nbytes, &message), RN_FORMAT);
    assert_non_null(strstr(message.text, "cannot hold"));
    free(bytes);
}

#endif

/* progressive.jpg with its first scan repeated; `size`: four bytes that its header has for height and width, or NULL. */
static uint8_t *make_flood(size_t *nbytes, size_t times, const char *size)
{
    size_t length, begin, end;
    uint8_t *const bytes = read_picture_file("progressive.jpg", &length);
    uint8_t *flood;

    for (end = scan_begin(bytes, length); bytes[end] != 0xff || bytes[end + 1] == 0; end++)
        ;
    begin = scan_begin(bytes, length) - 14; /* of its SOS: three components */
    assert_int_equal(bytes[begin + 1], 0xda);
    for (size_t at = 2; size != NULL && at + 9 < begin; at++)
        if (bytes[at] == 0xff && bytes[at + 1] == 0xc2)
            memcpy(bytes + at + 5, size, 4);
    *nbytes = length + times * (end - begin);
    flood = malloc(*nbytes);
    assert_non_null(flood);
    memcpy(flood, bytes, end);
    for (size_t i = 0; i < times; i++)
        memcpy(flood + end + i * (end - begin), bytes + begin, end - begin);
    memcpy(flood + end + times * (end - begin), bytes + end, length - end);
    free(bytes);
    return flood;
}

static void a_flood_of_scans_is_refused(void **state)
{
    size_t nbytes;
    uint8_t *const flood = make_flood(&nbytes, 1000, NULL);
    rn_pixels pixels;
    rn_message message;

    (void)state;
    assert_int_equal(decode(&pixels, flood, nbytes, &message), RN_FORMAT);
    assert_non_null(strstr(message.text, "over 100 scans"));
    free(flood);
}

#ifndef RN_WITHOUT_JPEG
/* Of a great picture fewer: 2^28 pixels and 4096 for each byte are gone over, 30 times 3072 x 3072 and what they add. */
static void scans_of_a_great_picture_are_fewer(void **state)
{
    size_t nbytes;
    uint8_t *const flood = make_flood(&nbytes, 80, "\x0c\0\x0c\0");
    char sentence[32];
    rn_pixels pixels;
    rn_message message;

    (void)state;
    snprintf(sentence, sizeof sentence, "over %zu scans", (((size_t)1 << 28) + 4096 * nbytes) / (3072 * 3072 + 1) + 1);
    assert_int_equal(decode(&pixels, flood, nbytes, &message), RN_FORMAT);
    if (strstr(message.text, sentence) == NULL)
        fail_msg("%s, not %s", message.text, sentence);
    free(flood);
}
#endif

static void too_many_pixels_are_refused(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("rgb420.jpg", &nbytes);
    rn_pixels pixels;
    rn_message message;

    (void)state;
    for (size_t at = 2; at + 9 < nbytes; at++)
        if (bytes[at] == 0xff && bytes[at + 1] == 0xc0) {
            memcpy(bytes + at + 5, "\xfe\x00\xfe\x00", 4);
            break;
        }
    assert_int_equal(decode(&pixels, bytes, nbytes, &message), RN_UNSUPPORTED);
    assert_non_null(strstr(message.text, "at most 178956970"));
    free(bytes);
}

#ifndef RN_WITHOUT_JPEG
/* Pillow's Image.draft and, behind it, Resize. */
static void drafts_are_pillows(void **state)
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/drafts.tsv"), "r");
    rn_workbench bench = *plain_bench();
    expected_picture whole = { .operation = "draft" }, small = { .operation = "resize" };
    int count = 0;

    (void)state;
    assert_non_null(file);
    while (fscanf(file, "%39s %d %d %d %d %x %d %d %x", whole.name, &bench.draft_width, &bench.draft_height,
                  &whole.width, &whole.height, &whole.crc, &small.width, &small.height, &small.crc) == 9) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(whole.name, &nbytes);
        rn_pixels pixels;
        rn_message message;

        memcpy(small.name, whole.name, sizeof small.name);
        assert_int_equal(rn_pixels_decode(&pixels, &bench, bytes, nbytes, whole.name, &message), RN_OK);
        require_picture(&pixels, &whole);
        assert_int_equal(rn_pixels_resize(&pixels, small.height, small.width, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
        require_picture(&pixels, &small);
        rn_pixels_release(&pixels);
        free(bytes);
        count++;
    }
    fclose(file);
    assert_int_equal(count, 42);
}
#else
static void drafts_are_refused(void **state)
{
    rn_workbench bench = *plain_bench();
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("rgb420.jpg", &nbytes);
    rn_pixels pixels;
    rn_message message;

    (void)state;
    bench.draft_width = bench.draft_height = 8;
    assert_int_equal(rn_pixels_decode(&pixels, &bench, bytes, nbytes, "file", &message), RN_UNSUPPORTED);
    assert_non_null(strstr(message.text, "libjpeg-turbo"));
    free(bytes);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(what_follows_the_end_does_not_matter),
#ifndef RN_WITHOUT_JPEG
        cmocka_unit_test(a_hole_in_the_data_is_noticed),
        cmocka_unit_test(stray_bytes_between_segments_do_no_harm),
        cmocka_unit_test(zeros_in_place_of_the_end_cost_no_pixel),
        cmocka_unit_test(a_size_that_the_file_cannot_hold_is_refused),
        cmocka_unit_test(drafts_are_pillows),
        cmocka_unit_test(scans_of_a_great_picture_are_fewer),
#else
        cmocka_unit_test(drafts_are_refused),
#endif
        cmocka_unit_test(a_flood_of_scans_is_refused),
        cmocka_unit_test(too_many_pixels_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
