/* SPDX-License-Identifier: MIT */
/*
 * The matrix kernels of every instruction set, and of tiles that none has, against plain loops, with every height of a
 * tile, guard pages behind all operands, outputs of NaN and gaps that are watched; and that AVX2 and AVX-512 give the
 * same bits.
 *
 * Bound of a product: depth + 1 rounded operations (one more where the tile goes on) of at most sum |a b| each, U =
 * 2^-24.
 */
#include "kernels/kernels.h"

#include "kernels/grid.h"
#include "support/support.h"

#define U 5.9604645e-08

/* RN_TEST_TABLES: TABLE(name) for each table of gemm_table.c. */
#define TABLE(name) extern const rn_gemm_kernels name;
RN_TEST_TABLES
#undef TABLE

#define TABLE(name) &name,
static const rn_gemm_kernels *const test_tables[] = { RN_TEST_TABLES };
#undef TABLE

enum { SETS = 4, TEST_TABLES = sizeof test_tables / sizeof test_tables[0] };

static const rn_gemm_kernels *tables[SETS + TEST_TABLES];
static bool fuses[SETS + TEST_TABLES]; /* known to: AVX2 and AVX-512 */
static int table_count;

static int find_tables(void **state)
{
    rn_isa isas[SETS];
    const int isa_count = rn_test_isas(isas);

    (void)state;
    for (int i = 0; i < isa_count; i++, table_count++) {
        tables[table_count] = rn_kernels_for(isas[i])->gemm;
        fuses[table_count] = isas[i] == RN_ISA_AVX2 || isas[i] == RN_ISA_AVX512;
    }
    for (int i = 0; i < TEST_TABLES; i++)
        tables[table_count++] = test_tables[i];
    return 0;
}

static void check_bits(float value, float expected, const char *what, int64_t row, int64_t column)
{
    if (memcmp(&value, &expected, sizeof value) != 0 && !(isnan(value) && isnan(expected)))
        fail_msg("%s: row %lld, column %lld: %.9g instead of %.9g", what, (long long)row, (long long)column,
                 (double)value, (double)expected);
}

/* `floats` floats that end at a guard page and are NaN. */
static rn_test_grid line_make(int64_t floats)
{
    const rn_test_grid line = rn_test_grid_make(1, floats, floats, true);

    memset(line.data, 0xFF, (size_t)floats * sizeof(float));
    return line;
}

static rn_test_grid filled_make(int64_t rows, int64_t channels, int64_t pitch, uint32_t seed)
{
    const rn_test_grid grid = rn_test_grid_make(rows, channels, pitch, true);

    rn_test_grid_fill(&grid, seed, 1, 0);
    return grid;
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* How operand a lies: a packed panel, windows that overlap, or [depth][lda]. */
typedef enum layout { PACKED, WINDOWS, WEIGHTS, LAYOUTS } layout;

typedef struct product {
    int64_t rows, depth;
    layout layout;
    rn_gemm_start start;
} product;

/* [depth][lda] is rows of one place each: rn_gemm_rows describes all layouts. */
static rn_gemm_rows rows_of(const rn_gemm_kernels *gemm, const product *p)
{
    if (p->layout == PACKED)
        return (rn_gemm_rows){ NULL, gemm->unit, gemm->unit, p->rows * gemm->unit };
    if (p->layout == WINDOWS)
        return (rn_gemm_rows){ NULL, p->depth % 5, 1 + p->rows % 7, 3 + p->depth % 11 };
    return (rn_gemm_rows){ NULL, 1, 1, p->rows + p->depth % 3 };
}

static int64_t a_place(const rn_gemm_rows *rows, int64_t i, int64_t k)
{
    return i * rows->step + k / rows->run_length * rows->run_pitch + k % rows->run_length;
}

/*
 * Memory of operand a, as far as its places go: those of the last unit of a panel behind `depth` hold NaN, which must
 * not be looked at.
 */
static rn_test_grid lay_out(const product *p, const rn_gemm_rows *rows)
{
    int64_t floats = p->layout == PACKED ? (p->depth + rows->step - 1) / rows->step * rows->run_pitch : 0;
    rn_test_grid filled, memory;

    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t k = 0; k < p->depth; k++)
            floats = a_place(rows, i, k) >= floats ? a_place(rows, i, k) + 1 : floats;
    filled = filled_make(1, floats, floats, 1);
    memory = line_make(floats);
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t k = 0; k < p->depth; k++)
            memory.data[a_place(rows, i, k)] = filled.data[a_place(rows, i, k)];
    rn_test_grid_release(&filled);
    return memory;
}

