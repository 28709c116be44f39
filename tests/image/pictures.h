/* SPDX-License-Identifier: MIT */
/* The pictures in fixtures/ and what Pillow and torchvision make of them (make_fixtures.py). */
#ifndef RN_TESTS_PICTURES_H
#define RN_TESTS_PICTURES_H

#include "image/image.h"
#include "support/support.h"

typedef struct expected_picture {
    char operation[16], name[40];
    double number[4];
    int32_t count; /* of numbers */
    int32_t width, height;
    uint32_t crc;
} expected_picture;

/* Calls `check` for every line of an operation; the test fails if there are fewer than `least`. */
void for_each_expected(const char *operation, int least, void (*check)(const expected_picture *expected));

/* The same of formats.tsv (make_formats.py) for pictures with this ending; `name` is "formats/..". */
void for_each_format(const char *ending, int least, void (*check)(const expected_picture *expected));

/* A check of either: the picture decodes to these pixels. */
void check_format(const expected_picture *expected);

/* A workbench with the C library's memory and the loops of an instruction set. Static. */
const rn_workbench *plain_bench(void);

/* A whole file, released with free(). */
uint8_t *read_whole(const char *path, size_t *nbytes);
uint8_t *read_picture_file(const char *name, size_t *nbytes);
/* Decodes fixtures/`name`; the caller releases the pixels. */
rn_pixels load_picture(const char *name);
rn_pixels copy_pixels(const rn_pixels *pixels);
/* A picture of deterministic noise. */
rn_pixels noise_picture(int32_t width, int32_t height, uint32_t seed);

/* rn_pixels_decode or that of one format. */
typedef rn_status (*picture_decoder)(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                     const char *name, rn_message *message);
/*
 * Decodes the bytes in a block of their own, so that a sanitizer sees a byte too far. A failure must name the picture
 * and leave no pixels.
 */
rn_status decode_exactly(picture_decoder decoder, rn_pixels *pixels, const uint8_t *bytes, size_t nbytes,
                         rn_message *message);
/* Cut anywhere: at every length near both ends, at every `step`-th between. */
void require_refused_when_cut(picture_decoder decoder, const char *name, size_t step);
void require_end_ignored(picture_decoder decoder, const char *name);

uint32_t crc_of(const void *bytes, size_t nbytes);
void require_picture(const rn_pixels *pixels, const expected_picture *expected);
void require_same_pixels(const rn_pixels *a, const rn_pixels *b);

#endif
