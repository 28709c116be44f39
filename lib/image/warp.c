/* SPDX-License-Identifier: MIT */
/*
 * Rotations, affine maps and perspectives, with Pillow's rounding and torchvision's matrices: output pixel (x, y) takes
 * what lies at M (x + 1/2, y + 1/2) of the input. Sources: Pillow, Image.rotate and src/libImaging/Geometry.c;
 * torchvision, transforms.functional._get_inverse_affine_matrix and _get_perspective_coeffs.
 */
#include "image/warp.h"

#include <math.h>
#include <string.h>

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

static double radians(double degrees)
{
    return degrees * (3.14159265358979323846 / 180);
}

/* As Python's round(x, 15), for |x| <= 1. The product is rounded itself: what it lost decides where it lies halfway. */
static double rounded_15(double x)
{
    const double scaled = fabs(x) * 1e15, lost = fma(fabs(x), 1e15, -scaled), whole = floor(scaled);
    const bool up = scaled - whole > 0.5 || (scaled - whole == 0.5 && (lost > 0 || (lost == 0 && fmod(whole, 2) != 0)));

    return copysign((up ? whole + 1 : whole) / 1e15, x);
}

/* Lets the map turn about a point: M' = T(centre) M T(-centre - shift). */
static void centre_on(double *m, double centre_x, double centre_y, double shift_x, double shift_y)
{
    const double x = -centre_x - shift_x, y = -centre_y - shift_y;

    m[2] += m[0] * x + m[1] * y;
    m[5] += m[3] * x + m[4] * y;
    m[2] += centre_x;
    m[5] += centre_y;
}

/* The frame that holds a turned picture whole, with the picture in its middle. */
static void expand_frame(rn_warp *warp, int32_t height, int32_t width)
{
    double *const m = warp->matrix;
    double least_x = INFINITY, least_y = INFINITY, most_x = -INFINITY, most_y = -INFINITY, x, y;

    for (int corner = 0; corner < 4; corner++) {
        const double in_x = corner == 1 || corner == 2 ? width : 0, in_y = corner >= 2 ? height : 0;

        x = m[0] * in_x + m[1] * in_y + m[2];
        y = m[3] * in_x + m[4] * in_y + m[5];
        least_x = fmin(least_x, x);
        most_x = fmax(most_x, x);
        least_y = fmin(least_y, y);
        most_y = fmax(most_y, y);
    }
    warp->width = (int32_t)(ceil(most_x) - floor(least_x));
    warp->height = (int32_t)(ceil(most_y) - floor(least_y));
    x = -(warp->width - width) / 2.0;
    y = -(warp->height - height) / 2.0;
    m[2] = m[0] * x + m[1] * y + m[2];
    m[5] = m[3] * x + m[4] * y + m[5];
}

/* Columns become rows: no frame that is computed for a right angle may be a pixel too large. */
static rn_warp turn_the_frame(int32_t height, int32_t width, bool clockwise)
{
    const rn_warp right = { .height = width, .width = height, .matrix = { 0, 1, 0, -1, 0, height } },
                  left = { .height = width, .width = height, .matrix = { 0, -1, width, 1, 0, 0 } };

    return clockwise ? right : left;
}

rn_warp rn_warp_rotation(int32_t height, int32_t width, double degrees, const double *centre, bool expands)
{
    const double rest = fmod(degrees, 360.0), turn = rest < 0 ? rest + 360 : rest, angle = -radians(turn);
    const double c = rounded_15(cos(angle)), s = rounded_15(sin(angle));
    rn_warp warp = { .height = height, .width = width, .matrix = { c, s, 0, -s, c, 0 } };

    if (expands && centre == NULL && (turn == 90 || turn == 270))
        return turn_the_frame(height, width, turn == 270);
    centre_on(warp.matrix, centre != NULL ? centre[0] : width / 2.0, centre != NULL ? centre[1] : height / 2.0, 0, 0);
    if (expands)
        expand_frame(&warp, height, width);
    return warp;
}

rn_warp rn_warp_affine(int32_t height, int32_t width, const rn_affine *affine)
{
    const double rotation = radians(affine->degrees), shear_x = radians(affine->shear[0]),
                 shear_y = radians(affine->shear[1]);
    const double c = cos(rotation - shear_y) / cos(shear_y), s = sin(rotation - shear_y) / cos(shear_y);
    const double a = c, b = -cos(rotation - shear_y) * tan(shear_x) / cos(shear_y) - sin(rotation),
                 d = -sin(rotation - shear_y) * tan(shear_x) / cos(shear_y) + cos(rotation);
    rn_warp warp = { .height = height, .width = width, .matrix = { d, -b, 0, -s, a, 0 } };

    for (int i = 0; i < 6; i++)
        warp.matrix[i] /= affine->scale;
    centre_on(warp.matrix, affine->from_corner ? 0 : width * 0.5, affine->from_corner ? 0 : height * 0.5,
              affine->translate[0], affine->translate[1]);
    return warp;
}

