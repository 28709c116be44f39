/* SPDX-License-Identifier: MIT */
/* The first photos of each class of an image folder, as a dataset of one's own. */
#ifndef EXAMPLES_STUDY_CHOICE_H
#define EXAMPLES_STUDY_CHOICE_H

#include <resnet/resnet.h>

/*
 * Opens the image folder at `path`; classes NULL: from the folders. Of each class the first `limit` photos, sorted by
 * path, are kept; 0: all. The caller destroys.
 */
rn_status choice_open(rn_dataset **dataset, rn_context *context, const char *path, const rn_classes *classes,
                      int32_t limit);

#endif
