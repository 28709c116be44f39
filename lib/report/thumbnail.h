/* SPDX-License-Identifier: MIT */
/* Small pictures as files in memory: JPEG, or PNG in builds without libjpeg-turbo. */
#ifndef RN_REPORT_THUMBNAIL_H
#define RN_REPORT_THUMBNAIL_H

#include <stddef.h>
#include <stdint.h>

enum {
    RN_THUMBNAIL_SIDE = 112,
    RN_THUMBNAIL_BYTES = 1 << 16 /* more than any needs: PNG's bytes are at most the pixels' and a few */
};

/* "image/jpeg" or "image/png". */
extern const char rn_thumbnail_type[];

/* Writes a square of RN_THUMBNAIL_SIDE pixels, R, G, B, as a file of at most RN_THUMBNAIL_BYTES bytes; gives how many,
 * 0 without memory. */
size_t rn_thumbnail_write(uint8_t *file, const uint8_t *rgb);

#endif