enum { UNKNOWNS = 8 };

/* Gauss' elimination with the largest pivots. False: there is no one solution. */
static bool solve(double a[UNKNOWNS][UNKNOWNS + 1])
{
    for (int k = 0; k < UNKNOWNS; k++) {
        int pivot = k;

        for (int i = k + 1; i < UNKNOWNS; i++)
            pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
        if (a[pivot][k] == 0)
            return false;
        for (int j = 0; j <= UNKNOWNS; j++) {
            const double kept = a[k][j];

            a[k][j] = a[pivot][j];
            a[pivot][j] = kept;
        }
        for (int i = 0; i < UNKNOWNS; i++) {
            const double factor = a[i][k] / a[k][k];

            for (int j = k; j <= UNKNOWNS && i != k; j++)
                a[i][j] -= factor * a[k][j];
        }
    }
    for (int i = 0; i < UNKNOWNS; i++)
        a[i][UNKNOWNS] /= a[i][i];
    return true;
}

bool rn_warp_perspective(rn_warp *warp, int32_t height, int32_t width, const int32_t corner[4][2])
{
    const int32_t from[4][2] = { { 0, 0 }, { width - 1, 0 }, { width - 1, height - 1 }, { 0, height - 1 } };
    double a[UNKNOWNS][UNKNOWNS + 1] = { { 0 } };

    *warp = (rn_warp){ .height = height, .width = width, .is_perspective = true };
    for (int i = 0; i < 4; i++)
        for (int axis = 0; axis < 2; axis++) {
            double *const row = a[2 * i + axis];

            row[3 * axis] = corner[i][0];
            row[3 * axis + 1] = corner[i][1];
            row[3 * axis + 2] = 1;
            row[6] = -(double)from[i][axis] * corner[i][0];
            row[7] = -(double)from[i][axis] * corner[i][1];
            row[UNKNOWNS] = from[i][axis];
        }
    if (!solve(a))
        return false;
    /* torchvision hands on floats. What elimination leaves of a zero can move a pixel over an edge that it meets
     * exactly; so can what torchvision's LAPACK leaves of it, which is something else. */
    for (int i = 0; i < UNKNOWNS; i++)
        warp->matrix[i] = fabs(a[i][UNKNOWNS]) < 1e-12 ? 0 : (double)(float)a[i][UNKNOWNS];
    return true;
}

/* ---- the nearest pixel in affine maps ---------------------------------------------------------------------------- */

/* What a row of the output is made of; the frame's outside is what was there before. */
typedef struct warping {
    const rn_warp *warp;
    const rn_pixels *from;
    rn_crop part; /* of the output */
    double x, y;  /* where steps that add up have come at the beginning of the row (stepped_row) */
} warping;

static const uint8_t *pixel_at(const rn_pixels *pixels, int64_t x, int64_t y)
{
    return pixels->rgb + ((size_t)y * (size_t)pixels->width + (size_t)x) * 3;
}

static int64_t fixed_16(double x)
{
    return (int64_t)floor(x * 65536.0 + 0.5);
}

/* Pillow steps through the input in 16.16 fixed point where that reaches all of it. */
static bool reaches(const rn_warp *warp)
{
    const double *const m = warp->matrix;

    for (int corner = 0; corner < 4; corner++) {
        const double x = corner & 1 ? warp->width : 0, y = corner & 2 ? warp->height : 0;

        if (fabs(x * m[0] + y * m[1] + m[2]) >= 32768 || fabs(x * m[3] + y * m[4] + m[5]) >= 32768)
            return false;
    }
    return true;
}

static void fixed_row(const warping *w, uint8_t *to, int64_t row)
{
    const double *const m = w->warp->matrix;
    const int64_t step_x = fixed_16(m[0]), step_y = fixed_16(m[3]), column = w->part.left;
    /* As unsigned numbers, what is negative is too large: one comparison a side. */
    const uint64_t end_x = (uint64_t)w->from->width << 16, end_y = (uint64_t)w->from->height << 16;
    uint64_t x = (uint64_t)(fixed_16(m[2] + m[0] * 0.5 + m[1] * 0.5) + row * fixed_16(m[1]) + column * step_x),
             y = (uint64_t)(fixed_16(m[5] + m[3] * 0.5 + m[4] * 0.5) + row * fixed_16(m[4]) + column * step_y);

    for (int32_t i = 0; i < w->part.width; i++, to += 3) {
        if (x < end_x && y < end_y)
            memcpy(to, pixel_at(w->from, (int64_t)(x >> 16), (int64_t)(y >> 16)), 3);
        x += (uint64_t)step_x;
        y += (uint64_t)step_y;
    }
}

