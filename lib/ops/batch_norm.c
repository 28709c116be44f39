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
 * that bits depend on the number of rows only. A unit of work is a chunk and a range of channels: several ranges, since
 * the last layers of a network have few rows and many channels.
 */
#include "ops/batch_norm.h"

#include "ops/integers.h"
#include "ops/matrix.h"

enum { CHUNK_ROWS = 512, RANGE = 128 };

/* Two numbers for each chunk and channel. */
size_t rn_batch_norm_workspace(const rn_context *context, int64_t rows, int64_t channels)
{
    size_t numbers, nbytes;

    (void)context;
    if (!rn_size_multiply(&numbers, (size_t)rn_divide_up(rows, CHUNK_ROWS) * 2, (size_t)channels) ||
        !rn_size_multiply(&nbytes, numbers, sizeof(double)))
        return SIZE_MAX;
    return nbytes;
}

typedef struct reduction {
    const rn_row_kernels *kernels;
    const rn_map *g, *z, *y; /* those that there are */
    const float *mean;
    double *partials; /* [chunk][2][channels] */
    int64_t rows, channels, chunks, ranges;
} reduction;

static reduction reduction_of(const rn_context *context, const rn_map *map, void *workspace)
{
    const int64_t rows = rn_map_rows(map);

    return (reduction){
        .kernels = context->kernels->rows,
        .partials = workspace,
        .rows = rows,
        .channels = map->c,
        .chunks = rn_divide_up(rows, CHUNK_ROWS),
        .ranges = rn_divide_up(map->c, RANGE),
    };
}

/* One unit: a chunk of rows, a range of channels. */
typedef struct unit {
    int64_t row, rows, channel, channels;
    double *first, *second;
} unit;

static int64_t rows_of_chunk(const reduction *job, int64_t chunk)
{
    return rn_least(job->rows - chunk * CHUNK_ROWS, CHUNK_ROWS);
}

static unit unit_at(const reduction *job, int64_t index)
{
    const int64_t chunk = index / job->ranges, channel = index % job->ranges * RANGE;
    double *const first = job->partials + chunk * 2 * job->channels + channel;

    return (unit){
        .row = chunk * CHUNK_ROWS,
        .rows = rows_of_chunk(job, chunk),
        .channel = channel,
        .channels = rn_least(job->channels - channel, RANGE),
        .first = first,
        .second = first + job->channels,
    };
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void take_moments(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const reduction *const job = payload;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        const unit u = unit_at(job, i);

        job->kernels->moments(u.rows, u.channels, rn_matrix_part(job->y, u.row, u.channel), u.first, u.second);
    }
}

/*
 * Makes a chunk's sums of (y - first row) and of its square into its mean and M2, the sum of squares around the mean,
 * and merges them into those of the rows before it, which have taken the place of chunk 0: T. Chan, G. Golub, R.
 * LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
 */
static void merge_chunk(const reduction *job, int64_t chunk)
{
    double *const mean = job->partials, *const m2 = mean + job->channels;
    const double *const sums = mean + chunk * 2 * job->channels, *const squares = sums + job->channels;
    const float *const first_row = job->y->data + chunk * CHUNK_ROWS * job->y->pitch;
    const double before = (double)chunk * CHUNK_ROWS, n = (double)rows_of_chunk(job, chunk);
    const double inverse = 1 / n, share = n / (before + n), weight = before * share;

    for (int64_t c = 0; c < job->channels; c++) {
        const double shifted = sums[c] * inverse, own_mean = (double)first_row[c] + shifted;
        const double around = squares[c] - sums[c] * shifted, own_m2 = around < 0 ? 0 : around;
        const double distance = chunk == 0 ? 0 : own_mean - mean[c];

        mean[c] = chunk == 0 ? own_mean : mean[c] + distance * share;
        m2[c] = chunk == 0 ? own_m2 : m2[c] + own_m2 + distance * distance * weight;
    }
}

void rn_batch_norm_statistics(const rn_context *context, const rn_map *y, float *mean, float *variance, void *workspace)
{
    reduction job = reduction_of(context, y, workspace);

    job.y = y;
    rn_parallel(&context->pool, job.chunks * job.ranges, take_moments, &job);
    for (int64_t chunk = 0; chunk < job.chunks; chunk++)
        merge_chunk(&job, chunk);
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
            .g = rn_matrix_part(job->g, u.row, u.channel),
            .z = rn_matrix_part(job->z, u.row, u.channel),
            .y = rn_matrix_part(job->y, u.row, u.channel),
            .mean = job->mean + u.channel,
        };

        job->kernels->gradient_sums(u.rows, u.channels, &operands, u.first, u.second);
    }
}

/* The chunks' numbers are added up in the place of chunk 0: `count` numbers of each chunk. */
static void add_chunks(const reduction *job, int64_t count)
{
    for (int64_t chunk = 1; chunk < job->chunks; chunk++) {
        const double *const partial = job->partials + chunk * 2 * job->channels;

        for (int64_t i = 0; i < count; i++)
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
    rn_parallel(&context->pool, job.chunks * job.ranges, take_gradient_sums, &job);
    add_chunks(&job, 2 * job.channels);
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

        job->kernels->column_sums(u.rows, u.channels, rn_matrix_part(job->g, u.row, u.channel), u.first);
    }
}

void rn_channel_sums(const rn_context *context, const rn_map *g, float *sums, bool accumulate, void *workspace)
{
    reduction job = reduction_of(context, g, workspace);

    job.g = g;
    rn_parallel(&context->pool, job.chunks * job.ranges, take_column_sums, &job);
    add_chunks(&job, g->c);
    for (int64_t c = 0; c < g->c; c++)
        store_gradient(&sums[c], job.partials[c], accumulate);
}
