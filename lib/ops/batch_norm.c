/* SPDX-License-Identifier: MIT */
/*
 * Batch normalisation. With m the mean and v the variance of the n rows, i = 1 / sqrt(v + eps), xhat = (y - m) i and
 * z = gamma xhat + beta, the chain rule gives, g being the gradient of z:
 *
 *   dbeta  = sum g
 *   dgamma = sum g xhat = i P,                                P = sum g (y - m)
 *   dy     = gamma i (g - dbeta / n - xhat dgamma / n)        since dm / dy = 1 / n, dv / dy = 2 (y - m) / n
 *          = k0 g + k1 (y - m) + k2                           k0 = gamma i,  k1 = -k0 i^2 P / n,  k2 = -k0 dbeta / n
 *
 * So backward reads the map twice: for dbeta and P, which need (y - m) and not y alone lest they cancel, and for dy.
 *
 * Sums are taken in chunks of 512 rows, the last one shorter, and the chunks are combined in double in their order, so
 * that bits depend on the number of rows only. A unit of work is a piece: a chunk, or, where there are few of those
 * (the last layers of a network have few rows and many channels), RN_ROW_BLOCK of its rows, which is what the kernels
 * add up in float32. The pieces of a chunk are added in their order, as the kernels would have.
 */
#include "ops/batch_norm.h"

#include "ops/integers.h"
#include "ops/matrix.h"

enum { CHUNK_ROWS = 512, CHUNKS_FEW = 4 /* for each thread */ };

static int64_t rows_of_pieces(const rn_context *context, int64_t rows)
{
    return rn_divide_up(rows, CHUNK_ROWS) < CHUNKS_FEW * (int64_t)context->pool.threads ? RN_ROW_BLOCK : CHUNK_ROWS;
}

/* Two numbers for each piece and channel. */
size_t rn_batch_norm_workspace(const rn_context *context, int64_t rows, int64_t channels)
{
    const size_t pieces = (size_t)rn_divide_up(rows, rows_of_pieces(context, rows));
    size_t numbers, nbytes;

    if (!rn_size_multiply(&numbers, pieces * 2, (size_t)channels) ||
        !rn_size_multiply(&nbytes, numbers, sizeof(double)))
        return SIZE_MAX;
    return nbytes;
}

typedef struct reduction {
    const rn_row_kernels *kernels;
    const rn_map *g, *z, *y; /* those that there are */
    const float *mean, *scale, *shift;
    double *partials; /* [piece][2][channels]; a chunk's sums take the place of its first piece's */
    int64_t rows, channels, piece_rows;
    int64_t count; /* of a piece's numbers, from the first on, that are taken */
} reduction;

static reduction reduction_of(const rn_context *context, const rn_map *map, void *workspace)
{
    const int64_t rows = rn_map_rows(map);

    return (reduction){
        .kernels = rn_rows_of(context, map),
        .partials = workspace,
        .rows = rows,
        .channels = map->c,
        .piece_rows = rows_of_pieces(context, rows),
        .count = 2 * map->c,
    };
}

static double *partials_at(const reduction *job, int64_t row)
{
    return job->partials + row / job->piece_rows * 2 * job->channels;
}

/* One unit: rows [row, row + rows). */
typedef struct unit {
    int64_t row, rows;
    double *first, *second;
} unit;

static unit unit_at(const reduction *job, int64_t index)
{
    const int64_t row = index * job->piece_rows;
    double *const first = partials_at(job, row);

    return (unit){ row, rn_least(job->rows - row, job->piece_rows), first, first + job->channels };
}

static void join_pieces(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const reduction *const job = payload;

    (void)thread;
    for (int64_t chunk = begin; chunk < end; chunk++) {
        const int64_t first = chunk * CHUNK_ROWS, behind = rn_least(job->rows, first + CHUNK_ROWS);
        double *const sums = partials_at(job, first);

        for (int64_t row = first + job->piece_rows; row < behind; row += job->piece_rows) {
            const double *const piece = partials_at(job, row);

            for (int64_t i = 0; i < job->count; i++)
                sums[i] += piece[i];
        }
    }
}

/* The sums of all chunks; `take` takes those of units. */
static void reduce(const rn_context *context, reduction *job, rn_work take)
{
    rn_parallel(&context->pool, rn_divide_up(job->rows, job->piece_rows), take, job);
    if (job->piece_rows < CHUNK_ROWS)
        rn_parallel(&context->pool, rn_divide_up(job->rows, CHUNK_ROWS), join_pieces, job);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void take_moments(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const reduction *const job = payload;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const unit u = unit_at(job, i);

        job->kernels->moments(u.rows, job->channels, rn_matrix_from(job->y, u.row),
                              rn_matrix_from(job->y, u.row / CHUNK_ROWS * CHUNK_ROWS).data, u.first, u.second);
    }
}

