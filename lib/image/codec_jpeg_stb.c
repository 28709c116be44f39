/* SPDX-License-Identifier: MIT */
/*
 * JPEG by stb_image, in builds without libjpeg-turbo. As of 2.27 it invents what a file that was cut short lacks,
 * writes past its tables where a Huffman table has over 256 codes, follows tables that were never defined into memory
 * that it did not clear, and mixes up frames where there are two. All of that is looked for here, marker by marker as
 * stb_image goes (ITU-T T.81, annex B). Damage within the coded data stays unnoticed: libjpeg-turbo is the better
 * decoder.
 */
#include "image/pixels.h"

enum {
    FRAME_BASELINE = 0xc0,
    FRAME_EXTENDED = 0xc1,
    FRAME_PROGRESSIVE = 0xc2,
    HUFFMAN_TABLES = 0xc4,
    END_OF_IMAGE = 0xd9,
    START_OF_SCAN = 0xda,
    TABLES = 4,     /* of each class */
    MAX_SCANS = 100 /* a progressive file has about ten */
};

const char rn_jpeg_decoder[] = "stb_image";

/* What has been defined so far. */
typedef struct stream {
    bool frame, progressive;
    bool tables[2][TABLES]; /* for DC and AC coefficients */
    int scans;
} stream;

/* Of the segment behind the marker at `at`; 0 if it has none. */
static size_t segment_length(const uint8_t *bytes, size_t nbytes, size_t at)
{
    const uint8_t marker = bytes[at + 1];

    if (marker == 0 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd9) || nbytes - at < 4)
        return 0;
    return (size_t)bytes[at + 2] << 8 | bytes[at + 3];
}

/*
 * Tables of a byte (class and number), 16 counts, and as many symbols. 255 at most: stb_image uses 255 for "none".
 */
static bool read_tables(stream *s, const uint8_t *segment, size_t length)
{
    for (size_t at = 2; at < length;) {
        const int class = segment[at] >> 4, number = segment[at] & 15;
        size_t symbols = 0;

        if (length - at < 17 || class > 1 || number >= TABLES)
            return false;
        for (size_t i = 1; i <= 16; i++)
            symbols += segment[at + i];
        if (symbols > 255 || length - at - 17 < symbols)
            return false;
        s->tables[class][number] = true;
        at += 17 + symbols;
    }
    return true;
}

/* The number of components, two bytes for each, the first coefficient, and two bytes more. */
static bool scan_has_its_tables(const stream *s, const uint8_t *segment, size_t length)
{
    const size_t count = length > 2 ? segment[2] : 0;
    bool direct, alternating;

    if (!s->frame || length < 6 + 2 * count)
        return false;
    direct = !s->progressive || segment[3 + 2 * count] == 0;
    alternating = !s->progressive || segment[3 + 2 * count] > 0;
    for (size_t i = 0; i < count; i++) {
        const int dc = segment[4 + 2 * i] >> 4, ac = segment[4 + 2 * i] & 15;

        if (dc >= TABLES || ac >= TABLES || (direct && !s->tables[0][dc]) || (alternating && !s->tables[1][ac]))
            return false;
    }
    return true;
}

/* NULL, or what is wrong with a segment. */
static const char *read_segment(stream *s, uint8_t marker, const uint8_t *segment, size_t length)
{
    switch (marker) {
    case FRAME_BASELINE:
    case FRAME_EXTENDED:
    case FRAME_PROGRESSIVE:
        if (s->frame)
            return "has two frames";
        s->frame = true;
        s->progressive = marker == FRAME_PROGRESSIVE;
        return NULL;
    case HUFFMAN_TABLES: return read_tables(s, segment, length) ? NULL : "has a Huffman table that is none";
    case START_OF_SCAN:
        if (++s->scans > MAX_SCANS) /* a small file may ask for a great many passes over a great picture */
            return "has over 100 scans";
        return scan_has_its_tables(s, segment, length) ? NULL : "has a scan without its tables";
    default: return NULL;
    }
}

static rn_status check_jpeg(const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message)
{
    stream s = { 0 };
    size_t at = 2;

    while (at < nbytes && nbytes - at >= 2) {
        const size_t length = bytes[at] == 0xff ? segment_length(bytes, nbytes, at) : 0;
        const char *wrong;

        if (bytes[at] != 0xff || bytes[at + 1] == 0xff) {
            at++;
            continue;
        }
        if (bytes[at + 1] == END_OF_IMAGE)
            return RN_OK;
        if (length > nbytes - at - 2)
            break;
        wrong = read_segment(&s, bytes[at + 1], bytes + at + 2, length);
        if (wrong != NULL)
            return rn_fail(message, RN_FORMAT, "%s: the JPEG %s", name, wrong);
        at += 2 + length;
    }
    return rn_fail(message, RN_FORMAT, "%s: the JPEG is cut short", name);
}

rn_status rn_pixels_decode_jpeg(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message)
{
    rn_status status = check_jpeg(bytes, nbytes, name, message);

    *pixels = (rn_pixels){ .bench = bench };
    if (status == RN_OK && bench->draft_width > 0)
        status = rn_fail(message, RN_UNSUPPORTED, "%s: this build lacks libjpeg-turbo, which decodes drafts", name);
    return status != RN_OK ? status : rn_pixels_decode_stb(pixels, bench, bytes, nbytes, name, message);
}
