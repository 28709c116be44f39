/* SPDX-License-Identifier: MIT */
/*
 * Pictures in a grid, each with a caption under it. Letters are those of stb_easy_font: strokes one unit wide, 12 units
 * from line to line, each drawn as a rectangle of whole pixels.
 */
#include "base/options.h"
#include "image/image.h"

#include <math.h>
#include <string.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif
#include <stb/stb_easy_font.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

RN_NO_TAIL_PADDING(rn_contact_sheet_options, text_scale);

enum {
    GAP = 8,         /* pixels between cells and around them */
    LINE = 12,       /* units of a line of text */
    MAX_LINES = 4,   /* of a caption */
    STROKES = 32,    /* of a letter, at most 14 */
    BOX = 0,         /* stands for what the font lacks */
    BOX_ADVANCE = 6, /* units */
    MAX_COLUMNS = 1024,
    MAX_CELL = 4096,
    MAX_SCALE = 16
};

typedef struct sheet {
    rn_pixels *pixels;
    int32_t columns, rows, lines; /* lines of text under each picture */
    int32_t cell_width, cell_height, scale;
} sheet;

/* ---- letters ----------------------------------------------------------------------------------------------------- */

/* The next letter of a line, or BOX; *text is not at its end. One of UTF-8's characters is one letter. */
static char next_letter(const char **text)
{
    const unsigned char first = (unsigned char)*(*text)++;

    for (int i = 0; first >= 0x80 && i < 3 && ((unsigned char)**text & 0xc0) == 0x80; i++)
        (*text)++;
    return (char)(first == '\t' ? ' ' : first >= ' ' && first <= '~' ? first : BOX);
}

static bool ends_line(const char *text)
{
    return *text == '\0' || *text == '\n';
}

static int32_t advance_of(char letter)
{
    return letter == BOX ? BOX_ADVANCE : stb_easy_font_charinfo[letter - ' '].advance & 15;
}

/* Units from `text` to the end of its line. */
static int32_t width_of(const char *text)
{
    int32_t width = 0;

    while (!ends_line(text))
        width += advance_of(next_letter(&text));
    return width;
}

/* A rectangle inside the sheet; what lies beyond is left out. */
static void fill_rectangle(const rn_pixels *pixels, int32_t left, int32_t top, int32_t width, int32_t height,
                           const uint8_t colour[3])
{
    for (int32_t y = top < 0 ? 0 : top; y < top + height && y < pixels->height; y++)
        for (int32_t x = left < 0 ? 0 : left; x < left + width && x < pixels->width; x++)
            memcpy(pixels->rgb + ((size_t)y * (size_t)pixels->width + (size_t)x) * 3, colour, 3);
}

static void draw_strokes(const sheet *s, char letter, int32_t left, int32_t top, const uint8_t colour[3])
{
    float corner[STROKES][4][4]; /* x, y, z and a colour of each corner, from the upper left one clockwise */
    char text[2] = { letter, '\0' };
    const int count = stb_easy_font_print(0, 0, text, NULL, corner, sizeof corner);

    for (int i = 0; i < count; i++) {
        const int32_t x0 = (int32_t)corner[i][0][0], y0 = (int32_t)corner[i][0][1], x1 = (int32_t)corner[i][2][0],
                      y1 = (int32_t)corner[i][2][1];

        fill_rectangle(s->pixels, left + x0 * s->scale, top + y0 * s->scale, (x1 - x0) * s->scale, (y1 - y0) * s->scale,
                       colour);
    }
}

static void draw_letter(const sheet *s, char letter, int32_t left, int32_t top, const uint8_t colour[3])
{
    static const uint8_t hollow[3] = { 255, 255, 255 };

    if (letter != BOX) {
        draw_strokes(s, letter, left, top, colour);
        return;
    }
    fill_rectangle(s->pixels, left, top, 5 * s->scale, 7 * s->scale, colour);
    fill_rectangle(s->pixels, left + s->scale, top + s->scale, 3 * s->scale, 5 * s->scale, hollow);
}

/* A line in the middle of its cell, or as much of it as fits and two dots. */
static void draw_line(const sheet *s, const char *text, int32_t left, int32_t top, const uint8_t colour[3])
{
    const int32_t room = s->cell_width / s->scale, dots = 2 * advance_of('.');
    const bool fits = width_of(text) <= room;
    int32_t x = fits ? (s->cell_width - width_of(text) * s->scale) / 2 : 0, used = 0;

    while (!ends_line(text)) {
        const char letter = next_letter(&text);

        used += advance_of(letter);
        if (!fits && used + dots > room)
            break;
        draw_letter(s, letter, left + x, top, colour);
        x += advance_of(letter) * s->scale;
    }
    for (int i = 0; i < 2 && !fits; i++, x += advance_of('.') * s->scale)
        draw_letter(s, '.', left + x, top, colour);
}

static int32_t lines_of(const char *caption)
{
    int32_t lines = caption != NULL && *caption != '\0';

    for (; caption != NULL && *caption != '\0'; caption++)
        lines += *caption == '\n';
    return lines < MAX_LINES ? lines : MAX_LINES;
}

