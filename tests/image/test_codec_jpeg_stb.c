/* SPDX-License-Identifier: MIT */
/* Builds without libjpeg-turbo: what stb_image would follow out of its memory is refused before it sees the file. */
#include "image/pictures.h"

static const char *const files[] = { "rgb420.jpg", "rgb444.jpg",    "rgb422.jpg", "progressive.jpg",
                                     "grey.jpg",   "optimised.jpg", "cmyk.jpg" };
enum { FILES = sizeof files / sizeof *files, FRAME_BASELINE = 0xc0, FRAME_PROGRESSIVE = 0xc2, HUFFMAN_TABLES = 0xc4 };

typedef struct segment {
    size_t begin, end; /* marker included */
} segment;

/* The next segment with this marker from `at` on; begin is 0 if there is none. */
static segment find(const uint8_t *bytes, size_t nbytes, size_t at, uint8_t marker)
{
    for (; at + 4 < nbytes; at++)
        if (bytes[at] == 0xff && bytes[at + 1] == marker)
            return (segment){ at, at + 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]) };
    return (segment){ 0, 0 };
}

static void require_refused(const uint8_t *bytes, size_t nbytes, const char *words)
{
    rn_pixels pixels;
    rn_message message;

    assert_int_equal(decode_exactly(rn_pixels_decode_jpeg, &pixels, bytes, nbytes, &message), RN_FORMAT);
    if (strstr(message.text, words) == NULL)
        fail_msg("'%s' lacks '%s'", message.text, words);
}

/* Each table's first definition is taken away in turn; progressive files define some again. */
static void a_scan_without_its_tables_is_refused(void **state)
{
    int removed = 0;

    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(files[i], &nbytes), *const shorter = malloc(nbytes);
        bool defined[256] = { false };

        assert_non_null(shorter);
        for (segment s = find(bytes, nbytes, 2, HUFFMAN_TABLES); s.begin != 0;
             s = find(bytes, nbytes, s.end, HUFFMAN_TABLES)) {
            if (defined[bytes[s.begin + 4]])
                continue;
            defined[bytes[s.begin + 4]] = true;
            memcpy(shorter, bytes, s.begin);
            memcpy(shorter + s.begin, bytes + s.end, nbytes - s.end);
            require_refused(shorter, nbytes - (s.end - s.begin), "scan without its tables");
            removed++;
        }
        free(shorter);
        free(bytes);
    }
    assert_int_equal(removed, 5 * 4 + 2 * 2);
}

static void a_second_frame_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(files[i], &nbytes), *const longer = malloc(2 * nbytes);
        segment s = find(bytes, nbytes, 2, FRAME_BASELINE);

        assert_non_null(longer);
        if (s.begin == 0)
            s = find(bytes, nbytes, 2, FRAME_PROGRESSIVE);
        assert_true(s.begin != 0 && s.end < nbytes);
        memcpy(longer, bytes, s.end);
        memcpy(longer + s.end, bytes + s.begin, nbytes - s.begin);
        require_refused(longer, nbytes + s.end - s.begin, "two frames");
        free(longer);
        free(bytes);
    }
}

static void tables_of_too_many_codes_are_refused(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("rgb420.jpg", &nbytes);
    const segment s = find(bytes, nbytes, 2, HUFFMAN_TABLES);

    (void)state;
    assert_true(s.begin != 0);
    memset(bytes + s.begin + 5, 0xff, 16); /* the counts */
    require_refused(bytes, nbytes, "Huffman table");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_without_its_tables_is_refused),
        cmocka_unit_test(a_second_frame_is_refused),
        cmocka_unit_test(tables_of_too_many_codes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
