/* SPDX-License-Identifier: MIT */
#include "checkpoint/compare.h"
#include "checkpoint/elements.h"

#include <math.h>
#include <string.h>

int compare_shapes(const rn_tensor *a, const rn_tensor *b)
{
    const int32_t rank = rn_tensor_rank(a);

    return rank == rn_tensor_rank(b) &&
           (rank == 0 || memcmp(rn_tensor_shape(a), rn_tensor_shape(b), (size_t)rank * sizeof(int64_t)) == 0);
}

static double distance(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return 0;
    return isfinite(a) && isfinite(b) ? fabs(a - b) : INFINITY;
}

static void take_in(comparison *answer, double a, double b, int different)
{
    const double absolute = distance(a, b), larger = fmax(fabs(a), fabs(b));
    const double relative = absolute == 0 ? 0 : isfinite(absolute) ? absolute / larger : INFINITY;

    answer->different += different;
    answer->absolute = fmax(answer->absolute, absolute);
    answer->relative = fmax(answer->relative, relative);
}

typedef struct piece {
    unsigned char bytes[ELEMENTS_BYTES];
    double numbers[ELEMENTS_PIECE];
} piece;

rn_status compare_tensors(comparison *answer, rn_context *context, const rn_tensor *a, const rn_tensor *b,
                          double tolerance)
{
    const rn_dtype types[] = { rn_tensor_dtype(a), rn_tensor_dtype(b) };
    const size_t size = rn_dtype_size(types[0]);
    const int same_type = types[0] == types[1], bits = same_type && tolerance < 0;
    elements walks[2];
    piece left, right;
    size_t count;
    rn_status status = RN_OK;

    *answer = (comparison){ 0, 0, 0 };
    elements_begin(&walks[0], a);
    elements_begin(&walks[1], b);
    while (status == RN_OK && (count = elements_next(&walks[0], left.bytes)) > 0) {
        elements_next(&walks[1], right.bytes);
        if (same_type && memcmp(left.bytes, right.bytes, count * size) == 0)
            continue;
        status = elements_numbers(left.numbers, context, types[0], left.bytes, count);
        if (status == RN_OK)
            status = elements_numbers(right.numbers, context, types[1], right.bytes, count);
        for (size_t i = 0; i < count && status == RN_OK; i++) {
            const double x = left.numbers[i], y = right.numbers[i];

            take_in(answer, x, y,
                    bits ? memcmp(left.bytes + i * size, right.bytes + i * size, size) != 0
                         : distance(x, y) > fmax(tolerance, 0));
        }
    }
    return status;
}
