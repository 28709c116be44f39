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

/* A workbench with this memory and the context's loops. */
rn_workbench rn_workbench_make(const rn_context *context, rn_allocator allocator);

#endif
