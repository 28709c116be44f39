/* SPDX-License-Identifier: MIT */
/* One line that fits a terminal of any width: parts that give way to each other, and a bar in what is left. */
#ifndef EXAMPLES_LINE_H
#define EXAMPLES_LINE_H

enum { LINE_PART_SIZE = 96, LINE_SIZE = 2048 };

typedef struct line_part {
    char text[LINE_PART_SIZE]; /* printable; "" is no part */
    int rank;                  /* where there is no room, the lowest ranks are left out */
} line_part;

/*
 * Writes a line of at most `columns` columns (terminal_width), always. The first part stays; if it is too long alone it
 * is cut. Behind it stands a bar, done to `fraction` (0 to 1), if there is room for it besides all other parts.
 */
void line_fit(char line[LINE_SIZE], int columns, const line_part *parts, int count, double fraction);

#endif
