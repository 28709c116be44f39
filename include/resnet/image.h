/* SPDX-License-Identifier: MIT */
/*
 * rn_image: 8-bit RGB pixels. rn_pipeline: what happens to a photo before a network sees it.
 *
 * A pipeline is a value: it is written, printed, compared and stored as text, with torchvision's names and defaults:
 *
 *   Resize(256), CenterCrop(224), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)
 *
 * Steps, separated by commas, each torchvision.transforms' class of that name, on 8-bit pixels until ToTensor; given
 * the same parameters, the same bytes. Behind numbers may stand words, some with numbers of their own ("padding 4" or
 * "padding=4"). FILTER is nearest, bilinear, bicubic, box, hamming or lanczos, all but the first with antialiasing, as
 * Pillow computes them; MIX is nearest or bilinear; what lies outside a picture is black, or "fill R G B" (0 to 255),
 * or in BEYOND's place its border (edge) or the picture mirrored (reflect: without its border, symmetric: with it); p
 * is a probability, 0.5 if left out. A list out of a Python program is understood as far as it says no more:
 * "transforms.CenterCrop((224, 224)), transforms.RandomResizedCrop(224, scale=(0.2, 1.0))".
 *
 *   ExifTranspose()           the first step: turns a JPEG upright as its EXIF orientation says (Pillow's
 *                             ImageOps.exif_transpose; torchvision's loaders do not)
 *   Resize(s)                 the shorter side to s; FILTER (bilinear); "max_size m": the longer side at most m
 *   Resize(h, w)              FILTER (bilinear)
 *                             "draft" in a first Resize (but for ExifTranspose): a loader and rn_predict_file decode
 *                             JPEGs at a part of their size before (rn_image_options), no smaller than s, s or h, w; an
 *                             rn_image is taken as it is
 *   CenterCrop(s) or (h, w)   pads with black where the photo is smaller
 *   RandomCrop(s) or (h, w)   "padding n" on all sides before; "pad_if_needed" (else a smaller photo is RN_SHAPE);
 *                             fill, BEYOND
 *   RandomResizedCrop(s) or (h, w)
 *                             a part of the photo, resized: "scale a b" of the area (0.08 1), "ratio a b" of width to
 *                             height (0.75 1.33333333333333), FILTER (bilinear)
 *   Pad(all), Pad(x, y) or Pad(left, top, right, bottom)
 *                             fill, BEYOND
 *   RandomRotation(d) or (a, b)
 *                             by an angle in [-d, d] or [a, b] degrees; MIX (nearest), "expand", "center x y" in
 *                             pixels from the upper left corner (the middle), fill
 *   RandomAffine(d) or (a, b)
 *                             turned, "translate x y" at most (parts of the sides), "scale a b", "shear a b c d"
 *                             (degrees along x and y), MIX (nearest), fill
 *   RandomPerspective(d, p)   corners moved inwards by up to d / 2 of a side (0.5); MIX (bilinear), fill. Where one of
 *                             the map's eight numbers is 0, torchvision's least squares leave some 1e-14 of it, how
 *                             much depends on its LAPACK: a pixel that meets the border or another pixel's edge exactly
 *                             may then be the neighbour (2 of 6,600 pictures had one)
 *   RandomHorizontalFlip(p), RandomVerticalFlip(p)
 *   ColorJitter(b, c, s, h)   brightness, contrast, saturation, hue, in a random order; those left out are 0
 *   GaussianBlur(k) or (x, y) sides of the kernel, odd; "sigma a b", drawn for both directions (0.1 2), or "sigma a"
 *                             for one. In torch's own arithmetic: where its exp rounds otherwise a value may differ by
 *                             1 (one photo in some 30 has one). A photo of no more than half a side is RN_SHAPE
 *   Grayscale(), RandomGrayscale(p)
 *                             three equal channels; p is 0.1 if left out
 *   RandomInvert(p), RandomAutocontrast(p), RandomEqualize(p)
 *   RandomPosterize(bits, p), RandomSolarize(threshold, p), RandomAdjustSharpness(factor, p)
 *   TrivialAugmentWide(), RandAugment(n, m)
 *                             of 14 operations and 31 strengths; n is 2, m 9 if left out
 *   ToTensor()                to float in [0, 1]; required, once
 *   Normalize(m m m, d d d)   (x - mean) / deviation for each channel; after ToTensor
 *   RandomErasing(p)          the last step: a rectangle of the floats, "scale a b" of the area (0.02 0.33), "ratio a
 *                             b" of height to width (0.3 3.3), "value r g b" (0 0 0) or "random": a draw of the
 *                             standard normal distribution for each float
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
    /* Both 0: as it is. Else a JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as small as it can be without becoming
     * smaller than this, which costs less: the same pixels as after Pillow's Image.draft('RGB', (width, height)). It is
     * meant for a Resize to that size behind it, whose result is then a little other than without. */
    int32_t draft_height, draft_width;
} rn_image_options;

