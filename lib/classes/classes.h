/* SPDX-License-Identifier: MIT */
/* Class tables between rooms: a model keeps a copy under its own context. */
#ifndef RN_CLASSES_CLASSES_H
#define RN_CLASSES_CLASSES_H

#include "context/context.h"
#include <resnet/classes.h>

/*
 * The text of a folder's name, which may be any bytes, as <resnet/classes.h> has it: those that are not UTF-8, and a
 * backslash before an x, become \xNN. NULL without memory.
 */
char *rn_folder_text(const rn_allocator *allocator, const char *name);

rn_context *rn_classes_context(const rn_classes *classes);
rn_status rn_classes_copy(rn_classes **copy, const rn_classes *classes, rn_context *context);

#endif
