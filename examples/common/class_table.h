/* SPDX-License-Identifier: MIT */
/* Class tables that do not come with a model file. */
#ifndef EXAMPLES_CLASS_TABLE_H
#define EXAMPLES_CLASS_TABLE_H

#include <resnet/resnet.h>

/* From a folder that holds a folder a class, as training read it, or from a text file with the name of a class a line,
 * in the order of the outputs, whose folders then are called by their numbers. Errors as rn_image_folder_open and
 * rn_classes_create, RN_IO. */
rn_status class_table_read(rn_classes **classes, rn_context *context, const char *path);

#endif
