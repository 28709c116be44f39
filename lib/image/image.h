/* SPDX-License-Identifier: MIT */
/* What an image is. */
#ifndef RN_IMAGE_IMAGE_H
#define RN_IMAGE_IMAGE_H

#include "context/context.h"
#include "image/pixels.h"
#include <resnet/image.h>

struct rn_image {
    rn_context *context; /* retained */
    rn_pixels pixels;
};

#endif
