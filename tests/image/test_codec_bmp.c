/* SPDX-License-Identifier: MIT */
/* BMP of every kind against Pillow's pixels (make_bitmaps.py), in memory that a sanitizer watches. */
#include "image/pictures.h"

enum { LINE = 8192, BITMAPS = 197 };

typedef struct line_of_file {
    char text[LINE];
    const char *name, *answer;
    uint8_t bytes[LINE / 2];
    size_t nbytes;
} line_of_file;

static void split(line_of_file *line)
{
    char *hex = strchr(line->text, '\t'), *answer = hex == NULL ? NULL : strchr(hex + 1, '\t');

    assert_non_null(answer);
    *hex++ = '\0';
    *answer++ = '\0';
    answer[strcspn(answer, "\n")] = '\0';
    line->name = line->text;
    line->answer = answer;
    line->nbytes = strlen(hex) / 2;
    for (size_t i = 0; i < line->nbytes; i++) {
        unsigned int byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        line->bytes[i] = (uint8_t)byte;
    }
}

/* Calls `check` for every file. */
static void for_each_bitmap(void (*check)(const line_of_file *line))
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/bitmaps.tsv"), "r");
    static line_of_file line;
    int count = 0;

    assert_non_null(file);
    while (fgets(line.text, sizeof line.text, file) != NULL) {
        split(&line);
        check(&line);
        count++;
    }
    fclose(file);
    assert_int_equal(count, BITMAPS);
}

static rn_status decode(rn_pixels *pixels, const line_of_file *line, size_t nbytes)
{
    rn_message message;

    return decode_exactly(rn_pixels_decode, pixels, line->bytes, nbytes, &message);
}

static void check_answer(const line_of_file *line)
{
    rn_pixels pixels;
    const rn_status status = decode(&pixels, line, line->nbytes);
    int width, height;
    unsigned int crc;

    if (strcmp(line->answer, "refused") == 0) {
        if (status != RN_FORMAT)
            fail_msg("%s: %s instead of a refusal", line->name, rn_status_string(status));
        return;
    }
    if (status != RN_OK)
        fail_msg("%s: %s", line->name, rn_status_string(status));
    assert_int_equal(sscanf(line->answer, "%d\t%d\t%x", &width, &height, &crc), 3);
    if (pixels.width != width || pixels.height != height)
        fail_msg("%s: %d x %d pixels", line->name, (int)pixels.width, (int)pixels.height);
    if (crc_of(pixels.rgb, (size_t)width * (size_t)height * 3) != crc)
        fail_msg("%s: other pixels", line->name);
    rn_pixels_release(&pixels);
}

static void bitmaps_have_pillows_pixels(void **state)
{
    (void)state;
    for_each_bitmap(check_answer);
}

/* Padding and what follows the last pixel may be missing, nothing else. */
static void check_every_cut(const line_of_file *line)
{
    rn_pixels whole, part;
    bool was_whole = true;

    if (decode(&whole, line, line->nbytes) != RN_OK)
        return;
    for (size_t nbytes = line->nbytes; nbytes-- > 2;) {
        const bool is_whole = decode(&part, line, nbytes) == RN_OK;

        if (is_whole && !was_whole)
            fail_msg("%s: %zu bytes are enough and one more is not", line->name, nbytes);
        if (is_whole) {
            require_same_pixels(&part, &whole);
            rn_pixels_release(&part);
        }
        was_whole = is_whole;
    }
    if (was_whole)
        fail_msg("%s: nothing of it is needed", line->name);
    rn_pixels_release(&whole);
}

static void a_bitmap_that_is_cut_is_refused(void **state)
{
    (void)state;
    for_each_bitmap(check_every_cut);
}

/* A changed byte gives some picture or a refusal, and nothing is read outside (a sanitizer's word). */
static void check_every_change(const line_of_file *line)
{
    static line_of_file changed;
    const size_t most = line->nbytes < 80 ? line->nbytes : 80;

    changed = *line;
    for (size_t at = 0; at < most; at++) {
        static const uint8_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };

        for (size_t i = 0; i < sizeof values; i++) {
            rn_pixels pixels;
            rn_status status;

            changed.bytes[at] = values[i];
            if ((at == 20 || at == 21 || at == 24 || at == 25) && values[i] > 0) /* sizes that take their time */
                continue;
            status = decode(&pixels, &changed, changed.nbytes);
            if (status == RN_OK)
                rn_pixels_release(&pixels);
            else if (status != RN_FORMAT && status != RN_UNSUPPORTED)
                fail_msg("%s: %s", line->name, rn_status_string(status));
        }
        changed.bytes[at] = line->bytes[at];
    }
}

static void changed_bytes_do_no_harm(void **state)
{
    (void)state;
    for_each_bitmap(check_every_change);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bitmaps_have_pillows_pixels),
        cmocka_unit_test(a_bitmap_that_is_cut_is_refused),
        cmocka_unit_test(changed_bytes_do_no_harm),
    };

    return cmocka_run_group_tests_name("image/codec_bmp", tests, NULL, NULL);
}
