/* SPDX-License-Identifier: MIT */
/* What the ending of a file's name says: a photo that can be read, a picture that this library has no decoder for, or
 * neither. */
#ifndef RN_DATA_ENDINGS_H
#define RN_DATA_ENDINGS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef RN_WITH_WEBP
#define RN_WEBP_ENDINGS " .webp"
#else
#define RN_WEBP_ENDINGS ""
#endif
#ifdef RN_WITH_TIFF
#define RN_TIFF_ENDINGS " .tif .tiff"
#else
#define RN_TIFF_ENDINGS ""
#endif
#define RN_PHOTO_ENDINGS ".jpg .jpeg .jpe .jfif .jif .png .bmp .ppm .pgm .pbm .pnm" RN_WEBP_ENDINGS RN_TIFF_ENDINGS

enum { RN_OTHER_ENDINGS = 20 }; /* pictures without a decoder, in one build or another */

/* Of names in any case; hidden files have no ending. */
bool rn_is_photo(const char *name);
/* Which of the endings without a decoder a name has, or -1. */
int rn_other_ending(const char *name);

/* What no person put there: a hidden file or folder, or a folder that a system keeps its own things in. */
bool rn_is_hidden(const char *name);

/* Files of each such ending that were passed over. */
typedef struct rn_passed_over {
    size_t count[RN_OTHER_ENDINGS];
} rn_passed_over;

size_t rn_passed_over_total(const rn_passed_over *passed);
/* "16 .webp, 32 .tif", cut to `size` bytes; an empty text where there are none. */
void rn_passed_over_text(char *text, size_t size, const rn_passed_over *passed);

#endif
