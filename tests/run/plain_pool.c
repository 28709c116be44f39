/* SPDX-License-Identifier: MIT */
/* Pools of the plain backend: backward looks at every window for every input pixel. */
#include "run/kinds.h"
#include "run/plain_backend.h"

#include <math.h>

/* Pixels [first, end) along one side that an output pixel sees, and how many count in its average. */
typedef struct window {
    int64_t start, first, end, counted; /* start: of the full window, which may begin before the input */
} window;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static window window_of(const rn_operation *operation, int64_t out, int64_t in_size, int64_t out_size)
{
    const rn_pool2d *const pool = &operation->as.pool;
    window made;

    if (operation->kind == &rn_op_adaptive_avg_pool || operation->kind == &rn_op_adaptive_avg_pool_backward) {
        made.start = made.first = out * in_size / out_size;
        made.end = ((out + 1) * in_size + out_size - 1) / out_size;
        made.counted = made.end - made.first;
        return made;
    }
    made.start = out * pool->stride - pool->padding;
    made.first = made.start < 0 ? 0 : made.start;
    made.end = least(made.start + pool->kernel, in_size);
    made.counted = pool->exclude_padding ? made.end - made.first
                                         : least(made.start + pool->kernel, in_size + pool->padding) - made.start;
    return made;
}

static uint8_t *argmax_at(const rn_tape *tape, const rn_operation *operation, const rn_map *y, int64_t row, int64_t c)
{
    uint8_t *const argmax = rn_operand_data(tape, operation, RN_ARGMAX);

    return argmax == NULL ? NULL : argmax + row * y->c + c;
}

/* The first of the largest. */
static float largest(const rn_map *x, int64_t n, const window *rows, const window *columns, int64_t c, int64_t kernel,
                     int64_t *place)
{
    float best = -INFINITY;

    *place = -1;
    for (int64_t h = rows->first; h < rows->end; h++) {
        for (int64_t w = columns->first; w < columns->end; w++) {
            const float value = plain_pixel(x, n, h, w)[c];

            if (*place >= 0 && !(value > best))
                continue;
            best = value;
            *place = (h - rows->start) * kernel + w - columns->start;
        }
    }
    return best;
}

void plain_max_pool(const rn_tape *tape, const rn_operation *operation)
{
    const rn_map x = rn_operand_map(tape, operation, RN_X), y = rn_operand_map(tape, operation, RN_Y);

    for (int64_t row = 0; row < rn_map_rows(&y); row++) {
        const window rows = window_of(operation, row / y.w % y.h, x.h, y.h);
        const window columns = window_of(operation, row % y.w, x.w, y.w);

        for (int64_t c = 0; c < y.c; c++) {
            uint8_t *const argmax = argmax_at(tape, operation, &y, row, c);
            int64_t place;

            plain_row(&y, row)[c] =
                largest(&x, row / (y.h * y.w), &rows, &columns, c, operation->as.pool.kernel, &place);
            if (argmax != NULL)
                *argmax = (uint8_t)place;
        }
    }
}

void plain_avg_pool(const rn_tape *tape, const rn_operation *operation)
{
    const rn_map x = rn_operand_map(tape, operation, RN_X), y = rn_operand_map(tape, operation, RN_Y);

    for (int64_t row = 0; row < rn_map_rows(&y); row++) {
        const window rows = window_of(operation, row / y.w % y.h, x.h, y.h);
        const window columns = window_of(operation, row % y.w, x.w, y.w);

        for (int64_t c = 0; c < y.c; c++) {
            double sum = 0;

            for (int64_t h = rows.first; h < rows.end; h++)
                for (int64_t w = columns.first; w < columns.end; w++)
                    sum += (double)plain_pixel(&x, row / (y.h * y.w), h, w)[c];
            plain_row(&y, row)[c] = (float)(sum / (double)(rows.counted * columns.counted));
        }
    }
}

/* What output pixel (i, j) hands back to input pixel (h, w). */
static double share(const rn_tape *tape, const rn_operation *operation, const rn_map *dy, const rn_map *dx, int64_t n,
                    int64_t i, int64_t j, int64_t h, int64_t w, int64_t c)
{
    const window rows = window_of(operation, i, dx->h, dy->h), columns = window_of(operation, j, dx->w, dy->w);
    const double g = plain_pixel(dy, n, i, j)[c];

    if (h < rows.first || h >= rows.end || w < columns.first || w >= columns.end)
        return 0;
    if (operation->kind != &rn_op_max_pool_backward)
        return g / (double)(rows.counted * columns.counted);
    return *argmax_at(tape, operation, dy, (n * dy->h + i) * dy->w + j, c) ==
                   (h - rows.start) * operation->as.pool.kernel + w - columns.start
               ? g
               : 0;
}

static void backward(const rn_tape *tape, const rn_operation *operation)
{
    const rn_map dy = rn_operand_map(tape, operation, RN_DY), dx = rn_operand_map(tape, operation, RN_DX);

    for (int64_t row = 0; row < rn_map_rows(&dx); row++) {
        for (int64_t c = 0; c < dx.c; c++) {
            double sum = 0;

            for (int64_t i = 0; i < dy.h; i++)
                for (int64_t j = 0; j < dy.w; j++)
                    sum +=
                        share(tape, operation, &dy, &dx, row / (dx.h * dx.w), i, j, row / dx.w % dx.h, row % dx.w, c);
            plain_put(&plain_row(&dx, row)[c], sum, plain_adds(operation, RN_DX));
        }
    }
}

void plain_max_pool_backward(const rn_tape *tape, const rn_operation *operation)
{
    backward(tape, operation);
}

void plain_avg_pool_backward(const rn_tape *tape, const rn_operation *operation)
{
    backward(tape, operation);
}
