/* SPDX-License-Identifier: MIT */
/*
 * Pixels being worked on: rows of width * 3 bytes R, G, B without gaps, on a workbench that says where memory comes
 * from: each thread of a loader has its own (a caller's hooks need not be thread safe), everything else works with the
 * context's.
 */
#ifndef RN_IMAGE_PIXELS_H
#define RN_IMAGE_PIXELS_H

#include "base/memory.h"
#include "base/message.h"
#include "image/colour_kernels.h"
#include "image/resample_kernels.h"

#include <stdint.h>

typedef struct rn_workbench {
    rn_allocator allocator;
    const rn_resample_kernels *resample;
    const rn_colour_kernels *colour;
    int64_t max_pixels;                /* of a picture; 0: RN_STANDARD_PIXELS */
    int32_t draft_height, draft_width; /* what a JPEG need not be larger than; 0: it is decoded as it is */
} rn_workbench;

typedef struct rn_pixels {
    const rn_workbench *bench;
    uint8_t *rgb; /* RN_PIXEL_SLACK bytes more than the pixels; NULL: none */
    int32_t width, height;
    int32_t orientation; /* of EXIF, 1 to 8, in which a JPEG has them; 0: nothing is known */
    bool is_borrowed;    /* another's: neither written nor released */
    bool is_deep_grey;   /* of greys of over 8 bits: upper bytes, where Pillow cuts off at 255, or as there */
} rn_pixels;

/* A part of a picture, which may reach beyond it. */
typedef struct rn_crop {
    int32_t top, left, height, width;
} rn_crop;

/* Of a picture, unless an option says otherwise: Pillow's limit (half of what it takes for a decompression bomb, and
 * four times what cameras make); and what an option may say. */
enum { RN_STANDARD_PIXELS = 178956970, RN_MAX_PIXELS = 1 << 30 };

static inline int64_t rn_bench_pixels(const rn_workbench *bench)
{
    return bench->max_pixels > 0 ? bench->max_pixels : RN_STANDARD_PIXELS;
}

/* Room for an image. RN_UNSUPPORTED: over the bench's max_pixels. RN_NO_MEMORY. On failure rgb is NULL. */
rn_status rn_pixels_create(rn_pixels *pixels, const rn_workbench *bench, int64_t width, int64_t height,
                           rn_message *message);
/* A copy of rows `pitch` bytes apart (0: without gaps). RN_INVALID_ARGUMENT, and as above. */
rn_status rn_pixels_from_rows(rn_pixels *pixels, const rn_workbench *bench, int32_t width, int32_t height,
                              const uint8_t *rows, size_t pitch, rn_message *message);
void rn_pixels_release(rn_pixels *pixels);
/* `pixels` takes over `other`'s memory; its own is released. */
void rn_pixels_replace(rn_pixels *pixels, rn_pixels *other);

/* codec.c: a picture file in memory, of any format that is read. `name` is for messages. On failure rgb is NULL. */
rn_status rn_pixels_decode(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                           const char *name, rn_message *message);
/* exif.c: of a JPEG file; 1 if it does not say. */
int32_t rn_exif_orientation(const uint8_t *jpeg, size_t nbytes);
/* RN_FORMAT: no pixels; RN_UNSUPPORTED: over the bench's max_pixels. */
rn_status rn_check_picture_size(const rn_workbench *bench, int64_t width, int64_t height, const char *name,
                                rn_message *message);
/* What black ink leaves of light, less what an ink takes of that, rounded as Pillow's convert('RGB') does. */
static inline uint8_t rn_light_of_inks(uint32_t ink, uint32_t light)
{
    const uint32_t product = ink * light + 128;

    return (uint8_t)(light - (((product >> 8) + product) >> 8));
}

/* codec_jpeg.c, or codec_jpeg_stb.c in builds without libjpeg-turbo; which, as they do not give the same pixels */
extern const char rn_jpeg_decoder[];
rn_status rn_pixels_decode_jpeg(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message);
/* codec_bmp.c */
rn_status rn_pixels_decode_bmp(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                               const char *name, rn_message *message);
/* codec_pnm.c: PBM, PGM and PPM; bytes begin with "P", a digit from 1 to 6 and a space */
rn_status rn_pixels_decode_pnm(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                               const char *name, rn_message *message);
/* codec_webp.c and codec_tiff.c, in builds with these libraries */
rn_status rn_pixels_decode_webp(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message);
rn_status rn_pixels_decode_tiff(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message);
/* codec_stb.c */
rn_status rn_pixels_decode_stb(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                               const char *name, rn_message *message);

