/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "ops/conv_cases.h"

#include "support/bfloat16.h"
#include "support/support.h"

#include <sys/mman.h>
#include <unistd.h>

const rn_test_conv_shape rn_test_conv_shapes[] = {
    /* n, h, w, c, o, kernel, stride, padding, groups, dilation */
    { 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 3, 1, 1, 64, 33, 1, 1, 1, 1, 0, 0, 1, 1 }, /* a linear layer */
    { 1, 1, 1, 5, 7, 3, 3, 1, 1, 1, 1, 1, 1 },   /* only the middle of the kernel meets the map */
    { 2, 17, 19, 3, 7, 7, 7, 2, 2, 3, 3, 1, 1 }, /* stems */
    { 1, 16, 16, 3, 64, 7, 7, 2, 2, 3, 3, 1, 1 },
    { 2, 13, 11, 3, 16, 3, 3, 2, 2, 0, 0, 1, 1 },
    { 2, 9, 10, 16, 33, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 1, 8, 7, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 3, 7, 7, 31, 64, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 1, 9, 8, 64, 33, 1, 1, 2, 2, 0, 0, 1, 1 }, /* classes of pixels that no window meets */
    { 2, 10, 9, 16, 7, 3, 3, 2, 2, 1, 1, 1, 1 },
    { 1, 14, 15, 5, 33, 3, 3, 3, 3, 1, 1, 1, 1 },
    { 1, 11, 13, 16, 16, 3, 3, 2, 1, 1, 1, 1, 1 },
    { 1, 11, 13, 5, 7, 3, 3, 1, 3, 0, 2, 1, 1 },
    { 2, 9, 11, 16, 7, 1, 7, 1, 1, 0, 3, 1, 1 },
    { 2, 11, 9, 7, 16, 7, 1, 1, 1, 3, 0, 1, 1 },
    { 1, 19, 17, 5, 7, 5, 5, 1, 1, 2, 2, 1, 1 },
    { 1, 12, 13, 3, 7, 5, 5, 2, 3, 2, 1, 1, 1 },
    { 1, 6, 5, 5, 7, 3, 3, 1, 1, 3, 3, 1, 1 }, /* windows that lie in the padding */
    { 2, 5, 4, 16, 5, 1, 1, 1, 1, 2, 1, 1, 1 },
    { 1, 4, 6, 3, 5, 1, 1, 3, 2, 1, 3, 1, 1 },
    { 1, 7, 9, 5, 7, 2, 2, 3, 3, 1, 0, 1, 1 },
    { 1, 6, 7, 4, 5, 2, 4, 1, 2, 1, 1, 1, 1 },
    { 1, 3, 3, 31, 33, 3, 3, 1, 1, 0, 0, 1, 1 }, /* a map of one pixel */
    { 1, 8, 9, 10, 14, 3, 3, 1, 1, 1, 1, 2, 1 },
    { 2, 7, 8, 32, 66, 3, 3, 2, 2, 1, 1, 2, 1 },
    { 1, 9, 9, 32, 32, 3, 3, 1, 1, 1, 1, 32, 1 }, /* depthwise */
    { 2, 8, 7, 5, 10, 5, 5, 2, 2, 2, 2, 5, 1 },
    { 1, 6, 6, 33, 33, 1, 1, 1, 1, 0, 0, 33, 1 },
    { 1, 9, 9, 64, 64, 3, 3, 1, 1, 1, 1, 4, 1 },
    { 1, 4, 3, 160, 40, 3, 3, 1, 1, 1, 1, 1, 1 }, /* k in two passes */
    { 1, 4, 5, 8, 560, 1, 1, 1, 1, 0, 0, 1, 1 },  /* two blocks of columns */
    { 3, 19, 17, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1 },  /* many chunks of pixels and little else */
    { 1, 40, 41, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 2, 37, 23, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 1, 45, 30, 64, 2, 3, 3, 1, 1, 1, 1, 1, 1 },  /* images of more lines than a band */
    { 1, 1, 640, 128, 2, 3, 3, 1, 1, 1, 1, 1, 1 }, /* a line larger than a band */
    { 1, 4, 9, 1024, 5, 1, 1, 1, 1, 0, 0, 1, 1 },  /* pixels a multiple of 4 KiB apart */
    { 1, 1, 2000, 1, 64, 1, 3, 1, 1, 0, 1, 1, 1 }, /* a line of more tiles than a block */
    { 2, 11, 13, 5, 7, 3, 3, 1, 1, 2, 2, 1, 2 },   /* dilated */
    { 1, 12, 9, 16, 33, 3, 3, 1, 1, 4, 4, 1, 4 },
    { 1, 13, 14, 8, 5, 3, 3, 2, 2, 2, 2, 1, 2 }, /* classes that meet all or nothing of the kernel */
    { 1, 13, 14, 8, 5, 3, 5, 2, 3, 3, 4, 1, 3 },
    { 1, 15, 17, 6, 6, 3, 3, 4, 2, 2, 1, 1, 6 },
    { 1, 9, 9, 32, 32, 3, 3, 1, 1, 2, 2, 32, 2 },
    { 1, 7, 8, 4, 6, 1, 1, 2, 2, 0, 0, 1, 5 },
    { 1, 5, 5, 3, 4, 3, 3, 1, 1, 5, 5, 1, 5 },    /* only the middle of the kernel meets the map */
    { 1, 1, 1, 300, 70, 1, 1, 1, 1, 0, 0, 1, 1 }, /* linear layers: stretches, panels, more samples than a panel */
    { 70, 1, 1, 40, 1300, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 33, 1, 1, 1300, 5, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 1, 8, 8, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1 }, /* channels as many as lines and columns */
};

