/* SPDX-License-Identifier: MIT */
/*
 * Features on disk, so that another run finds them: a safetensors file of rows and of the fingerprint of each, a
 * photo's file (path, size, time of change) with all that is done to it. Metadata say which frozen part computed
 * them.
 */
#ifndef RN_TRAIN_FEATURE_FILE_H
#define RN_TRAIN_FEATURE_FILE_H

#include "train/features.h"

enum { RN_FEATURE_SETS = 2 }; /* of training and of validation; either may be NULL */

/*
 * Keeps the rows of the file at `path` that are of these photos and of this network, as far as there is room. No file,
 * or one of another network, gives none; so does one that is damaged, with a warning in the log. RN_NO_MEMORY.
 */
rn_status rn_feature_file_read(rn_features *const features[RN_FEATURE_SETS], const char *path);
/* Replaces the file by the rows that are kept, if some are new. Where it cannot be written a warning says so. */
void rn_feature_file_write(rn_features *const features[RN_FEATURE_SETS], const char *path);

#endif
