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

uint32_t crc_of(const void *bytes, size_t nbytes);
void require_picture(const rn_pixels *pixels, const expected_picture *expected);
void require_same_pixels(const rn_pixels *a, const rn_pixels *b);

#endif
