/* SPDX-License-Identifier: MIT */
/*
 * rn_image: 8-bit RGB pixels. rn_pipeline: what happens to a photo before a network sees it.
 *
 * A pipeline is a value: it is written, printed, compared and stored as text, with torchvision's names and defaults:
 *
 *   Resize(256), CenterCrop(224), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)
 *
 * Steps, separated by commas (each is torchvision.transforms' class of that name, on 8-bit pixels until ToTensor):
 *   Resize(s) the shorter side to s, or Resize(h, w)   bilinear with antialiasing, as Pillow computes it
 *   CenterCrop(s) or (h, w)                            pads with black where the photo is smaller
 *   RandomRotation(d)                                  by an angle in [-d, d] degrees, nearest pixel, black outside
 *   RandomHorizontalFlip(p), RandomVerticalFlip(p)     with probability p; 0.5 if left out
 *   ColorJitter(b, c, s, h)                            brightness, contrast, saturation, hue, in a random order; those
 *                                                      left out are 0
 *   RandomGrayscale(p)                                 with probability p; 0.1 if left out
 *   ToTensor()                                         to float in [0, 1]; required, once
 *   Normalize(m m m, d d d)                            (x - mean) / deviation for each channel; after ToTensor
 *
 * Every random draw is a pure function of (seed, epoch, sample): the same on any machine, for any number of threads.
 * Source: https://pytorch.org/vision/stable/transforms.html; Pillow's ImagingResample.
 *
 * Thread safety: an image and a pipeline do not change once made: several threads may read them, and apply one
 * pipeline, each with a context of its own.
 */
#ifndef RESNET_IMAGE_H
#define RESNET_IMAGE_H

#include <resnet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_image rn_image;
typedef struct rn_pipeline rn_pipeline;

/* Which random draws a pipeline makes. */
typedef struct rn_draw {
    uint64_t seed;
    uint64_t epoch;
    uint64_t sample;
} rn_draw;

typedef struct rn_image_options {
    size_t struct_size;
    int64_t max_pixels; /* 0: 178,956,970, as Pillow's; at most 2^30 */
} rn_image_options;

/*
 * Decodes a JPEG, PNG or BMP file, told apart by content. Grey becomes RGB, alpha is dropped (not blended), 16 bits
 * become 8, CMYK becomes RGB as Pillow's convert('RGB') has it. The EXIF orientation is not applied, as torchvision's
 * loader does not. RN_IO: cannot be read. RN_FORMAT: not such a picture, or damaged or cut short: a half-decoded
 * picture is never given. RN_UNSUPPORTED: more pixels than the options allow. RN_NO_MEMORY: never because of
 * the file alone: a picture that asks for more memory than its size and its bytes can need (28 bytes a pixel, 4 a byte
 * of the file and 1 MiB; a JPEG of arithmetic coding 2^24 pixels and 4096 for each byte; a progressive one 100
 * scans) is RN_FORMAT. The caller destroys the image.
 */
RN_API rn_status rn_image_read(rn_image **image, rn_context *context, const char *path,
                               const rn_image_options *options);
/* The same from memory. `name` is for the message and may be NULL. */
RN_API rn_status rn_image_decode(rn_image **image, rn_context *context, const void *bytes, size_t nbytes,
                                 const char *name, const rn_image_options *options);
/* From pixels: rows of width * 3 bytes R, G, B, `pitch` bytes apart (0: width * 3). Copied. */
RN_API rn_status rn_image_create(rn_image **image, rn_context *context, int32_t width, int32_t height,
                                 const uint8_t *pixels, size_t pitch);
RN_API int32_t rn_image_width(const rn_image *image);
RN_API int32_t rn_image_height(const rn_image *image);
/* height rows of width * 3 bytes, without gaps; borrowed. */
RN_API const uint8_t *rn_image_pixels(const rn_image *image);
/* NULL is fine. */
RN_API void rn_image_destroy(rn_image *image);

/* Understands the text above. RN_FORMAT: which step is wrong, and why, is in the message. */
RN_API rn_status rn_pipeline_create(rn_pipeline **pipeline, rn_context *context, const char *text);
/* The canonical text: parsing it gives an equal pipeline. Borrowed. */
RN_API const char *rn_pipeline_text(const rn_pipeline *pipeline);
/* True if some step draws random numbers. */
RN_API int rn_pipeline_is_random(const rn_pipeline *pipeline);
/* The size of what comes out, or 0 x 0 where it depends on the photo. */
RN_API void rn_pipeline_output_size(const rn_pipeline *pipeline, int32_t *height, int32_t *width);
/* Applies the pipeline and makes a float32 tensor (3, height, width), channels fastest in memory, in `context`, whose
 * memory and message are used: threads with a context each may apply one pipeline at once. `draw` may be NULL if the
 * pipeline is not random: RN_INVALID_ARGUMENT otherwise. The caller destroys the tensor; rn_tensor_stack makes a batch.
 */
RN_API rn_status rn_pipeline_apply(rn_tensor **tensor, rn_context *context, const rn_pipeline *pipeline,
                                   const rn_image *image, const rn_draw *draw);
/* NULL is fine. */
RN_API void rn_pipeline_destroy(rn_pipeline *pipeline);

#ifdef __cplusplus
}
#endif

#endif
