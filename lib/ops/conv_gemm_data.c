/* SPDX-License-Identifier: MIT */
/*
 * Backward data as products of an im2col matrix with packed weights.
 *
 * With dilation d, input pixel y is seen by window row k of output row i where y = i * stride - padding + d * k. Pixels
 * of one class, y = a + stride * j, meet the same window rows: those with d * k = a + padding (mod stride), k = first +
 * t * step, step = stride / gcd(d, stride), t < taps. Window row k finds them at i = j + (a + padding - d * first) /
 * stride - t * d / gcd: a window of `taps` rows over dy, in falling order of t, that slides by one and is dilated by d
 * / gcd. Each class is a product of its own whose pixels lie `stride` apart in dx; with stride 1 there is one class,
 * the convolution with the kernel turned round.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_product.h"

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/* One side of a class: the window over dy, and the pixels of dx that it serves. */
typedef struct side {
    int64_t first, step, taps; /* window rows k of the kernel */
    int64_t offset, dilation;  /* over dy */
    int64_t pixels;
} side;

static side side_of(int64_t class, int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
    const int64_t common = greatest_common_divisor(dilation, stride);
    side s = { .step = stride / common, .dilation = dilation / common };

    while (s.first < s.step && (class + padding - dilation * s.first) % stride != 0)
        s.first++;
    s.taps = s.first < s.step && s.first < kernel ? rn_divide_up(kernel - s.first, s.step) : 0;
    s.offset = s.taps > 0 ? (class + padding - dilation * s.first) / stride - (s.taps - 1) * s.dilation : 0;
    s.pixels = class < in ? (in - class + stride - 1) / stride : 0;
    return s;
}

typedef struct data_class {
    side h, w;
    int64_t row, column; /* the class's first pixel */
    int64_t packed;      /* where its packed weights begin */
} data_class;

/* Numbers of a pixel's dy: floats, or pairs. */
static int64_t group_depth(const rn_gemm_kernels *gemm, const rn_conv *conv)
{
    return rn_gemm_channels(gemm, rn_conv_group_out(conv));
}

static int64_t class_depth(const rn_gemm_kernels *gemm, const rn_conv *conv, const data_class *class)
{
    return class->h.taps * class->w.taps * group_depth(gemm, conv);
}

static side row_side(const rn_conv *conv, int64_t class)
{
    return side_of(class, conv->in_h, conv->kernel_h, conv->stride_h, conv->padding_h, conv->dilation);
}

static side column_side(const rn_conv *conv, int64_t class)
{
    return side_of(class, conv->in_w, conv->kernel_w, conv->stride_w, conv->padding_w, conv->dilation);
}

/*
 * Packed weights: class by class, in it group by group. The classes of one row together have all of the kernel's
 * columns.
 */
static data_class class_at(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t index)
{
    const int64_t columns = rn_round_up(rn_conv_group_in(conv), gemm->nr);
    data_class class = { .row = index / conv->stride_w, .column = index % conv->stride_w };
    int64_t taps = 0;

    class.h = row_side(conv, class.row);
    class.w = column_side(conv, class.column);
    for (int64_t row = 0; row < class.row; row++)
        taps += row_side(conv, row).taps * conv->kernel_w;
    for (int64_t column = 0; column < class.column; column++)
        taps += column_side(conv, column).taps * class.h.taps;
    class.packed = taps * group_depth(gemm, conv) * columns * conv->groups;
    return class;
}

static int64_t class_count(const rn_conv *conv)
{
    return (int64_t)conv->stride_h * conv->stride_w;
}