const int rn_test_conv_shape_count = sizeof rn_test_conv_shapes / sizeof rn_test_conv_shapes[0];

static int64_t pick(uint32_t *state, int64_t count)
{
    *state = *state * 1664525u + 1013904223u;
    return (int64_t)(*state >> 8) % count;
}

/* Pixels from the first of a kernel's to its last. */
static int64_t reach(int32_t kernel, int32_t dilation)
{
    return (int64_t)dilation * (kernel - 1) + 1;
}

rn_test_conv_shape rn_test_conv_random(uint32_t seed)
{
    static const int32_t kernels[][2] = { { 1, 1 }, { 3, 3 }, { 5, 5 }, { 7, 7 }, { 1, 7 },
                                          { 7, 1 }, { 2, 2 }, { 3, 5 }, { 4, 1 } };
    static const int64_t channels[] = { 1, 3, 5, 8, 16, 31, 32, 64 }, outs[] = { 1, 7, 16, 33, 64 };
    uint32_t state = seed * 2654435761u + 1;
    const int64_t kernel = pick(&state, 9);
    rn_test_conv_shape s = { .n = 1 + pick(&state, 3),
                             .h = 1 + pick(&state, 11),
                             .w = 1 + pick(&state, 11),
                             .c = channels[pick(&state, 8)],
                             .o = outs[pick(&state, 5)],
                             .kh = kernels[kernel][0],
                             .kw = kernels[kernel][1],
                             .sh = (int32_t)(1 + pick(&state, 3)),
                             .sw = (int32_t)(1 + pick(&state, 3)),
                             .ph = (int32_t)pick(&state, 4),
                             .pw = (int32_t)pick(&state, 4),
                             .groups = 1,
                             .dilation = 1 };
    const int64_t groups = pick(&state, 4);

    if (groups == 0 && s.c % 2 == 0) {
        s.groups = 2;
        s.o += s.o % 2;
    } else if (groups == 1) {
        s.groups = (int32_t)s.c;
        s.o = s.c * (1 + pick(&state, 2));
    }
    if (pick(&state, 3) == 0)
        s.dilation = (int32_t)(2 + pick(&state, 3));
    s.h = s.h + 2 * s.ph < reach(s.kh, s.dilation) ? reach(s.kh, s.dilation) : s.h;
    s.w = s.w + 2 * s.pw < reach(s.kw, s.dilation) ? reach(s.kw, s.dilation) : s.w;
    return s;
}

