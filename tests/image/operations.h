/* SPDX-License-Identifier: MIT */
/* What is done to a picture, by name and numbers: the same words as in make_transforms.py. */
#ifndef RN_TESTS_OPERATIONS_H
#define RN_TESTS_OPERATIONS_H

#include "image/pixels.h"

enum { OPERATION_NUMBERS = 16 };

/* False: there is no operation of that name. */
bool do_operation(rn_pixels *pixels, const char *operation, const double *number, rn_status *status);

#endif
