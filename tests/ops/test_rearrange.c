/* SPDX-License-Identifier: MIT */
/* Flatten and shortcut A move elements to where PyTorch has them, and gradients back. */
#include "ops/pointwise.h"

#include "ops/maps.h"

#define RN_TEST_THREADS 3
#include "support/one_context.h"

enum { N = 2, H = 5, W = 4, C = 7 };

static void flatten_has_pytorchs_order(void **state)
{
    rn_test_map x = rn_test_map_filled(N, H, W, C, 2, 1), flat = rn_test_map_make(N, 1, 1, C * H * W, 3);

    (void)state;
    rn_flatten_forward(context, &x.map, &flat.map);
    rn_test_grid_check_gaps(&flat.grid);
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < C * H * W; i++)
            assert_true(rn_test_grid_at(&flat.grid, n, i) == *rn_test_map_at(&x, n, i / W % H, i % W, i / (H * W)));
    rn_test_map_release(&x, 1);
    rn_test_map_release(&flat, 1);
}

static void flatten_backward_is_the_way_back(void **state)
{
    rn_test_map x = rn_test_map_filled(N, H, W, C, 2, 1), flat = rn_test_map_make(N, 1, 1, C * H * W, 0);
    rn_test_map dx = rn_test_map_make(N, H, W, C, 1);

    (void)state;
    rn_flatten_forward(context, &x.map, &flat.map);
    rn_flatten_backward(context, &flat.map, &dx.map, false);
    rn_test_grid_check_same(&dx.grid, &x.grid, "back");
    rn_test_grid_check_gaps(&dx.grid);
    rn_flatten_backward(context, &flat.map, &dx.map, true);
    for (int64_t r = 0; r < N * H * W; r++)
        for (int64_t c = 0; c < C; c++)
            assert_true(rn_test_grid_at(&dx.grid, r, c) == 2 * rn_test_grid_at(&x.grid, r, c));
    rn_test_map_release(&x, 1);
    rn_test_map_release(&flat, 1);
    rn_test_map_release(&dx, 1);
}

/* F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, before, after)) of the CIFAR networks. */
static void check_shortcut(int32_t stride, int64_t channels)
{
    const int64_t h = (H + stride - 1) / stride, w = (W + stride - 1) / stride, before = (channels - C) / 2;
    rn_test_map x = rn_test_map_filled(N, H, W, C, 2, 1), y = rn_test_map_make(N, h, w, channels, 1);
    rn_test_map dy = rn_test_map_filled(N, h, w, channels, 0, 2), dx = rn_test_map_make(N, H, W, C, 3), added;
    double forward = 0, backward = 0;

    rn_shortcut_a_forward(context, stride, &x.map, &y.map);
    rn_test_grid_check_gaps(&y.grid);
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < h * w * channels; i++) {
            const int64_t oh = i / channels / w, ow = i / channels % w, c = i % channels - before;

            assert_true(*rn_test_map_at(&y, n, oh, ow, i % channels) ==
                        (c >= 0 && c < C ? *rn_test_map_at(&x, n, oh * stride, ow * stride, c) : 0));
            forward +=
                (double)*rn_test_map_at(&y, n, oh, ow, i % channels) * *rn_test_map_at(&dy, n, oh, ow, i % channels);
        }
    /* Backward is the transpose: <A x, dy> = <x, A' dy>. */
    rn_shortcut_a_backward(context, stride, &dy.map, &dx.map, false);
    rn_test_grid_check_gaps(&dx.grid);
    for (int64_t r = 0; r < N * H * W; r++)
        for (int64_t c = 0; c < C; c++) {
            backward += (double)rn_test_grid_at(&x.grid, r, c) * rn_test_grid_at(&dx.grid, r, c);
            assert_true(r / W % H % stride == 0 && r % W % stride == 0 ? rn_test_grid_at(&dx.grid, r, c) != 0
                                                                       : rn_test_grid_at(&dx.grid, r, c) == 0);
        }
    rn_test_check_near(backward, forward, 1e-12 * N * H * W * C, "transpose");
    added = rn_test_map_copy(&dx);
    rn_shortcut_a_backward(context, stride, &dy.map, &added.map, true);
    for (int64_t r = 0; r < N * H * W; r++)
        for (int64_t c = 0; c < C; c++)
            assert_true(rn_test_grid_at(&added.grid, r, c) == 2 * rn_test_grid_at(&dx.grid, r, c));
    rn_test_map_release(&added, 1);
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_test_map_release(&dy, 1);
    rn_test_map_release(&dx, 1);
}

static void shortcut_a_strides_and_pads_channels(void **state)
{
    (void)state;
    check_shortcut(2, 14);
    check_shortcut(2, 16);
    check_shortcut(1, 7);
    check_shortcut(3, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flatten_has_pytorchs_order),
        cmocka_unit_test(flatten_backward_is_the_way_back),
        cmocka_unit_test(shortcut_a_strides_and_pads_channels),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