/* ---- the definition -------------------------------------------------------------------------------------------- */

static rn_test_sums sums_make(int64_t count, int64_t terms)
{
    rn_test_sums s = { calloc((size_t)count, sizeof(double)), calloc((size_t)count, sizeof(double)), terms };

    assert_non_null(s.sum);
    assert_non_null(s.size);
    return s;
}

static void sums_clear(const rn_test_sums *s, int64_t count)
{
    memset(s->sum, 0, (size_t)count * sizeof(double));
    memset(s->size, 0, (size_t)count * sizeof(double));
}

static void sums_add(const rn_test_sums *s, int64_t at, double a, double b)
{
    s->sum[at] += a * b;
    s->size[at] += fabs(a * b);
}

/* What one tap of the kernel has to do with output pixel `row` (number of the pixel) and input pixel `from`. */
static void define_tap(const rn_test_conv *t, int64_t row, int64_t from, int64_t tap)
{
    const rn_conv *const v = &t->conv;
    const int64_t in = v->in_c / v->groups, out = v->out_c / v->groups;

    for (int64_t o = 0; o < v->out_c; o++)
        for (int64_t c = 0; c < in; c++) {
            const int64_t channel = o / out * in + c, k = tap * in + c;
            const double x = rn_test_grid_at(&t->x.grid, from, channel), w = rn_test_grid_at(&t->weights, o, k);
            const double dy = rn_test_grid_at(&t->dy.grid, row, o);

            sums_add(&t->y, row * v->out_c + o, x, w);
            sums_add(&t->dx, from * v->in_c + channel, dy, w);
            sums_add(&t->dw, o * t->weights.channels + k, dy, x);
        }
}

void rn_test_conv_define(rn_test_conv *t)
{
    const rn_conv *const v = &t->conv;

    sums_clear(&t->y, t->dy.grid.rows * v->out_c);
    sums_clear(&t->dx, t->x.grid.rows * v->in_c);
    sums_clear(&t->dw, v->out_c * t->weights.channels);
    for (int64_t row = 0; row < t->dy.grid.rows; row++)
        for (int64_t tap = 0; tap < v->kernel_h * v->kernel_w; tap++) {
            const int64_t i =
                row / v->out_w % v->out_h * v->stride_h - v->padding_h + v->dilation * (tap / v->kernel_w);
            const int64_t j = row % v->out_w * v->stride_w - v->padding_w + v->dilation * (tap % v->kernel_w);

            if (i >= 0 && i < v->in_h && j >= 0 && j < v->in_w)
                define_tap(t, row, (row / (v->out_h * v->out_w) * v->in_h + i) * v->in_w + j, tap);
        }
}

/* ---- operands -------------------------------------------------------------------------------------------------- */

void rn_test_grid_protect(const rn_test_grid *grid, bool writable)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    assert_int_equal(
        mprotect((char *)grid->pages + page, grid->mapped - 2 * page, writable ? PROT_READ | PROT_WRITE : PROT_READ),
        0);
}

void rn_test_grid_set_nan(const rn_test_grid *grid)
{
    for (int64_t r = 0; r < grid->rows; r++)
        for (int64_t c = 0; c < grid->channels; c++)
            grid->data[r * grid->pitch + c] = NAN;
}

static rn_test_map map_make(int64_t n, int64_t h, int64_t w, int64_t c, int64_t gap, bool at_end)
{
    const rn_test_grid grid = rn_test_grid_make(n * h * w, c, c + gap, at_end);

    return (rn_test_map){ { .data = grid.data, .n = n, .h = h, .w = w, .c = c, .pitch = grid.pitch }, grid };
}

static void operand_fill(const rn_test_grid *grid, uint32_t seed)
{
    rn_test_grid_fill(grid, seed, 1, 0);
    rn_test_grid_protect(grid, false);
}