static void check_product(const product *p, const rn_gemm_rows *a, const rn_test_grid *b, const rn_test_grid *start,
                          const rn_test_grid *c)
{
    for (int64_t i = 0; i < c->rows; i++)
        for (int64_t j = 0; j < c->channels; j++) {
            double sum = p->start != RN_GEMM_FRESH ? (double)rn_test_grid_at(start, i, j) : 0, size = fabs(sum);

            for (int64_t k = 0; k < p->depth; k++) {
                const double term = (double)a->first[a_place(a, i, k)] * (double)rn_test_grid_at(b, k, j);

                sum += term;
                size += fabs(term);
            }
            rn_test_check_near(rn_test_grid_at(c, i, j), sum, (double)(p->depth + 2) * U * size, "product");
        }
}

static void run_product(const rn_gemm_kernels *gemm, const product *p)
{
    const int64_t nr = gemm->nr, line = 64 / sizeof(float),
                  ldc = (nr + line) / line * line; /* gaps of at least a float */
    rn_gemm_rows rows = rows_of(gemm, p);
    rn_test_grid a = lay_out(p, &rows), b = filled_make(p->depth, nr, nr, 2), start = filled_make(p->rows, nr, nr, 3);
    rn_test_grid c = rn_test_grid_make(p->rows, nr, ldc, true);

    rows.first = a.data;
    rn_test_grid_copy(&c, &start);
    for (int64_t i = 0; p->start == RN_GEMM_FRESH && i < p->rows; i++)
        memset(c.data + i * ldc, 0xFF, (size_t)nr * sizeof(float));
    if (p->layout == WEIGHTS)
        gemm->multiply_weights(p->rows, p->depth, a.data, rows.run_pitch, b.data, c.data, ldc,
                               p->start == RN_GEMM_CONTINUE);
    else
        gemm->multiply(p->rows, p->depth, &rows, b.data, c.data, ldc, p->start);
    check_product(p, &rows, &b, &start, &c);
    rn_test_grid_check_gaps(&c);
    rn_test_grid_release(&a);
    rn_test_grid_release(&b);
    rn_test_grid_release(&start);
    rn_test_grid_release(&c);
}

static void test_there_is_a_table_of_every_height(void **state)
{
    bool there[14 + 1] = { false };

    (void)state;
    for (int i = 0; i < TEST_TABLES; i++)
        there[test_tables[i]->mr] = true;
    for (int rows = 1; rows <= 14; rows++)
        assert_true(there[rows]);
}

static void test_products_of_any_height_and_depth_are_right(void **state)
{
    (void)state;
    for (int i = 0; i < table_count; i++)
        for (int64_t rows = 1; rows <= tables[i]->mr; rows++)
            for (int64_t depth = 1; depth <= 3 * tables[i]->unit + 1; depth += depth < 18 || depth > 46 ? 1 : 3)
                for (int k = 0; k < 3 * LAYOUTS; k++)
                    if (k / 3 != WEIGHTS || k % 3 != RN_GEMM_ADD)
                        run_product(tables[i], &(product){ rows, depth, (layout)(k / 3), (rn_gemm_start)(k % 3) });
}

/* One element by the kernels' product of one row. */
static float chain(const rn_gemm_kernels *gemm, const rn_test_grid *a, const rn_test_grid *b, int64_t begin,
                   int64_t end, float start, bool accumulate)
{
    rn_test_grid panel = line_make((end - begin) * gemm->nr), tile = line_make(gemm->nr);
    float value;

    memset(panel.data, 0, (size_t)((end - begin) * gemm->nr) * sizeof(float));
    for (int64_t k = begin; k < end; k++)
        panel.data[(k - begin) * gemm->nr] = rn_test_grid_at(b, 0, k);
    tile.data[0] = start;
    gemm->multiply_weights(1, end - begin, a->data + begin, 1, panel.data, tile.data, gemm->nr, accumulate);
    value = tile.data[0];
    rn_test_grid_release(&panel);
    rn_test_grid_release(&tile);
    return value;
}