/* Adds `step` as often as Pillow does. */
static double stepped(double start, double step, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        start += step;
    return start;
}

static void stepped_row(const warping *w, uint8_t *to, int64_t row)
{
    const double *const m = w->warp->matrix;
    double x = stepped(w->x, m[0], w->part.left), y = stepped(w->y, m[3], w->part.left);

    (void)row;
    for (int32_t i = 0; i < w->part.width; i++, to += 3) {
        if (x >= 0 && x < w->from->width && y >= 0 && y < w->from->height)
            memcpy(to, pixel_at(w->from, (int64_t)x, (int64_t)y), 3);
        x += m[0];
        y += m[3];
    }
}

/* ---- any map ----------------------------------------------------------------------------------------------------- */

static void place(double *x, double *y, const rn_warp *warp, double out_x, double out_y)
{
    const double *const m = warp->matrix;
    const double below = warp->is_perspective ? m[6] * out_x + m[7] * out_y + 1 : 1;

    *x = (m[0] * out_x + m[1] * out_y + m[2]) / below;
    *y = (m[3] * out_x + m[4] * out_y + m[5]) / below;
}

static int64_t clipped(int64_t i, int32_t count)
{
    return i < 0 ? 0 : i < count ? i : count - 1;
}

static double between(double a, double b, double part)
{
    return a + (b - a) * part;
}

/* Of four pixels, cut off, not rounded. */
static void mix_four(uint8_t *to, const rn_pixels *from, double x, double y)
{
    const double left = floor(x - 0.5), top = floor(y - 0.5), dx = x - 0.5 - left, dy = y - 0.5 - top;
    const int64_t column = (int64_t)left, row = (int64_t)top;
    const int64_t x0 = clipped(column, from->width), x1 = clipped(column + 1, from->width);
    const int64_t y0 = clipped(row, from->height), y1 = row + 1 < from->height ? row + 1 : y0;

    for (int c = 0; c < 3; c++) {
        const double above = between(pixel_at(from, x0, y0)[c], pixel_at(from, x1, y0)[c], dx),
                     beneath = between(pixel_at(from, x0, y1)[c], pixel_at(from, x1, y1)[c], dx);

        to[c] = (uint8_t)between(above, beneath, dy);
    }
}

static void any_row(const warping *w, uint8_t *to, int64_t row)
{
    for (int32_t i = 0; i < w->part.width; i++, to += 3) {
        double x, y;

        place(&x, &y, w->warp, w->part.left + i + 0.5, (double)row + 0.5);
        if (!(x >= 0 && x < w->from->width && y >= 0 && y < w->from->height))
            continue;
        if (w->warp->is_bilinear)
            mix_four(to, w->from, x, y);
        else
            memcpy(to, pixel_at(w->from, (int64_t)x, (int64_t)y), 3);
    }
}

static void fill_with(const rn_pixels *pixels, const uint8_t *colour)
{
    const size_t count = (size_t)pixels->width * (size_t)pixels->height;

    for (size_t i = 0; i < count; i++)
        memcpy(pixels->rgb + 3 * i, colour, 3);
}

rn_status rn_pixels_warp(rn_pixels *pixels, const rn_warp *warp, const rn_crop *crop, rn_message *message)
{
    const rn_crop all = { 0, 0, warp->height, warp->width };
    const double *const m = warp->matrix;
    warping w = { warp, pixels, crop != NULL ? *crop : all, m[2] + m[0] * 0.5 + m[1] * 0.5,
                  m[5] + m[3] * 0.5 + m[4] * 0.5 };
    const bool any = warp->is_perspective || warp->is_bilinear;
    const bool fixed = !any && (m[1] != 0 || m[3] != 0) && reaches(warp);
    rn_pixels warped;
    const rn_status status = rn_pixels_create(&warped, pixels->bench, w.part.width, w.part.height, message);

    if (status != RN_OK)
        return status;
    fill_with(&warped, warp->fill);
    w.x = stepped(w.x, m[1], w.part.top);
    w.y = stepped(w.y, m[4], w.part.top);
    for (int32_t i = 0; i < w.part.height; i++, w.x += m[1], w.y += m[4])
        (any     ? any_row
         : fixed ? fixed_row
                 : stepped_row)(&w, warped.rgb + (size_t)i * (size_t)w.part.width * 3, (int64_t)w.part.top + i);
    rn_pixels_replace(pixels, &warped);
    return RN_OK;
}