rn_conv rn_test_conv_of(const rn_test_conv_shape *s)
{
    return (rn_conv){ .in_h = s->h,
                      .in_w = s->w,
                      .in_c = s->c,
                      .out_h = (s->h + 2 * s->ph - reach(s->kh, s->dilation)) / s->sh + 1,
                      .out_w = (s->w + 2 * s->pw - reach(s->kw, s->dilation)) / s->sw + 1,
                      .out_c = s->o,
                      .kernel_h = s->kh,
                      .kernel_w = s->kw,
                      .stride_h = s->sh,
                      .stride_w = s->sw,
                      .padding_h = s->ph,
                      .padding_w = s->pw,
                      .groups = s->groups,
                      .dilation = s->dilation };
}

rn_test_conv rn_test_conv_make(const rn_test_conv_shape *s, uint32_t seed)
{
    const bool at_end = seed % 2 == 1;
    rn_test_conv t = { .conv = rn_test_conv_of(s), .n = s->n, .gap = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 3 : 16 };
    const int64_t in = s->c / s->groups, taps = (int64_t)s->kh * s->kw, pixels = s->n * t.conv.out_h * t.conv.out_w;

    t.x = map_make(s->n, s->h, s->w, s->c, t.gap, at_end);
    t.dy = map_make(s->n, t.conv.out_h, t.conv.out_w, s->o, t.gap, at_end);
    t.residual = map_make(s->n, t.conv.out_h, t.conv.out_w, s->o, t.gap / 3, at_end);
    t.weights = rn_test_grid_make(s->o, taps * in, taps * in, at_end);
    operand_fill(&t.x.grid, 4 * seed);
    operand_fill(&t.dy.grid, 4 * seed + 1);
    operand_fill(&t.residual.grid, 4 * seed + 2);
    operand_fill(&t.weights, 4 * seed + 3);
    t.y = sums_make(pixels * s->o, taps * in);
    t.dx = sums_make(t.x.grid.rows * s->c, taps * (s->o / s->groups));
    t.dw = sums_make(s->o * taps * in, pixels);
    rn_test_conv_define(&t);
    return t;
}

static void round_operand(const rn_test_grid *grid)
{
    rn_test_grid_protect(grid, true);
    rn_test_grid_round(grid);
    rn_test_grid_protect(grid, false);
}

void rn_test_conv_round(rn_test_conv *t)
{
    round_operand(&t->x.grid);
    round_operand(&t->dy.grid);
    round_operand(&t->residual.grid);
    round_operand(&t->weights);
}

void rn_test_conv_release(rn_test_conv *t)
{
    double *const sums[] = { t->y.sum, t->y.size, t->dx.sum, t->dx.size, t->dw.sum, t->dw.size };

    for (int i = 0; i < 6; i++)
        free(sums[i]);
    rn_test_map_release(&t->x, 1);
    rn_test_map_release(&t->dy, 1);
    rn_test_map_release(&t->residual, 1);
    rn_test_grid_release(&t->weights);
}

rn_test_map rn_test_conv_output(const rn_test_conv *t, bool of_input)
{
    const rn_map *const like = of_input ? &t->x.map : &t->dy.map;
    const rn_test_map made = map_make(like->n, like->h, like->w, like->c, t->gap == 3 ? 1 : t->gap, true);

    rn_test_grid_set_nan(&made.grid);
    return made;
}

rn_test_grid rn_test_conv_dw(const rn_test_conv *t)
{
    const rn_test_grid made = rn_test_grid_make(t->weights.rows, t->weights.channels, t->weights.channels, true);

    rn_test_grid_set_nan(&made);
    return made;
}

/* ---- the passes ------------------------------------------------------------------------------------------------ */

/* NaN everywhere; the page behind begins where the size that was asked for ends. */
static void *nan_memory(size_t bytes, void **pages, size_t *mapped)
{
    void *const memory = rn_test_guarded(bytes, true, pages, mapped);

    memset(memory, 0xFF, bytes);
    return memory;
}

