/* SPDX-License-Identifier: MIT */
/*
 * Real pictures, awkward and corrupt ones: every verdict and every pixel is Pillow's but for the files below. Each line
 * of expect_pillow.tsv has path, bytes, format, mode, width, height, orientation, verdict, CRC-32 of the RGB bytes.
 */
#include "image/pictures.h"

#define SIXTEEN "16-bit grey: we keep the upper byte, Pillow cuts values off at 255"
#define APPLE "Apple's private PNG: blue and red change places and colours are multiplied by alpha; Pillow gives black"

typedef struct difference {
    const char *path, *reason;
    bool refused; /* by us, not by Pillow */
} difference;

static const difference differences[] = {
    { "pngsuite/corrupt/xcsn0g01.png", "the checksum of the picture data is wrong; Pillow does not look", true },
    { "pngsuite/16bit/basi0g16.png", SIXTEEN, false },
    { "pngsuite/16bit/basn0g16.png", SIXTEEN, false },
    { "pngsuite/16bit/oi1n0g16.png", SIXTEEN, false },
    { "pngsuite/16bit/oi2n0g16.png", SIXTEEN, false },
    { "pngsuite/16bit/oi4n0g16.png", SIXTEEN, false },
    { "pngsuite/16bit/oi9n0g16.png", SIXTEEN, false },
    { "pngsuite/16bit/tbwn0g16.png", SIXTEEN, false },
    { "pngsuite/unused/g03n0g16.png", SIXTEEN, false },
    { "pngsuite/unused/g04n0g16.png", SIXTEEN, false },
    { "pngsuite/unused/g05n0g16.png", SIXTEEN, false },
    { "pngsuite/unused/g07n0g16.png", SIXTEEN, false },
    { "pngsuite/unused/g10n0g16.png", SIXTEEN, false },
    { "pngsuite/unused/g25n0g16.png", SIXTEEN, false },
    { "pngsuite/iphone/iphone_basi0g01.png", APPLE, true },
    { "pngsuite/iphone/iphone_basi0g02.png", APPLE, true },
    { "pngsuite/iphone/iphone_basi3p02.png", APPLE, true },
    { "pngsuite/iphone/iphone_bgwn6a08.png", APPLE, true },
    { "pngsuite/iphone/iphone_bgyn6a16.png", APPLE, true },
    { "pngsuite/iphone/iphone_tbyn3p08.png", APPLE, true },
    { "pngsuite/iphone/iphone_z06n2c08.png", APPLE, true },
};

static const difference *difference_of(const char *path)
{
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
        if (strcmp(differences[i].path, path) == 0)
            return &differences[i];
    return NULL;
}

enum { PATH, VERDICT = 7, CRC, COLUMNS };

#ifdef RN_WITHOUT_JPEG
enum { JPEG_BY_STB = 1 }; /* whose pixels and verdicts are its own */
#else
enum { JPEG_BY_STB = 0 };
#endif

static bool is_jpeg(const char *path)
{
    const size_t length = strlen(path);

    return length > 4 && strcmp(path + length - 4, ".jpg") == 0;
}

/* What became of the picture: "" as Pillow, else how it differs. */
static const char *compare(rn_context *context, rn_status status, const rn_image *image, char *column[COLUMNS])
{
    const bool accepted = strcmp(column[VERDICT], "OK") == 0;
    char crc[16];

    if (status != RN_OK)
        assert_non_null(strstr(rn_context_message(context), column[PATH])); /* the file is named */
    if (JPEG_BY_STB && is_jpeg(column[PATH]))
        return "";
    if (status != RN_OK)
        return accepted ? "refused" : "";
    if (!accepted)
        return "accepted";
    snprintf(
        crc, sizeof crc, "%08x",
        (unsigned)crc_of(rn_image_pixels(image), (size_t)rn_image_width(image) * (size_t)rn_image_height(image) * 3));
    return strcmp(crc, column[CRC]) == 0 ? "" : "other pixels";
}

static void check_line(rn_context *context, char *line)
{
    char *column[COLUMNS], relative[1040], *at = line;
    const difference *known;
    const char *found;
    rn_image *image;
    rn_status status;

    line[strcspn(line, "\r\n")] = '\0';
    for (int i = 0; i < COLUMNS; i++) {
        column[i] = at;
        at += strcspn(at, "\t");
        if (*at != '\0')
            *at++ = '\0';
    }
    snprintf(relative, sizeof relative, "images/%s", column[PATH]);
    status = rn_image_read(&image, context, rn_test_data(relative), NULL);
    if (status != RN_OK && status != RN_FORMAT)
        fail_msg("%s: %s", column[PATH], rn_context_message(context));
    found = compare(context, status, image, column);
    known = difference_of(column[PATH]);
    if (strcmp(found, known == NULL ? "" : known->refused ? "refused" : "other pixels") != 0)
        fail_msg("%s: %s (%s)", column[PATH], *found != '\0' ? found : "as Pillow, and was to differ",
                 known != NULL ? known->reason : rn_context_message(context));
    rn_image_destroy(image);
}

static void pictures_come_out_as_from_pillow(void **state)
{
    FILE *const file = fopen(rn_test_data("images/expect_pillow.tsv"), "r"); /* first: it may skip the test */
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    char line[1024];
    int count = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (line[0] != '#') {
            check_line(context, line);
            count++;
        }
    fclose(file);
    rn_context_destroy(context);
    assert_true(count > 200);
}

/* Photos cut at many places: never half a picture. */
static void real_photos_cut_short_are_refused(void **state)
{
    static const char *const photos[] = { "images/exif-orientation/Portrait_0.jpg",
                                          "images/libjpeg-turbo/testimgari.jpg", "images/libjpeg-turbo/testimgint.jpg",
                                          "images/libjpeg-turbo/monkey16.png", "images/libjpeg-turbo/shira_bird8.bmp" };
    rn_context *context;

    (void)state;
    (void)rn_test_data("images"); /* skips where there are none */
    context = rn_test_context(1, RN_ISA_AUTO);
    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_whole(rn_test_data(photos[i]), &nbytes);

        for (size_t part = 1; part < 20; part++) {
            rn_image *image;

            require_status(context, rn_image_decode(&image, context, bytes, nbytes * part / 20, photos[i], NULL),
                           RN_FORMAT);
        }
        free(bytes);
    }
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_come_out_as_from_pillow),
        cmocka_unit_test(real_photos_cut_short_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
