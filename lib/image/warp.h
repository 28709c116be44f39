/* SPDX-License-Identifier: MIT */
/* Maps of the plane that move pixels: a matrix, how what lies between pixels is taken, and what is outside. */
#ifndef RN_IMAGE_WARP_H
#define RN_IMAGE_WARP_H

#include "image/pixels.h"

#include <stdbool.h>

/*
 * Where output pixels come from: x' = (m0 x + m1 y + m2) / d, y' = (m3 x + m4 y + m5) / d, with d = m6 x + m7 y + 1 in
 * a perspective and 1 otherwise.
 */
typedef struct rn_warp {
    double matrix[8];
    bool is_perspective, is_bilinear; /* else the nearest pixel */
    int32_t height, width;            /* of the output */
    uint8_t fill[3];
} rn_warp;

/* Counter-clockwise about `centre` (x, y; NULL: the middle); `expands`: in a frame that holds all of it. */
rn_warp rn_warp_rotation(int32_t height, int32_t width, double degrees, const double *centre, bool expands);

/* torchvision's affine: clockwise about the middle or the corner, sheared (degrees, along x and y), scaled, moved. */
typedef struct rn_affine {
    double degrees, scale, shear[2];
    double translate[2]; /* pixels to the right and down */
    bool from_corner;
} rn_affine;

rn_warp rn_warp_affine(int32_t height, int32_t width, const rn_affine *affine);
/* The picture's corners (from the top left one clockwise) go to these places, x and y. False: no map does that. */
bool rn_warp_perspective(rn_warp *warp, int32_t height, int32_t width, const int32_t corner[4][2]);

/* Of the result, `crop` (inside it), or all if NULL. */
rn_status rn_pixels_warp(rn_pixels *pixels, const rn_warp *warp, const rn_crop *crop, rn_message *message);

#endif
