/* SPDX-License-Identifier: MIT */
/* PNG, in builds without libjpeg-turbo. */
#include "image/png.h"
#include "report/thumbnail.h"

#include <string.h>

const char rn_thumbnail_type[] = "image/png";

typedef struct place {
    uint8_t *file;
    size_t nbytes;
} place;

/* What does not fit is counted, too. */
static void append(const void *bytes, size_t nbytes, void *payload)
{
    place *const to = payload;

    if (to->nbytes + nbytes <= RN_THUMBNAIL_BYTES)
        memcpy(to->file + to->nbytes, bytes, nbytes);
    to->nbytes += nbytes;
}

size_t rn_thumbnail_write(uint8_t *file, const uint8_t *rgb)
{
    uint8_t rows[2 * (RN_THUMBNAIL_SIDE * 3 + 1)];
    place to = { .file = file };

    return rn_png_write(rgb, RN_THUMBNAIL_SIDE, RN_THUMBNAIL_SIDE, rows, append, &to) && to.nbytes <= RN_THUMBNAIL_BYTES
               ? to.nbytes
               : 0;
}
