/* SPDX-License-Identifier: MIT */
#include "ops/winograd_bound.h"

#include "support/support.h"

enum { POINTS = 5 }; /* and infinity */

/* A side of `m` outputs: at[m][i], g[i][3], bt[i][m + 2], all absolute, i < m + 2. */
typedef struct side {
    int m, points;
    double at[4][6], g[6][3], bt[6][6];
} side;

static double point(int i)
{
    const double points[POINTS] = { 0, sqrt(0.5), -sqrt(0.5), sqrt(2), -sqrt(2) };

    return points[i];
}

/* Coefficients of the product of (x - point j) over j < finite, j != without. */
static void polynomial(int finite, int without, double *coefficient)
{
    int degree = 0;

    memset(coefficient, 0, 6 * sizeof *coefficient);
    coefficient[0] = 1;
    for (int j = 0; j < finite; j++) {
        if (j == without)
            continue;
        for (int k = ++degree; k >= 0; k--)
            coefficient[k] = (k > 0 ? coefficient[k - 1] : 0) - point(j) * coefficient[k];
    }
}

static side side_of(int m)
{
    const int finite = m + 1;
    side s = { .m = m, .points = m + 2 };

    for (int i = 0; i < s.points; i++) {
        const bool is_finite = i < finite;
        double scale = 1;

        polynomial(finite, is_finite ? i : -1, s.bt[i]);
        for (int j = 0; is_finite && j < finite; j++)
            scale *= j == i ? 1 : point(i) - point(j);
        for (int r = 0; r < m; r++)
            s.at[r][i] = fabs(is_finite ? pow(point(i), r) : r == m - 1);
        for (int r = 0; r < 3; r++)
            s.g[i][r] = fabs((is_finite ? pow(point(i), r) : r == 2) / scale);
        for (int r = 0; r < m + 2; r++)
            s.bt[i][r] = fabs(s.bt[i][r]);
    }
    return s;
}

/* Products of absolute values along both sides: |M d N^T|, M rows x from, N columns x across. */
static double at_tile(const rn_test_dense *x, int64_t n, int64_t y, int64_t column, int64_t c)
{
    if (y < 0 || y >= x->h || column < 0 || column >= x->w)
        return 0;
    return fabs(x->data[((n * x->h + y) * x->w + column) * x->c + c]);
}

static void input_sizes(const side *h, const side *w, const rn_test_dense *x, int64_t n, int64_t y, int64_t column,
                        int64_t c, double out[6][6])
{
    for (int i = 0; i < h->points; i++)
        for (int j = 0; j < w->points; j++) {
            out[i][j] = 0;
            for (int a = 0; a < h->points; a++)
                for (int b = 0; b < w->points; b++)
                    out[i][j] += h->bt[i][a] * w->bt[j][b] * at_tile(x, n, y + a, column + b, c);
        }
}

static void weight_sizes(const side *h, const side *w, const double *taps, int64_t pitch, double out[6][6])
{
    for (int i = 0; i < h->points; i++)
        for (int j = 0; j < w->points; j++) {
            out[i][j] = 0;
            for (int t = 0; t < 9; t++)
                out[i][j] += h->g[i][t / 3] * w->g[j][t % 3] * fabs(taps[t * pitch]);
        }
}

/* The first pixel and the size of tile `index` of a line of `pixels`; false behind the last. */
static bool tile_at(int64_t pixels, int64_t index, int64_t *first, int *m)
{
    const int64_t tiles = (pixels + 3) / 4, threes = 4 * tiles - pixels, fours = tiles - threes;

    *m = index < fours ? 4 : 3;
    *first = index < fours ? 4 * index : 4 * fours + 3 * (index - fours);
    return index < tiles;
}

static void add_tile(const rn_test_dense *x, int64_t p_h, int64_t p_w, const double *weights, int64_t out,
                     int64_t out_h, int64_t out_w, int64_t n, int64_t y, const side *h, int64_t column, const side *w,
                     double *sizes)
{
    double d[6][6], g[6][6];

    for (int64_t c = 0; c < x->c; c++) {
        input_sizes(h, w, x, n, y - p_h, column - p_w, c, d);
        for (int64_t o = 0; o < out; o++) {
            weight_sizes(h, w, weights + o * 9 * x->c + c, x->c, g);
            for (int r = 0; r < h->m; r++)
                for (int q = 0; q < w->m; q++)
                    for (int i = 0; i < h->points; i++)
                        for (int j = 0; j < w->points; j++)
                            sizes[(((n * out_h + y + r) * out_w) + column + q) * out + o] +=
                                h->at[r][i] * w->at[q][j] * d[i][j] * g[i][j];
        }
    }
}

double *rn_test_winograd_sizes(const rn_test_dense *x, int64_t p_h, int64_t p_w, const double *weights, int64_t out,
                               int64_t out_h, int64_t out_w)
{
    double *const sizes = calloc((size_t)(x->n * out_h * out_w * out), sizeof *sizes);
    int64_t y, column;
    int height, width;

    assert_non_null(sizes);
    for (int64_t n = 0; n < x->n; n++)
        for (int64_t i = 0; tile_at(out_h, i, &y, &height); i++)
            for (int64_t j = 0; tile_at(out_w, j, &column, &width); j++) {
                const side h = side_of(height), w = side_of(width);

                add_tile(x, p_h, p_w, weights, out, out_h, out_w, n, y, &h, column, &w, sizes);
            }
    return sizes;
}

/* |A| |dy| |A|^T */
static void gradient_sizes(const side *h, const side *w, const rn_test_dense *dy, int64_t n, int64_t y, int64_t column,
                           int64_t o, double out[6][6])
{
    for (int i = 0; i < h->points; i++)
        for (int j = 0; j < w->points; j++) {
            out[i][j] = 0;
            for (int r = 0; r < h->m; r++)
                for (int q = 0; q < w->m; q++)
                    out[i][j] += h->at[r][i] * w->at[q][j] * at_tile(dy, n, y + r, column + q, o);
        }
}

static void add_weight_tile(const rn_test_dense *x, int64_t p_h, int64_t p_w, const rn_test_dense *dy, int64_t n,
                            int64_t y, const side *h, int64_t column, const side *w, double *sizes)
{
    double d[6][6], g[6][6];

    for (int64_t c = 0; c < x->c; c++) {
        input_sizes(h, w, x, n, y - p_h, column - p_w, c, d);
        for (int64_t o = 0; o < dy->c; o++) {
            gradient_sizes(h, w, dy, n, y, column, o, g);
            for (int t = 0; t < 9; t++)
                for (int i = 0; i < h->points; i++)
                    for (int j = 0; j < w->points; j++)
                        sizes[(o * 9 + t) * x->c + c] += h->g[i][t / 3] * w->g[j][t % 3] * d[i][j] * g[i][j];
        }
    }
}

double *rn_test_winograd_weight_sizes(const rn_test_dense *x, int64_t p_h, int64_t p_w, const rn_test_dense *dy)
{
    double *const sizes = calloc((size_t)(dy->c * 9 * x->c), sizeof *sizes);
    int64_t y, column;
    int height, width;

    assert_non_null(sizes);
    for (int64_t n = 0; n < x->n; n++)
        for (int64_t i = 0; tile_at(dy->h, i, &y, &height); i++)
            for (int64_t j = 0; tile_at(dy->w, j, &column, &width); j++) {
                const side h = side_of(height), w = side_of(width);

                add_weight_tile(x, p_h, p_w, dy, n, y, &h, column, &w, sizes);
            }
    return sizes;
}
