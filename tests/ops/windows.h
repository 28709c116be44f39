/* SPDX-License-Identifier: MIT */
/* Windows sliding over feature maps, by their definition, for the tests of what reads them. */
#ifndef RN_TESTS_OPS_WINDOWS_H
#define RN_TESTS_OPS_WINDOWS_H

#include "ops/conv_gather.h"
#include "ops/maps.h"

typedef struct rn_test_windows {
    int64_t n, h, w, c, gap, window_h, window_w, stride_h, stride_w, offset_h, offset_w, out_h, out_w, dilation_h,
        dilation_w;
} rn_test_windows;

enum { RN_TEST_WINDOWS = 20 };

/* Offsets are those of forward passes (-padding) and of gradients, which may also begin inside the map or miss it. */
extern const rn_test_windows rn_test_windows_list[RN_TEST_WINDOWS];

rn_gather rn_test_windows_gather(const rn_test_windows *windows, const rn_test_map *map);

/* A map for the windows, filled, at one of its two guard pages. */
rn_test_map rn_test_windows_map(const rn_test_windows *windows, uint32_t seed, bool at_end);

/* Place k = (window row, window column, channel) of output pixel m = (image, i, j). */
float rn_test_windows_at(const rn_test_windows *windows, const rn_test_map *map, int64_t m, int64_t k);

#endif
