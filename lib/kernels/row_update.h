/* SPDX-License-Identifier: MIT */
/* Row kernels of optimizers: one step over parameters that lie one after the other. */
#ifndef RN_KERNELS_ROW_UPDATE_H
#define RN_KERNELS_ROW_UPDATE_H

#include "kernels/row_vector.h"

/* Unrolled, so that compilers see the one instruction that it is. */
static inline vf square_root(vf v)
{
    vf root;

#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        root[i] = sqrtf(v[i]);
    return root;
}

static void adam(int64_t count, const rn_adam_step *step, const float *gradient, float *value, float *mean,
                 float *square)
{
    const rn_adam_step s = *step;
    int64_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        const vf x = s.kept * load(value + i), g = load(gradient + i) + s.weight_decay * x;
        const vf m = s.beta1 * load(mean + i) + s.one_minus_beta1 * g;
        const vf v = s.beta2 * load(square + i) + s.one_minus_beta2 * g * g;

        store(mean + i, m);
        store(square + i, v);
        store(value + i, x - s.step_size * (m / (square_root(v) / splat(s.root_correction2) + s.eps)));
    }
    for (; i < count; i++) {
        const float x = s.kept * value[i], g = gradient[i] + s.weight_decay * x;
        const float m = s.beta1 * mean[i] + s.one_minus_beta1 * g;
        const float v = s.beta2 * square[i] + s.one_minus_beta2 * g * g;

        mean[i] = m;
        square[i] = v;
        value[i] = x - s.step_size * (m / (sqrtf(v) / s.root_correction2 + s.eps));
    }
}

static void sgd(int64_t count, const rn_sgd_step *step, const float *gradient, float *value, float *buffer)
{
    const rn_sgd_step s = *step;
    int64_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        const vf x = load(value + i);
        vf g = load(gradient + i) + s.weight_decay * x;

        if (buffer != NULL) {
            vf b = g;

            if (!s.first)
                b = s.momentum * load(buffer + i) + s.one_minus_dampening * g;
            store(buffer + i, b);
            if (s.nesterov)
                g += s.momentum * b;
            else
                g = b;
        }
        store(value + i, x - s.lr * g);
    }
    for (; i < count; i++) {
        float g = gradient[i] + s.weight_decay * value[i];

        if (buffer != NULL) {
            buffer[i] = s.first ? g : s.momentum * buffer[i] + s.one_minus_dampening * g;
            g = s.nesterov ? g + s.momentum * buffer[i] : buffer[i];
        }
        value[i] -= s.lr * g;
    }
}

#endif