/* The classes' windows together are the kernel. */
size_t rn_gemm_data_packed_bytes(const rn_gemm_kernels *gemm, const rn_conv *conv)
{
    const int64_t floats = rn_product_packed_floats(gemm, conv, rn_conv_group_in(conv), group_depth(gemm, conv));
    size_t bytes;

    if (!rn_size_multiply(&bytes, (size_t)floats, sizeof(float)) || bytes > SIZE_MAX - RN_ALIGNMENT)
        return SIZE_MAX;
    return (bytes + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
}

static rn_product_shape data_shape(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t batch)
{
    const side h = row_side(conv, 0), w = column_side(conv, 0); /* steps and dilation are those of all classes */

    return (rn_product_shape){ conv->groups * class_count(conv), batch, rn_conv_group_in(conv),
                               rn_gather_for(gemm, (rn_gather){ .channels = rn_conv_group_out(conv),
                                                                .in_h = conv->out_h,
                                                                .in_w = conv->out_w,
                                                                .out_h = rn_divide_up(conv->in_h, conv->stride_h),
                                                                .out_w = rn_divide_up(conv->in_w, conv->stride_w),
                                                                .window_h = rn_divide_up(conv->kernel_h, h.step),
                                                                .window_w = rn_divide_up(conv->kernel_w, w.step),
                                                                .stride_h = 1,
                                                                .stride_w = 1,
                                                                .dilation_h = h.dilation,
                                                                .dilation_w = w.dilation }) };
}

void rn_gemm_plan_data(rn_conv_plan *plan, const rn_context *context)
{
    const rn_conv *const conv = &plan->conv;
    const rn_gemm_kernels *const gemm = rn_product_kernels(context, plan, data_shape);
    const rn_product_shape shape = data_shape(gemm, conv, plan->batch);

    plan->data = rn_product_blocks_for(context, gemm, &shape);
    if (!rn_size_add(&plan->data_bytes, rn_gemm_data_packed_bytes(gemm, conv),
                     rn_product_workspace(context, &plan->data)))
        plan->data_bytes = SIZE_MAX;
}

typedef struct data_pass {
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    const rn_map *dy, *dx;
    const float *weights;
    float *packed;
    bool accumulate;
} data_pass;

/* packed[(u, v, o)][c] = weights[o][k(u)][l(v)][c], window rows and columns in falling order. */
static void pack_class_panel(const data_pass *pass, const data_class *class, int64_t group, int64_t panel)
{
    const rn_conv *const conv = pass->conv;
    const rn_gemm_kernels *const gemm = pass->gemm;
    const int64_t channels = rn_conv_group_in(conv), outs = rn_conv_group_out(conv), first = panel * gemm->nr;
    const int64_t columns = channels - first < gemm->nr ? channels - first : gemm->nr;
    const int64_t row_pitch = (int64_t)conv->kernel_h * conv->kernel_w * channels,
                  depth = class_depth(gemm, conv, class);
    float *to = pass->packed + class->packed + (group * rn_divide_up(channels, gemm->nr) + panel) * depth * gemm->nr;

    for (int64_t u = class->h.taps - 1; u >= 0; u--)
        for (int64_t v = class->w.taps - 1; v >= 0; v--) {
            const int64_t k = class->h.first + u * class->h.step, l = class->w.first + v * class->w.step;

            const float *const from =
                pass->weights + group * outs * row_pitch + (k * conv->kernel_w + l) * channels + first;

            if (gemm->pairs == NULL)
                gemm->floats->copy(to, gemm->nr, from, row_pitch, outs, columns);
            for (int64_t o = 0; gemm->pairs != NULL && o < outs; o += 2)
                gemm->pairs->rows(to + o / 2 * gemm->nr, gemm->nr, from + o * row_pitch,
                                  o + 1 < outs ? from + (o + 1) * row_pitch : NULL, columns);
            to += group_depth(gemm, conv) * gemm->nr;
        }
}

/* Units are panels of nr input channels of a class and group. */
static void pack_class_panels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const data_pass *const pass = payload;
    const int64_t panels = rn_divide_up(rn_conv_group_in(pass->conv), pass->gemm->nr);

    (void)thread;
    for (int64_t unit = begin; unit < end; unit++) {
        const data_class class = class_at(pass->gemm, pass->conv, unit / (panels * pass->conv->groups));

        pack_class_panel(pass, &class, unit / panels % pass->conv->groups, unit % panels);
    }
}

static void describe_data(rn_product *product, const void *payload, int64_t index)
{
    const data_pass *const pass = payload;
    const rn_conv *const conv = pass->conv;
    const rn_map *const dx = pass->dx;
    const int64_t group = index % conv->groups, channel = group * rn_conv_group_in(conv);
    const data_class class = class_at(pass->gemm, conv, index / conv->groups);
    const rn_steps whole = rn_steps_of(dx);

    *product = (rn_product){
        .gather = rn_gather_for(pass->gemm, (rn_gather){ .data = pass->dy->data + group * rn_conv_group_out(conv),
                                                         .pitch = pass->dy->pitch,
                                                         .is_halved = pass->dy->is_halved,
                                                         .channels = rn_conv_group_out(conv),
                                                         .in_h = conv->out_h,
                                                         .in_w = conv->out_w,
                                                         .out_h = class.h.pixels,
                                                         .out_w = class.w.pixels,
                                                         .window_h = class.h.taps,
                                                         .window_w = class.w.taps,
                                                         .stride_h = 1,
                                                         .stride_w = 1,
                                                         .offset_h = class.h.offset,
                                                         .offset_w = class.w.offset,
                                                         .dilation_h = class.h.dilation,
                                                         .dilation_w = class.w.dilation }),
        .images = pass->accumulate && class_depth(pass->gemm, conv, &class) == 0 ? 0 : dx->n, /* nothing to add */
        .packed = pass->packed + class.packed +
                  group * rn_round_up(rn_conv_group_in(conv), pass->gemm->nr) * class_depth(pass->gemm, conv, &class),
        .columns = rn_conv_group_in(conv),
        .is_halved = dx->is_halved,
        .out = dx->data + class.row * whole.line + class.column * whole.pixel + channel,
        .out_steps = { whole.pixel * conv->stride_w, whole.line * conv->stride_h, whole.image },
    };
    if (pass->accumulate) {
        product->residual = product->out;
        product->residual_steps = product->out_steps;
    }
}

void rn_gemm_pack_data(const rn_context *context, const rn_gemm_kernels *gemm, const rn_conv *conv,
                       const float *weights, float *packed)
{
    data_pass pass = { .gemm = gemm, .conv = conv, .weights = weights, .packed = packed };

    rn_parallel(&context->pool, class_count(conv) * conv->groups * rn_divide_up(rn_conv_group_in(conv), gemm->nr),
                pack_class_panels, &pass);
}

void rn_gemm_backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                           const rn_map *dx, bool accumulate, void *workspace)
{
    const rn_gemm_kernels *const gemm = plan->data.gemm;
    const rn_conv *const conv = &plan->conv;
    const data_pass pass = { gemm, conv, dy, dx, weights, workspace, accumulate };

    rn_gemm_pack_data(context, gemm, conv, weights, workspace);
    rn_product_run(context, &plan->data, describe_data, &pass,
                   (char *)workspace + rn_gemm_data_packed_bytes(gemm, conv));
}
