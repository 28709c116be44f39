/* SPDX-License-Identifier: MIT */
#include "common/line.h"
#include "common/terminal.h"

#include <stdio.h>
#include <string.h>

enum { PARTS = 16, LEAST_BAR = 4, WIDEST_BAR = 40 };

_Static_assert(PARTS *(LINE_PART_SIZE + 2) + WIDEST_BAR + 4 < LINE_SIZE, "the longest line");

/* Columns of the parts that are kept, with one between each two. */
static int total_width(const line_part *parts, int count, const char *kept)
{
    int width = -1;

    for (int i = 0; i < count; i++)
        if (kept[i])
            width += terminal_width(parts[i].text) + 1;
    return width;
}

/* Which parts stay. */
static void choose(char *kept, int columns, const line_part *parts, int count)
{
    for (int i = 0; i < count; i++)
        kept[i] = parts[i].text[0] != '\0';
    while (total_width(parts, count, kept) > columns) {
        int least = 0;

        for (int i = 1; i < count; i++)
            if (kept[i] && (least == 0 || parts[i].rank < parts[least].rank))
                least = i;
        if (least == 0)
            return;
        kept[least] = 0;
    }
}

/* Cuts a text to so many columns, at a whole character. */
static void cut(char *text, int columns)
{
    while (terminal_width(text) > columns) {
        size_t end = strlen(text) - 1;

        while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
            end--;
        text[end] = '\0';
    }
}

/* "[####----]" of so many characters in the brackets. */
static int put_bar(char *line, int room, double fraction)
{
    int used = 0;

    line[used++] = '[';
    for (int i = 0; i < room; i++)
        line[used++] = (i + 1) <= fraction * room + 1e-9 ? '#' : '-';
    line[used++] = ']';
    return used;
}

void line_fit(char line[LINE_SIZE], int columns, const line_part *parts, int count, double fraction)
{
    char kept[PARTS] = { 0 };
    int used, spare, bar, gap, kept_count = 0;

    if (count > PARTS)
        count = PARTS;
    choose(kept, columns, parts, count);
    for (int i = 0; i < count; i++)
        kept_count += kept[i];
    spare = columns - total_width(parts, count, kept);
    gap = spare - 3 - kept_count >= LEAST_BAR ? 2 : 1;
    bar = spare - 3 - (gap - 1) * kept_count; /* besides its brackets and the gap in front of it */
    bar = kept_count < 2 || bar < LEAST_BAR ? 0 : bar > WIDEST_BAR ? WIDEST_BAR : bar;
    used = snprintf(line, LINE_SIZE, "%s", parts[0].text);
    if (spare < 0) {
        cut(line, columns > 0 ? columns : 0);
        return;
    }
    if (bar > 0) {
        used += sprintf(line + used, "%*s", gap, "");
        used += put_bar(line + used, bar, fraction);
        line[used] = '\0';
    }
    for (int i = 1; i < count; i++)
        if (kept[i])
            used += sprintf(line + used, "%*s%s", gap, "", parts[i].text);
}
