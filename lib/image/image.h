/* SPDX-License-Identifier: MIT */
/* What an image is. */
#ifndef RN_IMAGE_IMAGE_H
#define RN_IMAGE_IMAGE_H

#include "context/context.h"
#include "image/pixels.h"
#include <resnet/image.h>

struct rn_image {
    rn_context *context; /* retained */
    rn_workbench bench;
    rn_pixels pixels;
};

/* An image without pixels that rn_image_destroy takes, or NULL without memory. */
rn_image *rn_image_allocate(rn_context *context);
/* A workbench with this memory and the context's loops. */
rn_workbench rn_workbench_make(const rn_context *context, rn_allocator allocator);

#endif
