/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "common/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MOST_COLUMNS = 10000 };

int terminal_moves(FILE *stream)
{
    const char *const term = getenv("TERM");

    return isatty(fileno(stream)) && (term == NULL || strcmp(term, "dumb") != 0);
}

int terminal_has_colours(FILE *stream)
{
    const char *const no = getenv("NO_COLOR");

    return terminal_moves(stream) && (no == NULL || *no == '\0');
}

int terminal_columns(FILE *stream)
{
    const char *const columns = getenv("COLUMNS");
    struct winsize size;
    long number;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    number = columns != NULL ? strtol(columns, NULL, 10) : 0;
    return number > 0 && number <= MOST_COLUMNS ? (int)number : 80;
}

int terminal_width(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++)
        if (((unsigned char)*text & 0xc0) != 0x80) /* not within a character */
            width += (unsigned char)*text < 0x80 ? 1 : 2;
    return width;
}