static void *workspace_make(size_t bytes, void **pages, size_t *mapped)
{
    assert_int_equal(bytes % RN_ALIGNMENT, 0); /* else it could not be aligned and end at a page */
    return nan_memory(bytes, pages, mapped);
}

void rn_test_conv_forward(const rn_context *context, const rn_test_conv *t, const rn_map *x,
                          const rn_conv_epilogue *epilogue, const rn_map *y)
{
    void *pages[2];
    size_t mapped[2];
    const rn_conv_plan plan = rn_conv_plan_for(context, &t->conv, x->n, t->wants_pairs);
    float *const packed = nan_memory((size_t)plan.packed_count * sizeof(float), &pages[0], &mapped[0]);
    void *const workspace = workspace_make(plan.forward_bytes, &pages[1], &mapped[1]);

    rn_conv_pack(context, &plan, t->weights.data, packed);
    rn_conv_forward(context, &plan, x, plan.packed_count == 0 ? t->weights.data : packed, epilogue, y, workspace);
    rn_test_unguard(pages[0], mapped[0]);
    rn_test_unguard(pages[1], mapped[1]);
}

void rn_test_conv_data(const rn_context *context, const rn_test_conv *t, const rn_map *dy, const rn_map *dx,
                       bool accumulate)
{
    void *pages;
    size_t mapped;
    const rn_conv_plan plan = rn_conv_plan_for(context, &t->conv, dy->n, t->wants_pairs);
    void *const workspace = workspace_make(plan.data_bytes, &pages, &mapped);

    rn_conv_backward_data(context, &plan, dy, t->weights.data, dx, accumulate, workspace);
    rn_test_unguard(pages, mapped);
}

void rn_test_conv_weights(const rn_context *context, const rn_test_conv *t, const rn_map *x, const rn_map *dy,
                          float *dw, bool accumulate)
{
    void *pages;
    size_t mapped;
    const rn_conv_plan plan = rn_conv_plan_for(context, &t->conv, x->n, t->wants_pairs);
    void *const workspace = workspace_make(plan.weights_bytes, &pages, &mapped);

    rn_conv_backward_weights(context, &plan, x, dy, dw, accumulate, workspace);
    rn_test_unguard(pages, mapped);
}

void rn_test_conv_check(const rn_test_grid *output, const rn_test_sums *sums, const rn_test_grid *start,
                        const char *what)
{
    for (int64_t r = 0; r < output->rows; r++)
        for (int64_t c = 0; c < output->channels; c++) {
            const int64_t at = r * output->channels + c;
            const double before = start == NULL ? 0 : (double)rn_test_grid_at(start, r, c);

            rn_test_check_near(rn_test_grid_at(output, r, c), sums->sum[at] + before,
                               (double)(sums->terms + 2) * RN_TEST_U * (sums->size[at] + fabs(before)), what);
        }
}

/* ---- settings -------------------------------------------------------------------------------------------------- */

rn_test_contexts rn_test_all;

static int make_contexts(rn_convolution convolution)
{
    rn_test_all.count = rn_test_settings(rn_test_all.settings);
    for (int i = 0; i < rn_test_all.count; i++) {
        const rn_test_setting setting = rn_test_all.settings[i];

        require_ok(NULL, rn_context_create(&rn_test_all.contexts[i],
                                           RN_OPTIONS(rn_context, .threads = setting.threads,
                                                      .isas = (uint32_t)setting.isa, .convolution = convolution)));
    }
    return 0;
}

int rn_test_all_direct(void **state)
{
    (void)state;
    return make_contexts(RN_CONVOLUTION_DIRECT);
}

int rn_test_all_fastest(void **state)
{
    (void)state;
    return make_contexts(RN_CONVOLUTION_AUTO);
}

int rn_test_all_release(void **state)
{
    (void)state;
    for (int i = 0; i < rn_test_all.count; i++)
        rn_context_destroy(rn_test_all.contexts[i]);
    return 0;
}

