/* SPDX-License-Identifier: MIT */
/* Reading what a model file says of its network. The class table is read by rn_file_classes (store.h). */
#ifndef RN_STORE_DESCRIPTION_H
#define RN_STORE_DESCRIPTION_H

#include "base/json.h"
#include "context/context.h"
#include <resnet/checkpoint.h>

enum { RN_FILE_CLASSES = 1000000 /* at most */ };

/* Puts the file's name before the sentence. What is wrong with a file is never the caller's argument. */
rn_status rn_file_blame(rn_context *context, rn_status status, const char *path);
/* A JSON list of the metadata, to be destroyed; *json NULL if the key is not there. RN_FORMAT: it is no list. */
rn_status rn_file_list(rn_json **json, rn_context *context, const rn_checkpoint *file, const char *key,
                       const char *path);

#endif
