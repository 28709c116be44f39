/* SPDX-License-Identifier: MIT */
/* Class tables between rooms: a model keeps a copy under its own context. */
#ifndef RN_CLASSES_CLASSES_H
#define RN_CLASSES_CLASSES_H

#include "context/context.h"
#include <resnet/classes.h>

rn_status rn_classes_copy(rn_classes **copy, const rn_classes *classes, rn_context *context);

#endif
