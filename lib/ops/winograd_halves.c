/* SPDX-License-Identifier: MIT */
#include "ops/winograd_halves.h"

#include "ops/integers.h"

#include <stddef.h>

enum {
    SIDE = RN_WINOGRAD_SIDE,
    MOST = 4,  /* outputs of a side */
    PIECE = 64 /* channels: 36 pixels of them are 9 KB */
};

static const uint16_t *halves_of(const float *pairs, int64_t channel)
{
    return (const uint16_t *)(const void *)pairs + channel;
}

void rn_winograd_halves_input(const rn_context *context, const rn_winograd_tile *tile, const float *const *pixel,
                              const float *nothing, int64_t channels, int64_t stored)
{
    float copy[SIDE * SIDE][PIECE];
    const float *copies[SIDE * SIDE];
    rn_winograd_tile piece = *tile;

    for (int64_t c = 0; c < stored; c += PIECE) {
        const int64_t count = rn_least(PIECE, channels - c);

        for (int i = 0; i < tile->height + 2; i++)
            for (int j = 0; j < tile->width + 2; j++) {
                const int at = i * SIDE + j;

                copies[at] = pixel[at] == nothing ? nothing : copy[at];
                if (pixel[at] != nothing)
                    context->pairs->pairs->widen(copy[at], halves_of(pixel[at], c), count);
            }
        piece.planes = tile->planes + c;
        context->kernels->winograd->input(&piece, copies, count, rn_least(PIECE, stored - c));
    }
}

void rn_winograd_halves_gradient(const rn_context *context, const rn_winograd_tile *tile, const float *dy,
                                 int64_t first, int64_t pixel, int64_t line, int64_t channels, int64_t stored)
{
    float copy[MOST * MOST][PIECE];
    rn_winograd_tile piece = *tile;

    for (int64_t c = 0; c < stored; c += PIECE) {
        const int64_t count = rn_least(PIECE, channels - c);

        for (int i = 0; i < tile->height; i++)
            for (int j = 0; j < tile->width; j++)
                context->pairs->pairs->widen(copy[i * MOST + j], halves_of(dy + i * line + j * pixel, first + c),
                                             count);
        piece.planes = tile->planes + c;
        context->kernels->winograd->gradient(&piece, copy[0], PIECE, MOST * PIECE, count, rn_least(PIECE, stored - c));
    }
}

void rn_winograd_halves_output(const rn_context *context, const rn_winograd_tile *tile, int64_t channels,
                               const rn_row_combine *finish, int64_t out_line, int64_t other_line)
{
    const rn_pair_kernels *const pairs = context->pairs->pairs;
    float out[MOST * MOST][PIECE], other[MOST * MOST][PIECE];
    rn_winograd_tile piece = *tile;

    for (int64_t c = 0; c < channels; c += PIECE) {
        const int64_t count = rn_least(PIECE, channels - c);
        rn_row_combine made = { .ka = finish->ka != NULL ? finish->ka + c : NULL,
                                .c = finish->c != NULL ? finish->c + c : NULL,
                                .out = { out[0], PIECE },
                                .relu = finish->relu };

        for (int i = 0; finish->other.data != NULL && i < tile->height; i++)
            for (int j = 0; j < tile->width; j++)
                pairs->widen(other[i * MOST + j],
                             halves_of(finish->other.data + i * other_line + j * finish->other.pitch, c), count);
        if (finish->other.data != NULL)
            made.other = (rn_matrix){ other[0], PIECE };
        piece.planes = tile->planes + c;
        context->kernels->winograd->output(&piece, count, &made, MOST * PIECE, MOST * PIECE);
        for (int i = 0; i < tile->height; i++)
            for (int j = 0; j < tile->width; j++)
                pairs->neighbours(finish->out.data + i * out_line + j * finish->out.pitch + c / 2, out[i * MOST + j],
                                  count);
    }
}
