/* SPDX-License-Identifier: MIT */
/* PBM, PGM and PPM, whose decoder is given what begins as they do. */
#define RN_FUZZ_DECODER decode
#include "image/pixels.h"

static rn_status decode(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                        const char *name, rn_message *message)
{
    *pixels = (rn_pixels){ .bench = bench };
    if (nbytes < 3 || bytes[0] != 'P' || bytes[1] < '1' || bytes[1] > '6' || (bytes[2] != ' ' && bytes[2] != '\n'))
        return rn_fail(message, RN_FORMAT, "%s: no PNM", name);
    return rn_pixels_decode_pnm(pixels, bench, bytes, nbytes, name, message);
}

#include "fuzz_decoder.h"
