/* SPDX-License-Identifier: MIT */
/*
 * Figure 6 of the ResNet paper (arXiv:1512.03385): error over epochs, dashed in training, solid on the test photos;
 * plain networks on the left, residual ones on the right, on the same scales. One SVG 1.1 file that needs nothing else.
 */
#ifndef EXAMPLES_STUDY_FIGURE_H
#define EXAMPLES_STUDY_FIGURE_H

#include "study/curve.h"

/* `epochs` is where the axis ends; `recipe` is a line below the panels. */
void figure_draw(FILE *stream, const curve *curves, size_t count, int32_t epochs, const char *recipe);

#endif
