/* SPDX-License-Identifier: MIT */
/* What may be printed where: on a terminal, and how wide it is now. */
#ifndef EXAMPLES_TERMINAL_H
#define EXAMPLES_TERMINAL_H

#include <stdio.h>

/* True if the stream is a terminal on which a line can be written over: TERM=dumb says that it is none. */
int terminal_moves(FILE *stream);
/* True if colours may be used: on such a terminal, unless NO_COLOR is set to anything (no-color.org). */
int terminal_has_colours(FILE *stream);
/* Columns as they are at this moment: asked of the terminal, else COLUMNS, else 80. Call it anew for each line: windows
 * change, and no signal has to be caught for it. */
int terminal_columns(FILE *stream);
/* At most how many columns the text takes: one for ASCII, two for any other character. */
int terminal_width(const char *text);

#endif
