/* SPDX-License-Identifier: MIT */
/*
 * One operation of the automatic augmentations, with its strength, as torchvision's autoaugment.py applies it. The two
 * differ in how strong the 31 strengths of an operation are: Müller, Hutter, "TrivialAugment", 2021; Cubuk et al.,
 * "RandAugment", 2019.
 */
#ifndef RN_IMAGE_AUGMENT_H
#define RN_IMAGE_AUGMENT_H

#include "image/pixels.h"

#include <stdbool.h>

typedef enum rn_augmentation {
    RN_AUGMENT_IDENTITY,
    RN_AUGMENT_SHEAR_X,
    RN_AUGMENT_SHEAR_Y,
    RN_AUGMENT_TRANSLATE_X,
    RN_AUGMENT_TRANSLATE_Y,
    RN_AUGMENT_ROTATE,
    RN_AUGMENT_BRIGHTNESS,
    RN_AUGMENT_COLOR,
    RN_AUGMENT_CONTRAST,
    RN_AUGMENT_SHARPNESS,
    RN_AUGMENT_POSTERIZE,
    RN_AUGMENT_SOLARIZE,
    RN_AUGMENT_AUTOCONTRAST,
    RN_AUGMENT_EQUALIZE,
    RN_AUGMENTATIONS
} rn_augmentation;

enum { RN_AUGMENT_STRENGTHS = 31 };

/* Strength `bin` of [0, RN_AUGMENT_STRENGTHS) for a picture of that size; `wide`: TrivialAugmentWide's. */
double rn_augment_strength(rn_augmentation operation, int32_t bin, bool wide, int32_t height, int32_t width);
/* Whether a strength may also be taken with the other sign. */
bool rn_augment_is_signed(rn_augmentation operation);
rn_status rn_pixels_augment(rn_pixels *pixels, rn_augmentation operation, double strength, rn_message *message);

#endif