void rn_test_all_emulate_bfloat16(void)
{
    for (int s = 0; s < rn_test_all.count; s++)
        rn_test_emulate_bfloat16(rn_test_all.contexts[s]);
}

int rn_test_pairs_setting(int setting)
{
    while (setting < rn_test_all.count && rn_test_all.contexts[setting]->pairs == NULL)
        setting++;
    return setting;
}

static int kind_of(rn_isa isa)
{
    return isa == RN_ISA_REFERENCE ? 0 : isa == RN_ISA_BASELINE ? 1 : 2;
}

bool rn_test_same(rn_test_agreement *agreement, const rn_test_contexts *all, int setting, const rn_test_grid *result,
                  const char *what)
{
    rn_test_grid *const first = &agreement->first[kind_of(all->settings[setting].isa)];

    rn_test_grid_check_gaps(result);
    if (first->pages != NULL) {
        rn_test_grid_check_same(result, first, what);
        return false;
    }
    *first = rn_test_grid_make(result->rows, result->channels, result->channels, true);
    rn_test_grid_copy(first, result);
    return true;
}

void rn_test_agreement_end(rn_test_agreement *agreement)
{
    for (int i = 0; i < 3; i++)
        if (agreement->first[i].pages != NULL)
            rn_test_grid_release(&agreement->first[i]);
}

/* ---- passes under all settings ----------------------------------------------------------------------------------- */

void rn_test_conv_check_forward(const rn_test_conv *test)
{
    static const rn_conv_epilogue plain;
    rn_test_agreement agreement = { 0 };

    for (int s = 0; s < rn_test_all.count; s++) {
        rn_test_map y = rn_test_conv_output(test, false);

        rn_test_conv_forward(rn_test_all.contexts[s], test, &test->x.map, &plain, &y.map);
        if (rn_test_same(&agreement, &rn_test_all, s, &y.grid, "forward"))
            rn_test_conv_check(&y.grid, &test->y, NULL, "forward");
        rn_test_map_release(&y, 1);
    }
    rn_test_agreement_end(&agreement);
}

void rn_test_conv_check_data(const rn_test_conv *test, bool accumulate)
{
    rn_test_agreement agreement = { 0 };
    rn_test_map start = rn_test_conv_output(test, true);

    rn_test_grid_fill(&start.grid, 9, 2, 0);
    for (int s = 0; s < rn_test_all.count; s++) {
        rn_test_map dx = rn_test_conv_output(test, true);

        if (accumulate)
            rn_test_grid_copy(&dx.grid, &start.grid);
        rn_test_conv_data(rn_test_all.contexts[s], test, &test->dy.map, &dx.map, accumulate);
        if (rn_test_same(&agreement, &rn_test_all, s, &dx.grid, "backward data"))
            rn_test_conv_check(&dx.grid, &test->dx, accumulate ? &start.grid : NULL, "backward data");
        rn_test_map_release(&dx, 1);
    }
    rn_test_map_release(&start, 1);
    rn_test_agreement_end(&agreement);
}

void rn_test_conv_check_weights(const rn_test_conv *test, bool accumulate)
{
    rn_test_agreement agreement = { 0 };
    rn_test_grid start = rn_test_conv_dw(test);

    rn_test_grid_fill(&start, 9, 2, 0);
    for (int s = 0; s < rn_test_all.count; s++) {
        rn_test_grid dw = rn_test_conv_dw(test);

        if (accumulate)
            rn_test_grid_copy(&dw, &start);
        rn_test_conv_weights(rn_test_all.contexts[s], test, &test->x.map, &test->dy.map, dw.data, accumulate);
        if (rn_test_same(&agreement, &rn_test_all, s, &dw, "backward weights"))
            rn_test_conv_check(&dw, &test->dw, accumulate ? &start : NULL, "backward weights");
        rn_test_grid_release(&dw);
    }
    rn_test_grid_release(&start);
    rn_test_agreement_end(&agreement);
}
