/* SPDX-License-Identifier: MIT */
/* Image folders for tests: small BMP files in fresh directories. */
#ifndef RN_TESTS_FOLDERS_H
#define RN_TESTS_FOLDERS_H

#include "support/support.h"

#include <stdbool.h>

/* Makes root/name and the folders on the way. */
void make_folder(const char *root, const char *name);
/* A picture whose pixels all are (seed, 2 * seed, 255 - seed) but for a first one of (1, 2, 3). */
void write_photo(const char *root, const char *name, int32_t width, int32_t height, uint8_t seed);
void write_text(const char *root, const char *name, const char *text);

/* A fresh folder of two classes with `count` photos of 8 x 6 pixels, numbered in the order that the dataset has. */
const char *make_numbered_photos(int count);

rn_dataset *open_folder(rn_context *context, const char *root);
rn_pipeline *make_pipeline(rn_context *context, const char *text);

#endif
