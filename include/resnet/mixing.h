/* SPDX-License-Identifier: MIT */
/*
 * MixUp (arXiv:1710.09412) and CutMix (arXiv:1905.04899) of a batch: torchvision.transforms.v2.MixUp and CutMix. The
 * partner of a sample is the one before it, of the first the last (a roll by one).
 *
 *   MixUp    image = lambda * image + (1 - lambda) * partner's
 *   CutMix   image with a box of the partner's
 *   both     target = lambda * one_hot(label) + (1 - lambda) * one_hot(partner's label)
 *
 *   rn_mix_draw(&mix, context, epoch, batch_number, 224, 224, RN_OPTIONS(rn_mix, .mixup = 0.2, .cutmix = 1));
 *   rn_mix_images(mixed, rn_batch_images(batch), &mix);      float32 of the images' shape
 *   rn_mix_labels(targets, rn_batch_labels(batch), &mix);    float32 (N, classes)
 *   rn_session_forward(session, mixed);
 *   rn_cross_entropy(&loss, session, targets, NULL);
 *
 * rn_fit_options.mixup and .cutmix let a trainer do all of it. Thread safety: that of the tensors.
 */
#ifndef RESNET_MIXING_H
#define RESNET_MIXING_H

#include <resnet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a batch is mixed: of an empty box MixUp, else CutMix of [x1, x2) x [y1, y2). */
typedef struct rn_mixture {
    size_t struct_size; /* set by the caller */
    double lambda;      /* the share of the sample's own label, in [0, 1]; of CutMix 1 - area of the box */
    int32_t x1, y1, x2, y2;
} rn_mixture;

typedef struct rn_mix_options {
    size_t struct_size;
    double mixup;  /* lambda is drawn from Beta(mixup, mixup); 0: no MixUp */
    double cutmix; /* likewise; with both, each batch gets one of the two, as v2.RandomChoice does */
    uint64_t seed; /* 0: the context's */
} rn_mix_options;

/*
 * Draws how batch `batch` of epoch `epoch` is mixed, from nothing but these and the seed. The box has its centre
 * anywhere, sides of sqrt(1 - lambda) of the image's, and is clipped; lambda is then what is left of the area.
 * RN_INVALID_ARGUMENT: neither or a negative alpha, or no image of that size.
 */
RN_API rn_status rn_mix_draw(rn_mixture *mix, rn_context *context, uint64_t epoch, uint64_t batch, int64_t height,
                             int64_t width, const rn_mix_options *options);
/* Mixes images, float32 (N, C, H, W), any strides, into another tensor of their shape. RN_SHAPE: they are none, or of
 * two shapes, or the box lies outside. RN_INVALID_ARGUMENT: NULL, one tensor twice, a lambda outside [0, 1]. */
RN_API rn_status rn_mix_images(rn_tensor *mixed, const rn_tensor *images, const rn_mixture *mix);
/* Targets, float32 (N, classes), of labels, int64 (N). RN_SHAPE. RN_INVALID_ARGUMENT also: a label out of range. */
RN_API rn_status rn_mix_labels(rn_tensor *targets, const rn_tensor *labels, const rn_mixture *mix);

#ifdef __cplusplus
}
#endif

#endif
