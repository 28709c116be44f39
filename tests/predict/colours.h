/* SPDX-License-Identifier: MIT */
/* A network that knows colours, and pictures of one colour, for the tests of the predict room. */
#ifndef RN_TESTS_PREDICT_COLOURS_H
#define RN_TESTS_PREDICT_COLOURS_H

#include "support/support.h"
#include <stdbool.h>

/*
 * The class of a picture is its strongest colour: channel means are the logits of six classes, class i looking at
 * channel i % 3, weakly for i >= 3.
 */
rn_model *colours_model(rn_context *own, bool table); /* with a class table; NULL: an allocation failed */
rn_image *colours_photo(rn_context *own, uint8_t red, uint8_t green, uint8_t blue);

#endif