static void draw_caption(const sheet *s, const char *caption, int32_t left, int32_t top, const uint8_t colour[3])
{
    const int32_t lines = lines_of(caption);

    for (int32_t i = 0; i < lines; i++) {
        draw_line(s, caption, left, top + i * LINE * s->scale, colour);
        caption += strcspn(caption, "\n");
        caption += *caption == '\n';
    }
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Into the middle of its place, as large as fits without being distorted. */
static rn_status draw_picture(const sheet *s, const rn_pixels *picture, int32_t left, int32_t top, rn_message *message)
{
    const double across = (double)s->cell_width / picture->width, down = (double)s->cell_height / picture->height,
                 scale = across < down ? across : down;
    const int32_t width = (int32_t)fmax(1, nearbyint(picture->width * scale)),
                  height = (int32_t)fmax(1, nearbyint(picture->height * scale));
    rn_pixels fitted;
    rn_status status =
        rn_pixels_from_rows(&fitted, s->pixels->bench, picture->width, picture->height, picture->rgb, 0, message);

    if (status == RN_OK)
        status = rn_pixels_resize(&fitted, height, width, RN_FILTER_BILINEAR, NULL, message);
    left += (s->cell_width - width) / 2;
    top += (s->cell_height - height) / 2;
    for (int32_t y = 0; y < height && status == RN_OK; y++)
        memcpy(s->pixels->rgb + ((size_t)(top + y) * (size_t)s->pixels->width + (size_t)left) * 3,
               fitted.rgb + (size_t)y * (size_t)width * 3, (size_t)width * 3);
    rn_pixels_release(&fitted);
    return status;
}

static rn_status draw_contact(const sheet *s, const rn_contact *contact, size_t index, rn_message *message)
{
    const int32_t column = (int32_t)(index % (size_t)s->columns), row = (int32_t)(index / (size_t)s->columns);
    const int32_t left = GAP + column * (s->cell_width + GAP),
                  top = GAP + row * (s->cell_height + s->lines * LINE * s->scale + 2 * GAP);
    const rn_status status = draw_picture(s, &contact->image->pixels, left, top, message);

    if (status == RN_OK)
        draw_caption(s, contact->caption, left, top + s->cell_height + GAP / 2, contact->colour);
    return status;
}

/* ---- the sheet --------------------------------------------------------------------------------------------------- */

static int32_t or_else(int32_t value, int32_t standard)
{
    return value != 0 ? value : standard;
}

static rn_status plan_sheet(sheet *s, const rn_contact *contacts, size_t count, const rn_contact_sheet_options *options,
                            rn_message *message)
{
    rn_contact_sheet_options o;
    const rn_status status = rn_options_read(&o, sizeof o, options, message);

    if (status != RN_OK)
        return status;
    if (contacts == NULL || count == 0 || count > RN_STANDARD_PIXELS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a contact sheet of %zu pictures", contacts == NULL ? 0 : count);
    s->columns = or_else(o.columns, (int32_t)fmin(MAX_COLUMNS, ceil(sqrt((double)count))));
    s->cell_width = or_else(o.cell_width, 160);
    s->cell_height = or_else(o.cell_height, s->cell_width);
    s->scale = or_else(o.text_scale, 1);
    if (s->columns < 1 || s->columns > MAX_COLUMNS || s->cell_width < 1 || s->cell_width > MAX_CELL ||
        s->cell_height < 1 || s->cell_height > MAX_CELL || s->scale < 1 || s->scale > MAX_SCALE)
        return rn_fail(
            message, RN_INVALID_ARGUMENT,
            "a contact sheet of %d columns (at most %d), cells of %d x %d pixels (%d), letters times %d (%d)",
            (int)s->columns, (int)MAX_COLUMNS, (int)s->cell_height, (int)s->cell_width, (int)MAX_CELL, (int)s->scale,
            (int)MAX_SCALE);
    for (size_t i = 0; i < count; i++) {
        const int32_t lines = lines_of(contacts[i].caption);

        if (contacts[i].image == NULL)
            return rn_fail(message, RN_INVALID_ARGUMENT, "picture %zu of a contact sheet is NULL", i);
        s->lines = lines > s->lines ? lines : s->lines;
    }
    s->columns = count < (size_t)s->columns ? (int32_t)count : s->columns;
    s->rows = (int32_t)((count + (size_t)s->columns - 1) / (size_t)s->columns);
    return RN_OK;
}

static rn_status draw_sheet(rn_image *made, sheet *s, const rn_contact *contacts, size_t count, rn_message *message)
{
    const int64_t width = GAP + (int64_t)s->columns * (s->cell_width + GAP),
                  height = (int64_t)s->rows * (s->cell_height + s->lines * LINE * s->scale + 2 * GAP);
    rn_status status = rn_pixels_create(&made->pixels, &made->bench, width, height, message);

    if (status != RN_OK)
        return status;
    s->pixels = &made->pixels;
    memset(made->pixels.rgb, 255, (size_t)(width * height) * 3);
    for (size_t i = 0; i < count && status == RN_OK; i++)
        status = draw_contact(s, &contacts[i], i, message);
    return status;
}

rn_status rn_contact_sheet(rn_image **image, rn_context *context, const rn_contact *contacts, size_t count,
                           const rn_contact_sheet_options *options)
{
    sheet s = { 0 };
    rn_image *made;
    rn_status status;

    if (image == NULL)
        return rn_fail_null("rn_contact_sheet", "image");
    *image = NULL;
    if (context == NULL)
        return rn_fail_null("rn_contact_sheet", "context");
    status = plan_sheet(&s, contacts, count, options, &context->message);
    if (status != RN_OK)
        return status;
    made = rn_image_allocate(context);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a contact sheet");
    status = draw_sheet(made, &s, contacts, count, &context->message);
    if (status != RN_OK) {
        rn_image_destroy(made);
        return status;
    }
    *image = made;
    return RN_OK;
}