/*
 * Decodes a picture file, told apart by content: JPEG, PNG, BMP (of any kind but those that hold a JPEG or a PNG),
 * PBM, PGM and PPM, and, where the build found libwebp and libtiff, WebP (of an animation the first frame) and TIFF
 * (the first picture; 1 to 16 bits of grey, palette, RGB or CMYK, in strips or tiles, in every compression that this
 * libtiff has; YCbCr of 8 bits, without compression only where each pixel has its colour; greys of 16 bits with
 * sign, of 32 bits and of floats, cut off at 0 and 255). Grey becomes RGB, alpha is dropped (not blended), 16 bits
 * become 8 (the upper ones; Pillow cuts 16-bit greys off at 255), CMYK becomes RGB as Pillow's convert('RGB') has
 * it. A JPEG's EXIF orientation is not applied (rn_image_orientation), a TIFF's is, as Pillow does. RN_IO: cannot be
 * read. RN_FORMAT: not such a picture, or damaged or cut short: a half-decoded picture is never given.
 * RN_UNSUPPORTED: more pixels than the options allow; a draft in a build without libjpeg-turbo. RN_NO_MEMORY: never
 * because of the file alone: a picture that asks for more memory than its size and its bytes can need (28 bytes a
 * pixel, 4 a byte of the file and 1 MiB; a JPEG of arithmetic coding, a WebP and a compressed TIFF 2^24 pixels and
 * 4096 for each byte; a progressive JPEG 100 scans) is RN_FORMAT, with libwebp's and libtiff's own want of memory.
 * The caller destroys the image.
 */
RN_API rn_status rn_image_read(rn_image **image, rn_context *context, const char *path,
                               const rn_image_options *options);
/* The same from memory. `name` is for the message and may be NULL. */
RN_API rn_status rn_image_decode(rn_image **image, rn_context *context, const void *bytes, size_t nbytes,
                                 const char *name, const rn_image_options *options);
/* From pixels: rows of width * 3 bytes R, G, B, `pitch` bytes apart (0: width * 3). Copied. RN_INVALID_ARGUMENT: NULL,
 * a size below 1, a pitch below width * 3 or beyond what memory has. RN_UNSUPPORTED: over 178,956,970 pixels.
 * RN_NO_MEMORY. The caller destroys the image. */
RN_API rn_status rn_image_create(rn_image **image, rn_context *context, int32_t width, int32_t height,
                                 const uint8_t *pixels, size_t pitch);
RN_API int32_t rn_image_width(const rn_image *image);
RN_API int32_t rn_image_height(const rn_image *image);
/* The EXIF orientation of the JPEG that it was decoded from, 1 (upright) to 8; 0 for other images. The pixels are as
 * they lie in the file; the step ExifTranspose turns them. */
RN_API int32_t rn_image_orientation(const rn_image *image);
/* height rows of width * 3 bytes, without gaps; borrowed. */
RN_API const uint8_t *rn_image_pixels(const rn_image *image);
/* NULL is fine. */
RN_API void rn_image_destroy(rn_image *image);

