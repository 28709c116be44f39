/* SPDX-License-Identifier: MIT */
/*
 * Pixels being worked on: rows of width * 3 bytes R, G, B without gaps. They bring their allocator, so that the threads of a loader can use the
 * C library's (a caller's hooks need not be thread safe) and everything else the context's.
 */
#ifndef RN_IMAGE_PIXELS_H
#define RN_IMAGE_PIXELS_H

#include "base/memory.h"
#include "base/message.h"

#include <stdint.h>

typedef struct rn_pixels {
    const rn_allocator *allocator;
    uint8_t *rgb;
    int32_t width, height;
} rn_pixels;

enum { RN_MAX_PIXELS = 1 << 28 };

/* Room for an image. RN_UNSUPPORTED: over RN_MAX_PIXELS. RN_NO_MEMORY. On failure rgb is NULL. */
rn_status rn_pixels_create(rn_pixels *pixels, const rn_allocator *allocator, int64_t width, int64_t height, rn_message *message);
void rn_pixels_release(rn_pixels *pixels);
/* `pixels` takes over `other`'s memory; its own is released. */
void rn_pixels_replace(rn_pixels *pixels, rn_pixels *other);

/* codec.c: a JPEG, PNG or BMP file in memory. `name` is for messages. */
rn_status rn_pixels_decode(rn_pixels *pixels, const rn_allocator *allocator, const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message);
/* codec_jpeg.c, codec_stb.c */
rn_status rn_pixels_decode_jpeg(rn_pixels *pixels, const rn_allocator *allocator, const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message);
rn_status rn_pixels_decode_stb(rn_pixels *pixels, const rn_allocator *allocator, const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message);

/* resample.c: bilinear with antialiasing, bit for bit as Pillow. */
rn_status rn_pixels_resize(rn_pixels *pixels, int32_t height, int32_t width, rn_message *message);

/* geometry.c */
rn_status rn_pixels_centre_crop(rn_pixels *pixels, int32_t height, int32_t width, rn_message *message);
rn_status rn_pixels_rotate(rn_pixels *pixels, double degrees, rn_message *message);
void rn_pixels_flip_horizontal(rn_pixels *pixels);
rn_status rn_pixels_flip_vertical(rn_pixels *pixels, rn_message *message);

/* colour.c: Pillow's ImageEnhance; hue as torchvision turns it, in [-0.5, 0.5]. */
void rn_pixels_brightness(rn_pixels *pixels, float factor);
void rn_pixels_contrast(rn_pixels *pixels, float factor);
void rn_pixels_saturation(rn_pixels *pixels, float factor);
void rn_pixels_hue(rn_pixels *pixels, double turn);
void rn_pixels_greyscale(rn_pixels *pixels);

#endif
