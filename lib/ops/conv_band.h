/* SPDX-License-Identifier: MIT */
/*
 * Rows of the im2col matrix that need no packing. Windows of neighbouring pixels overlap in memory, a constant step
 * apart, and the kernels can read them where they lie: in the map itself where windows are single pixels that never
 * leave it, else in a band, a copy of the few lines that some lines of output see, with the padding as zeros. A band
 * holds each pixel once, a packed panel as often as windows see it. Dilated windows have gaps and are packed.
 */
#ifndef RN_OPS_CONV_BAND_H
#define RN_OPS_CONV_BAND_H

#include "ops/conv_gather.h"

/* `lines` lines of `width` output pixels: `rows` are those of the first line, the next line's lie line_step further. */
typedef struct rn_stretch {
    rn_gemm_rows rows;
    int64_t lines, width, line_step;
} rn_stretch;

/* Windows are single pixels of the map, none in the padding. */
bool rn_gather_in_place(const rn_gather *gather);
/* In addition each pixel of the map is one, in order: all rows of all images are one line. */
bool rn_gather_whole_map(const rn_gather *gather);

/* Floats of a band for `lines` lines of output of one image. */
int64_t rn_band_floats(const rn_gather *gather, int64_t lines);
/* The same for pairs of single pixels, which cross images, whatever the windows are; 0 without pairs. */
int64_t rn_band_floats_of_singles(const rn_gather *gather, int64_t lines);

/*
 * The rows [m, m + count) or as many of them as one stretch can have; m and count are multiples of out_w unless the
 * windows are the whole map. `band` is aligned room for min(count / out_w, out_h) lines, or for all of them
 * as single pixels, whichever is more; not used in place.
 */
rn_stretch rn_gather_stretch(const rn_gather *gather, const rn_gemm_kernels *gemm, int64_t m, int64_t count,
                             float *band);

#endif
