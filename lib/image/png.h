/* SPDX-License-Identifier: MIT */
/* Pixels as a PNG, wherever its bytes are to go. */
#ifndef RN_IMAGE_PNG_H
#define RN_IMAGE_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void (*rn_png_sink)(const void *bytes, size_t nbytes, void *payload);

/* Of a row, its filter's number included. */
size_t rn_png_row_bytes(int32_t width);
/* 8-bit RGB without gaps; `rows` is room for two rows. False: zlib has no memory, and the bytes so far are no PNG. */
bool rn_png_write(const uint8_t *rgb, int32_t width, int32_t height, uint8_t *rows, rn_png_sink write, void *payload);

#endif