/* Understands the text above. RN_FORMAT: which step is wrong, and why, is in the message. */
RN_API rn_status rn_pipeline_create(rn_pipeline **pipeline, rn_context *context, const char *text);
/*
 * A pair of pipelines by name, for training and for validation at the same scale, whose results are `height` x `width`
 * (1 to 14336). With c for "height, width" (or "height", where they are equal) and r for 256/224 of the longer one:
 *
 *   name        training                                                validation
 *   tutorial    Resize(r), RandomRotation(45), CenterCrop(c),           Resize(r), CenterCrop(c)
 *               RandomHorizontalFlip(), RandomVerticalFlip(),
 *               ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(0.025)
 *   reference   RandomResizedCrop(c), RandomHorizontalFlip()            Resize(r), CenterCrop(c)
 *   light       RandomResizedCrop(c, scale 0.5 1),                      Resize(r), CenterCrop(c)
 *               RandomHorizontalFlip()
 *   strong      RandomResizedCrop(c), RandomHorizontalFlip(),           Resize(r), CenterCrop(c)
 *               TrivialAugmentWide(); RandomErasing(0.1) at the end
 *   none        Resize(r), CenterCrop(c)                                Resize(r), CenterCrop(c)
 *   cifar       RandomCrop(c, padding height/8),                        nothing: photos have the size
 *               RandomHorizontalFlip()
 *   mirrored    RandomHorizontalFlip(): photos have the size            nothing
 *
 * and ToTensor() and the Normalize of `like` (none if it has none; `like` NULL: ImageNet's, 0.485 0.456 0.406, 0.229
 * 0.224 0.225) in both. "tutorial" is what the zoo's networks for ImageNet begin with, "mirrored" those for CIFAR;
 * "reference" is torchvision's first training recipe, "strong" its second one (references/classification) without that
 * one's smaller training photos; "cifar" is of He et al., "Deep residual learning", 4.2.
 *
 * RN_INVALID_ARGUMENT: no such name, or another size. RN_UNSUPPORTED: RandomResizedCrop, whose shapes are those of
 * square results, for a size that is not square. Both are set or, on failure, NULL; the caller destroys them.
 */
RN_API rn_status rn_pipeline_preset(rn_pipeline **training, rn_pipeline **validation, rn_context *context,
                                    const char *name, int32_t height, int32_t width, const rn_pipeline *like);
/* The names, in this order; NULL past the last. Static. */
RN_API const char *rn_pipeline_preset_name(size_t index);
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
/*
 * The picture that a tensor shows, float32 (3, H, W) of any strides: what Normalize and ToTensor of `pipeline` (NULL:
 * ToTensor alone) did is undone, rounded, and cut off at 0 and 255 (NaN is black). A photo that only went through those
 * two comes out as it was. RN_SHAPE: another type or shape. RN_UNSUPPORTED: over 178,956,970 pixels. The caller
 * destroys the image.
 */
RN_API rn_status rn_image_from_tensor(rn_image **image, rn_context *context, const rn_tensor *tensor,
                                      const rn_pipeline *pipeline);
/* Writes the image as a PNG of 8-bit RGB, which replaces `path` as a whole or not at all. RN_IO, RN_NO_MEMORY. Uses the
 * image's context: one thread at a time. */
RN_API rn_status rn_image_write_png(const rn_image *image, const char *path);
/* NULL is fine. */
RN_API void rn_pipeline_destroy(rn_pipeline *pipeline);

/* ---- contact sheets ---------------------------------------------------------------------------------------------- */

typedef struct rn_contact {
    const rn_image *image;
    /* UTF-8; '\n' begins another line, of which there are at most four. The letters are ASCII's; another character is
     * shown as a hollow box, and of a line that is too long the beginning and "..". NULL: none */
    const char *caption;
    uint8_t colour[3]; /* of the caption: red, green, blue */
} rn_contact;

typedef struct rn_contact_sheet_options {
    size_t struct_size;
    int32_t columns;     /* 0: as many as rows, or one more; at most 1024 */
    int32_t cell_width;  /* pixels that a picture is scaled to fit, larger or smaller; 0: 160; at most 4096 */
    int32_t cell_height; /* 0: cell_width; at most 4096 */
    int32_t text_scale;  /* capitals are so many times 7 pixels high, lines 12; 0: 1; at most 16 */
} rn_contact_sheet_options;

/*
 * Pictures in rows on white, each in the middle of its cell with its caption below, as one image that
 * rn_image_write_png writes. Nothing is kept of the contacts. RN_INVALID_ARGUMENT: no picture, one that is NULL, or a
 * size out of range. RN_UNSUPPORTED: a sheet of over 178,956,970 pixels. RN_NO_MEMORY. The caller destroys the image.
 */
RN_API rn_status rn_contact_sheet(rn_image **image, rn_context *context, const rn_contact *contacts, size_t count,
                                  const rn_contact_sheet_options *options);

#ifdef __cplusplus
}
#endif

#endif