/* Pillow's. */
typedef enum rn_filter {
    RN_FILTER_NEAREST,
    RN_FILTER_BILINEAR,
    RN_FILTER_BICUBIC,
    RN_FILTER_BOX,
    RN_FILTER_HAMMING,
    RN_FILTER_LANCZOS
} rn_filter;

/* resample.c: bit for bit as Pillow, all but the nearest with antialiasing; of the result, `crop` (inside it), or all
 * if NULL. */
rn_status rn_pixels_resize(rn_pixels *pixels, int32_t height, int32_t width, rn_filter filter, const rn_crop *crop,
                           rn_message *message);

/* geometry.c. The part that torchvision's center_crop takes. */
rn_crop rn_crop_centre(int32_t height, int32_t width, int32_t wanted_height, int32_t wanted_width);
/* Black outside, or of that colour (three numbers from 0 to 255). */
rn_status rn_pixels_crop(rn_pixels *pixels, const rn_crop *crop, rn_message *message);
rn_status rn_pixels_crop_filled(rn_pixels *pixels, const rn_crop *crop, const double *fill, rn_message *message);

/* What lies beyond a picture: one colour; its border; the picture mirrored, without its border or with it. As numpy.pad
 * has it, so torchvision on Pillow's pictures: mirrored again and again. */
typedef enum rn_beyond { RN_BEYOND_FILL, RN_BEYOND_EDGE, RN_BEYOND_REFLECT, RN_BEYOND_SYMMETRIC } rn_beyond;

/* Where position `at` of a line of `count` lies in it, however far beyond it is; not for RN_BEYOND_FILL. */
int32_t rn_position_within(int64_t at, int64_t count, rn_beyond beyond);
/* A crop of a picture that was padded before by so many rows (above and below) and columns; not for RN_BEYOND_FILL. */
rn_status rn_pixels_crop_extended(rn_pixels *pixels, const rn_crop *crop, rn_beyond beyond, int32_t rows,
                                  int32_t columns, rn_message *message);
void rn_pixels_flip_horizontal(rn_pixels *pixels);
void rn_pixels_flip_vertical(rn_pixels *pixels);
/* Turns and mirrors what has that orientation so that it is upright. */
rn_status rn_pixels_make_upright(rn_pixels *pixels, rn_message *message);

/* colour.c: Pillow's ImageEnhance; hue as torchvision turns it, in [-0.5, 0.5]. */
void rn_pixels_brightness(rn_pixels *pixels, float factor);
void rn_pixels_contrast(rn_pixels *pixels, float factor);
void rn_pixels_saturation(rn_pixels *pixels, float factor);
void rn_pixels_hue(rn_pixels *pixels, double turn);
void rn_pixels_greyscale(rn_pixels *pixels);

/* degenerate + factor * (value - degenerate), cut off, not rounded: Pillow's Image.blend. */
static inline uint8_t rn_byte_blend(int32_t degenerate, int32_t value, float factor)
{
    const float mixed = (float)degenerate + factor * (float)(value - degenerate);

    return mixed <= 0 ? 0 : mixed >= 255 ? 255 : (uint8_t)mixed;
}

/* blur.c: torchvision's gaussian_blur, sides odd, each with its deviation in pixels. RN_SHAPE: half a side of the
 * kernel is not less than that of the picture. */
rn_status rn_pixels_gaussian_blur(rn_pixels *pixels, int32_t width, int32_t height, double sigma_x, double sigma_y,
                                  rn_message *message);

/* tone.c: Pillow's ImageOps. */
void rn_pixels_posterize(rn_pixels *pixels, int32_t bits); /* 1 to 8 are kept */
void rn_pixels_solarize(rn_pixels *pixels, double threshold);
void rn_pixels_invert(rn_pixels *pixels);
void rn_pixels_autocontrast(rn_pixels *pixels);
void rn_pixels_equalize(rn_pixels *pixels);
/* 0 smooths, 1 leaves, 2 sharpens. */
rn_status rn_pixels_sharpness(rn_pixels *pixels, float factor, rn_message *message);

#endif