/*
 * Makes a chunk's sums of (y - first row) and of its square into its mean and M2, the sum of squares around the mean,
 * and merges them into those of the rows before it, which have taken the place of chunk 0: T. Chan, G. Golub, R.
 * LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
 */
static void merge_chunk(const reduction *job, int64_t row)
{
    double *const mean = job->partials, *const m2 = mean + job->channels;
    const double *const sums = partials_at(job, row), *const squares = sums + job->channels;
    const double before = (double)row, n = (double)rn_least(job->rows - row, CHUNK_ROWS);
    const double inverse = 1 / n, share = n / (before + n), weight = before * share;

    for (int64_t c = 0; c < job->channels; c++) {
        const double shifted = sums[c] * inverse, own_mean = (double)rn_map_number(job->y, row, c) + shifted;
        const double around = squares[c] - sums[c] * shifted, own_m2 = around < 0 ? 0 : around;
        const double distance = row == 0 ? 0 : own_mean - mean[c];

        mean[c] = row == 0 ? own_mean : mean[c] + distance * share;
        m2[c] = row == 0 ? own_m2 : m2[c] + own_m2 + distance * distance * weight;
    }
}

void rn_batch_norm_statistics(const rn_context *context, const rn_map *y, float *mean, float *variance, void *workspace)
{
    reduction job = reduction_of(context, y, workspace);

    job.y = y;
    reduce(context, &job, take_moments);
    for (int64_t row = 0; row < job.rows; row += CHUNK_ROWS)
        merge_chunk(&job, row);
    for (int64_t c = 0; c < job.channels; c++) {
        mean[c] = (float)job.partials[c];
        variance[c] = (float)(job.partials[job.channels + c] / (double)job.rows);
    }
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

static void take_gradient_sums(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const reduction *const job = payload;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const unit u = unit_at(job, i);
        const rn_row_gradient operands = {
            .g = rn_matrix_from(job->g, u.row),
            .z = rn_matrix_from(job->z, u.row),
            .y = rn_matrix_from(job->y, u.row),
            .mean = job->mean,
            .scale = job->scale,
            .shift = job->shift,
        };

        job->kernels->gradient_sums(u.rows, job->channels, &operands, u.first, u.second);
    }
}

/* The chunks' numbers are added up in the place of chunk 0. */
static void add_chunks(const reduction *job)
{
    for (int64_t row = CHUNK_ROWS; row < job->rows; row += CHUNK_ROWS) {
        const double *const partial = partials_at(job, row);

        for (int64_t i = 0; i < job->count; i++)
            job->partials[i] += partial[i];
    }
}

static void store_gradient(float *target, double value, bool accumulate)
{
    *target = accumulate ? *target + (float)value : (float)value;
}

/* dgamma, dbeta and the slopes of channel c from its two sums. */
static void finish_channel(const rn_norm_gradient *gradient, int64_t c, int64_t channels, double sum, double product,
                           double n)
{
    const double inverse = gradient->inverse_deviation[c], slope = (double)gradient->gamma[c] * inverse;

    if (gradient->dbeta != NULL)
        store_gradient(&gradient->dbeta[c], sum, gradient->accumulate);
    if (gradient->dgamma != NULL)
        store_gradient(&gradient->dgamma[c], product * inverse, gradient->accumulate);
    gradient->slopes[c] = (float)slope;
    gradient->slopes[channels + c] = (float)(-slope * inverse * inverse * product / n);
    gradient->slopes[2 * channels + c] = (float)(-slope * sum / n);
}

void rn_batch_norm_sums(const rn_context *context, const rn_norm_gradient *gradient, void *workspace)
{
    reduction job = reduction_of(context, &gradient->y, workspace);

    job.g = &gradient->g;
    job.z = gradient->z;
    job.y = &gradient->y;
    job.mean = gradient->mean;
    job.scale = gradient->scale;
    job.shift = gradient->shift;
    reduce(context, &job, take_gradient_sums);
    add_chunks(&job);
    for (int64_t c = 0; c < job.channels; c++)
        finish_channel(gradient, c, job.channels, job.partials[c], job.partials[job.channels + c], (double)job.rows);
}

/* ---- sums of channels -------------------------------------------------------------------------------------------- */

static void take_column_sums(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const reduction *const job = payload;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const unit u = unit_at(job, i);

        job->kernels->column_sums(u.rows, job->channels, rn_matrix_from(job->g, u.row), u.first);
    }
}

void rn_channel_sums(const rn_context *context, const rn_map *g, float *sums, bool accumulate, void *workspace)
{
    reduction job = reduction_of(context, g, workspace);

    job.g = g;
    job.count = g->c;
    reduce(context, &job, take_column_sums);
    add_chunks(&job);
    for (int64_t c = 0; c < g->c; c++)
        store_gradient(&sums[c], job.partials[c], accumulate);
}