static void test_a_product_in_passes_has_the_bits_of_the_whole_and_avx_sets_agree(void **state)
{
    enum { DEPTH = 77 };
    rn_test_grid a = filled_make(1, DEPTH, DEPTH, 5), b = filled_make(1, DEPTH, DEPTH, 6);
    float expected = 0;

    (void)state;
    for (int k = 0; k < DEPTH; k++)
        expected = fmaf(a.data[k], b.data[k], expected); /* what the sets that fuse must give */
    for (int i = 0; i < table_count; i++) {
        const float whole = chain(tables[i], &a, &b, 0, DEPTH, NAN, false);

        for (int64_t cut = 1; cut < DEPTH; cut++)
            check_bits(chain(tables[i], &a, &b, cut, DEPTH, chain(tables[i], &a, &b, 0, cut, NAN, false), true), whole,
                       "two passes", 0, cut);
        if (fuses[i])
            check_bits(whole, expected, "fused chain", 0, 0);
    }
    rn_test_grid_release(&a);
    rn_test_grid_release(&b);
}

/* ---- packing --------------------------------------------------------------------------------------------------- */

static void check_copy(const rn_gemm_kernels *gemm, int64_t rows, int64_t columns, int64_t fill, int64_t gap)
{
    const int64_t to_pitch = columns + fill;
    rn_test_grid from = filled_make(rows, columns, columns + gap, (uint32_t)columns), to = line_make(rows * to_pitch);

    gemm->floats->copy(to.data, to_pitch, from.data, from.pitch, rows, columns);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < to_pitch; j++)
            check_bits(to.data[r * to_pitch + j], j < columns ? rn_test_grid_at(&from, r, j) : 0, "copy", r, j);
    rn_test_grid_release(&from);
    rn_test_grid_release(&to);
}

static void test_copy_fills_rows_up_with_zeros(void **state)
{
    (void)state;
    for (int i = 0; i < table_count; i++)
        for (int64_t columns = 1; columns <= 70; columns += columns < 35 ? 1 : 7)
            for (int64_t fill = 0; fill <= 33; fill += fill < 3 ? 1 : 15)
                check_copy(tables[i], columns % 3 + 1, columns, fill, fill % 2 == 0 ? 0 : 5);
}

static void check_transpose(const rn_gemm_kernels *gemm, int64_t depth, int64_t columns, int64_t gap)
{
    rn_test_grid from = filled_make(columns, depth, depth + gap, (uint32_t)depth), to = line_make(depth * gemm->nr);

    gemm->floats->transpose(to.data, from.data, from.pitch, depth, columns);
    for (int64_t k = 0; k < depth; k++)
        for (int64_t j = 0; j < gemm->nr; j++)
            check_bits(to.data[k * gemm->nr + j], j < columns ? rn_test_grid_at(&from, j, k) : 0, "transpose", k, j);
    rn_test_grid_release(&from);
    rn_test_grid_release(&to);
}

static void test_transpose_fills_columns_up_with_zeros(void **state)
{
    (void)state;
    for (int i = 0; i < table_count; i++)
        for (int64_t depth = 1; depth <= 37; depth++)
            for (int64_t columns = 1 + depth % 2; columns <= tables[i]->nr; columns += 2)
                check_transpose(tables[i], depth, columns, columns % 2 * 3);
}

/* A window of `runs` rows, of which [first, end) are there, `lead` and `tail` floats of each in the padding. */
typedef struct window {
    int64_t runs, first, end, lead, count, tail, piece, piece_gap;
} window;

/* Windows that lie alike are gathered together: so many more, so many floats apart. */
enum { MORE = 2, MORE_STEP = 3 };

static float place_of(const window *w, const rn_test_grid *source, int64_t row, int64_t place)
{
    const int64_t length = w->lead + w->count + w->tail, run = place / length, at = place % length - w->lead;

    if (run < w->first || run >= w->end || at < 0 || at >= w->count)
        return 0;
    return source->data[row * MORE_STEP + (run - w->first) * source->pitch + at / w->piece * (w->piece + w->piece_gap) +
                        at % w->piece];
}

