/* SPDX-License-Identifier: MIT */
/*
 * How a camera was held: the orientation in the EXIF data of a JPEG. Sources: ITU-T T.81, B.1.1 (markers); CIPA DC-008,
 * "Exif", 4.5.2 and 4.6.4 (tag 274); TIFF 6.0, section 2.
 */
#include "image/pixels.h"

#include <string.h>

enum { UPRIGHT = 1, ORIENTATION = 0x0112, SHORT = 3, ENTRY = 12 };

/* A TIFF file within a file; numbers in its own order of bytes. */
typedef struct tiff {
    const uint8_t *bytes;
    size_t nbytes;
    bool little;
} tiff;

static uint32_t get_16(const tiff *t, size_t at)
{
    const uint32_t a = t->bytes[at], b = t->bytes[at + 1];

    return t->little ? a | b << 8 : a << 8 | b;
}

static uint32_t get_32(const tiff *t, size_t at)
{
    const uint32_t a = get_16(t, at), b = get_16(t, at + 2);

    return t->little ? a | b << 16 : a << 16 | b;
}

/* The first directory's entries: tag, type, count, value. */
static int32_t read_directory(const tiff *t)
{
    size_t at, count;

    if (t->nbytes < 8)
        return UPRIGHT;
    at = get_32(t, 4);
    if (at > t->nbytes - 2)
        return UPRIGHT;
    count = get_16(t, at);
    at += 2;
    for (size_t i = 0; i < count && t->nbytes - at >= ENTRY; i++, at += ENTRY) {
        if (get_16(t, at) != ORIENTATION)
            continue;
        const uint32_t value = get_16(t, at + 8);

        return get_16(t, at + 2) == SHORT && value >= 1 && value <= 8 ? (int32_t)value : UPRIGHT;
    }
    return UPRIGHT;
}

static int32_t read_tiff(const uint8_t *bytes, size_t nbytes)
{
    const bool little = nbytes >= 4 && memcmp(bytes, "II*\0", 4) == 0,
               big = nbytes >= 4 && memcmp(bytes, "MM\0*", 4) == 0;
    const tiff t = { bytes, nbytes, little };

    return little || big ? read_directory(&t) : UPRIGHT;
}

/* Segments up to the first scan: FF, marker, two bytes of length, which counts itself. */
int32_t rn_exif_orientation(const uint8_t *jpeg, size_t nbytes)
{
    static const uint8_t name[6] = { 'E', 'x', 'i', 'f', 0, 0 };
    enum { APP1 = 0xe1, SCAN = 0xda, HEAD = 4 };
    size_t at = 2;

    while (nbytes >= HEAD && at <= nbytes - HEAD && jpeg[at] == 0xff && jpeg[at + 1] != SCAN) {
        const size_t length = (size_t)jpeg[at + 2] << 8 | jpeg[at + 3];

        if (jpeg[at + 1] == 0xff) { /* a fill byte */
            at++;
            continue;
        }
        if (length < 2 || length > nbytes - at - 2)
            break;
        if (jpeg[at + 1] == APP1 && length >= 2 + sizeof name && memcmp(jpeg + at + HEAD, name, sizeof name) == 0)
            return read_tiff(jpeg + at + HEAD + sizeof name, length - 2 - sizeof name);
        at += 2 + length;
    }
    return UPRIGHT;
}