static void check_gather(const rn_gemm_kernels *gemm, const window *w, bool weights, int64_t begin, int64_t end)
{
    const int64_t pieces = (w->count + w->piece - 1) / w->piece, run = w->count + (pieces - 1) * w->piece_gap;
    const int64_t block = weights ? gemm->nr : gemm->unit, blocks = (end - begin + block - 1) / block,
                  stride = (MORE + 2) * block;
    const int64_t seen = (run > 0 ? run : 1) + MORE * MORE_STEP; /* floats of a line of the map */
    rn_test_grid source = filled_make(w->end > w->first ? w->end - w->first : 1, seen, seen + 5, 7);
    rn_test_grid to = line_make((blocks - 1) * stride + (MORE + 1) * block), line = line_make(end - begin + 64);
    const rn_gather_row row = { .source = w->end > w->first ? source.data : NULL,
                                .run_length = w->lead + w->count + w->tail,
                                .run_pitch = source.pitch,
                                .first_run = w->first,
                                .end_run = w->end,
                                .lead = w->lead,
                                .count = w->count,
                                .piece = w->piece,
                                .piece_pitch = w->piece + w->piece_gap,
                                .more = MORE,
                                .more_step = MORE_STEP };

    (weights ? gemm->floats->gather_weights : gemm->floats->gather)(to.data, stride, &row, begin, end, line.data);
    for (int64_t i = 0; i < to.channels; i++) {
        const int64_t place = begin + i / stride * block + i % block;

        check_bits(to.data[i],
                   i % stride >= (MORE + 1) * block ? NAN
                   : place < end                    ? place_of(w, &source, i % stride / block, place)
                                                    : 0,
                   weights ? "gather_weights" : "gather", 0, i);
    }
    rn_test_grid_release(&source);
    rn_test_grid_release(&to);
    rn_test_grid_release(&line);
}

static void test_gather_packs_windows_with_zeros_for_padding(void **state)
{
    static const window windows[] = {
        { 1, 0, 1, 0, 1, 0, 1, 0 },     { 3, 0, 3, 0, 9, 0, 9, 0 },      { 3, 1, 3, 3, 6, 0, 9, 0 },
        { 3, 0, 2, 0, 6, 3, 9, 0 },     { 3, 0, 3, 0, 9, 0, 3, 4 },      { 3, 1, 2, 3, 3, 3, 3, 2 },
        { 7, 3, 7, 9, 12, 0, 21, 0 },   { 3, 0, 0, 0, 0, 48, 16, 0 },    { 3, 0, 3, 0, 48, 0, 48, 0 },
        { 3, 1, 3, 16, 32, 0, 48, 0 },  { 3, 0, 3, 16, 16, 16, 16, 16 }, { 2, 0, 2, 0, 64, 32, 32, 1 },
        { 3, 1, 2, 31, 31, 31, 31, 1 }, { 1, 0, 1, 0, 130, 0, 130, 0 },  { 5, 2, 5, 8, 24, 8, 8, 8 },
        { 3, 0, 3, 4, 4, 4, 4, 12 },
    };

    (void)state;
    for (int i = 0; i < table_count; i++)
        for (size_t k = 0; k < sizeof windows / sizeof windows[0]; k++)
            for (int weights = 0; weights < 2; weights++) {
                const window *const w = &windows[k];
                const int64_t block = weights ? tables[i]->nr : tables[i]->unit,
                              places = w->runs * (w->lead + w->count + w->tail);

                for (int64_t begin = 0; begin < places; begin += block)
                    for (int64_t end = begin + 1; end <= places; end += end - begin < 17 ? 1 : (places - end) / 2 + 1)
                        check_gather(tables[i], w, weights == 1, begin, end);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_a_table_of_every_height),
        cmocka_unit_test(test_products_of_any_height_and_depth_are_right),
        cmocka_unit_test(test_a_product_in_passes_has_the_bits_of_the_whole_and_avx_sets_agree),
        cmocka_unit_test(test_copy_fills_rows_up_with_zeros),
        cmocka_unit_test(test_transpose_fills_columns_up_with_zeros),
        cmocka_unit_test(test_gather_packs_windows_with_zeros_for_padding),
    };

    return cmocka_run_group_tests_name("kernels/gemm_body", tests, find_tables, NULL);
}
