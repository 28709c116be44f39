/* SPDX-License-Identifier: MIT */
#include "train/slices.h"

#include "train/statistics.h"
#include "train/tree.h"

#include <string.h>

/* What a process says of a batch: itself, then each of its slices. Eight bytes a number: no gaps. */
typedef struct process_report {
    int64_t status, reading; /* it failed while photos were read */
    int64_t trainable;       /* elements */
} process_report;

typedef struct slice_report {
    double loss; /* summed over photos */
    int64_t correct, count, skipped;
} slice_report;

struct rn_slices {
    rn_team *team;   /* borrowed */
    rn_model *model; /* borrowed */
    int32_t count;   /* in all */
    int32_t own;     /* of this process, from slice rank * own on */
    rn_tree tree;
    bool waits;           /* the last own slice is about to go back */
    char *before, *after; /* running statistics: before the batch, and after slice 0 */
    char *reports;        /* of all processes */
    size_t report_bytes;  /* of one */
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static rn_status allocate(rn_slices *slices)
{
    const rn_allocator *const allocator = &slices->team->context->allocator;
    rn_parameters *const parameters = rn_model_parameters(slices->model);
    const size_t bytes = rn_statistics_bytes(parameters) + 1; /* a network may have none */

    slices->report_bytes = sizeof(process_report) + (size_t)slices->own * sizeof(slice_report);
    slices->before = rn_allocate(allocator, bytes);
    slices->after = rn_allocate(allocator, bytes);
    slices->reports = rn_allocate_zeroed(allocator, (size_t)slices->team->engine.size, slices->report_bytes);
    if (slices->before == NULL || slices->after == NULL || slices->reports == NULL)
        return rn_fail(&slices->team->context->message, RN_NO_MEMORY, "no memory to train in slices");
    return rn_tree_create(&slices->tree, slices->team, parameters, slices->own);
}

rn_status rn_slices_create(rn_slices **slices, rn_model *model, rn_team *team, int32_t count)
{
    rn_message *const message = &team->context->message;
    rn_slices *made;
    rn_status status;

    *slices = NULL;
    if (count < 1 || count > RN_TEAM_LIMIT || (count & (count - 1)) != 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d slices: their number has to be a power of two, and at most %d",
                       (int)count, RN_TEAM_LIMIT);
    if (team->engine.size > count)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d processes for %d slices of a batch: at most one a slice",
                       (int)team->engine.size, (int)count);
    made = rn_allocate_zeroed(&team->context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory to train in slices");
    *made = (rn_slices){ .team = team, .model = model, .count = count, .own = count / team->engine.size };
    status = allocate(made);
    if (status == RN_OK)
        *slices = made;
    else
        rn_slices_destroy(made);
    return status;
}

void rn_slices_destroy(rn_slices *slices)
{
    const rn_allocator *allocator;

    if (slices == NULL)
        return;
    allocator = &slices->team->context->allocator;
    rn_tree_release(&slices->tree);
    rn_release(allocator, slices->before);
    rn_release(allocator, slices->after);
    rn_release(allocator, slices->reports);
    rn_release(allocator, slices);
}

/* ---- who has what ------------------------------------------------------------------------------------------------ */

static size_t slice_begin(const rn_slices *slices, int32_t slice, size_t positions)
{
    return (positions * (size_t)slice + (size_t)slices->count - 1) / (size_t)slices->count;
}

bool rn_slices_share(size_t batch, size_t position, size_t positions, const void *payload)
{
    const rn_slices *const slices = payload;
    const int32_t first = slices->team->engine.rank * slices->own;

    (void)batch;
    return position >= slice_begin(slices, first, positions) &&
           position < slice_begin(slices, first + slices->own, positions);
}

static process_report *report_of(const rn_slices *slices, int32_t process)
{
    return (process_report *)(void *)(slices->reports + (size_t)process * slices->report_bytes);
}

static slice_report *slice_reports(const rn_slices *slices, int32_t process)
{
    return (slice_report *)(void *)(report_of(slices, process) + 1);
}

/* ---- a slice ----------------------------------------------------------------------------------------------------- */

/* Where slice `slice` lies among the photos of the batch that are left. */
static void find_rows(size_t *begin, size_t *count, const rn_slices *slices, const rn_batch *batch, int32_t slice)
{
    const size_t positions = rn_batch_positions(batch), size = rn_batch_size(batch);
    const size_t first = slice_begin(slices, slice, positions), end = slice_begin(slices, slice + 1, positions);
    size_t i = 0;

    while (i < size && rn_batch_position(batch, i) < first)
        i++;
    *begin = i;
    while (i < size && rn_batch_position(batch, i) < end)
        i++;
    *count = i - *begin;
}

static rn_status run_part(slice_report *report, const rn_slice_job *job, const rn_batch *part)
{
    const rn_tensor *logits;
    rn_ready_batch ready;
    const double size = (double)rn_batch_size(part);
    const double of = (double)(job->step_photos > 0 ? job->step_photos : (int64_t)rn_batch_positions(part));
    rn_metrics sums = { 0 };
    double loss;
    rn_status status = job->prepare(&ready, job->payload, part);

    if (status == RN_OK)
        status = rn_session_forward(job->session, ready.input);
    if (status == RN_OK)
        status = job->loss(&loss, job->payload, ready.targets, size / of);
    if (status == RN_OK)
        status = rn_session_output(&logits, job->session, 0);
    if (status != RN_OK)
        return status;
    rn_metrics_add(&sums, 0, logits, ready.labels);
    report->loss = loss * size;
    report->correct = sums.correct;
    return rn_session_may_go_back(job->session);
}

/* All that may fail by itself has been done for the last slice: its backward comes when all know that nobody failed. */
static rn_status end_part(rn_slices *slices, const rn_slice_job *job, int32_t index, bool empty)
{
    rn_status status = RN_OK;

    if (index + 1 == slices->own) {
        slices->waits = !empty;
        return RN_OK;
    }
    if (!empty)
        status = rn_session_backward(job->session);
    if (status == RN_OK)
        rn_tree_add(&slices->tree, index, empty);
    return status;
}

static rn_status run_own(rn_slices *slices, const rn_slice_job *job, const rn_batch *batch, uint64_t step)
{
    const int32_t first = slices->team->engine.rank * slices->own;
    slice_report *const reports = slice_reports(slices, slices->team->engine.rank);
    rn_status status = rn_tree_begin(&slices->tree, job->adds);

    for (int32_t i = 0; i < slices->own && status == RN_OK; i++) {
        const int32_t slice = first + i;
        const rn_batch *part;
        size_t begin, count;

        find_rows(&begin, &count, slices, batch, slice);
        reports[i].count = (int64_t)count;
        reports[i].skipped = (int64_t)(slice_begin(slices, slice + 1, rn_batch_positions(batch)) -
                                       slice_begin(slices, slice, rn_batch_positions(batch)) - count);
        if (count > 0) {
            rn_session_set_step_count(job->session, step * (uint64_t)slices->count + (uint64_t)slice);
            status = rn_loader_part(&part, job->loader, begin, count);
            if (status == RN_OK)
                status = run_part(&reports[i], job, part);
        }
        if (slice == 0)
            rn_statistics_copy(slices->after, rn_model_parameters(slices->model));
        if (status == RN_OK)
            status = end_part(slices, job, i, count == 0);
    }
    return status;
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

/* What all processes say becomes one answer. */
static rn_status judge(rn_slice_result *result, rn_slices *slices)
{
    const int32_t size = slices->team->engine.size;
    int32_t said[RN_TEAM_LIMIT];

    result->untouched = true;
    for (int32_t p = 0; p < size; p++) {
        said[p] = (int32_t)report_of(slices, p)->status;
        if (said[p] != RN_OK && report_of(slices, p)->reading == 0)
            result->untouched = false;
        if (report_of(slices, p)->trainable == report_of(slices, 0)->trainable)
            continue;
        slices->team->agreed = true;
        result->untouched = false;
        return rn_fail(&slices->team->context->message, RN_STATE,
                       "process %d of %d has other parameters trainable than process 0", (int)p, (int)size);
    }
    return rn_team_settle(slices->team, said);
}

static void add_up(rn_slice_result *result, const rn_slices *slices)
{
    for (int32_t s = 0; s < slices->count; s++) {
        const slice_report *const report = &slice_reports(slices, s / slices->own)[s % slices->own];

        result->sums.loss += report->loss;
        result->sums.correct += report->correct;
        result->sums.count += report->count;
        result->skipped += report->skipped;
    }
}

/* A process whose slices have photos, if another's have none; -1: all have. */
static int32_t who_has_all(const rn_slices *slices)
{
    int32_t with = -1;
    bool without = false;

    for (int32_t p = slices->team->engine.size - 1; p >= 0; p--) {
        int64_t count = 0;

        for (int32_t i = 0; i < slices->own; i++)
            count += slice_reports(slices, p)[i].count;
        with = count > 0 ? p : with;
        without = without || count == 0;
    }
    return without ? with : -1;
}

static rn_status finish(rn_slice_result *result, rn_slices *slices, const rn_slice_job *job, uint64_t step)
{
    rn_parameters *const parameters = rn_model_parameters(slices->model);
    const char *const statistics = rn_team_leads(slices->team) ? slices->after : slices->before;
    rn_status status = RN_OK;

    add_up(result, slices);
    if (result->sums.count > 0 || slices->tree.adds) {
        status = rn_tree_finish(&slices->tree, slices->waits ? job->session : NULL, who_has_all(slices),
                                job->stepper(job->payload, result));
        result->stepped = slices->tree.stepped;
    }
    if (status == RN_OK)
        status = rn_statistics_restore(parameters, statistics, &slices->team->context->message);
    rn_session_set_step_count(job->session, step + (result->sums.count > 0));
    if (status != RN_OK || result->sums.count == 0)
        return status;
    result->exchange_seconds = slices->tree.seconds;
    result->exchange_waited = slices->tree.waited;
    if (result->skipped > 0 && job->step_photos == 0) /* from a mean over all positions to one over the photos left */
        rn_parameters_scale_gradients(
            parameters, (float)((double)(result->sums.count + result->skipped) / (double)result->sums.count));
    return status;
}

/* Everything is as before the batch. */
static void take_back(rn_slices *slices, const rn_slice_job *job, uint64_t step)
{
    rn_parameters *const parameters = rn_model_parameters(slices->model);
    rn_message *const message = &slices->team->context->message;
    const rn_message reason = *message;

    rn_session_enter(job->session, RN_SESSION_EMPTY); /* nothing is pinned any more */
    rn_session_set_step_count(job->session, step);
    if (rn_statistics_restore(parameters, slices->before, message) == RN_OK)
        *message = reason;
    rn_parameters_clear_gradients(parameters);
}

rn_status rn_slices_run(rn_slice_result *result, rn_slices *slices, const rn_slice_job *job, const rn_batch *batch,
                        rn_status read)
{
    rn_parameters *const parameters = rn_model_parameters(slices->model);
    process_report *const own = report_of(slices, slices->team->engine.rank);
    const uint64_t step = rn_session_step_count(job->session);
    rn_status status;

    *result = (rn_slice_result){ 0 };
    slices->waits = false;
    memset(own, 0, slices->report_bytes);
    own->trainable = rn_parameters_elements(parameters, 1);
    own->reading = read != RN_OK;
    rn_statistics_copy(slices->before, parameters);
    rn_statistics_copy(slices->after, parameters);
    own->status = read != RN_OK ? read : run_own(slices, job, batch, step);
    status = rn_team_gather(slices->team, slices->reports, slices->report_bytes);
    result->untouched = status != RN_OK && own->status == RN_OK; /* a process was lost */
    if (status == RN_OK)
        status = judge(result, slices);
    if (status == RN_OK) {
        status = finish(result, slices, job, step);
        result->untouched = status != RN_OK && !result->stepped;
    }
    if (status != RN_OK && result->untouched)
        take_back(slices, job, step);
    return status;
}

rn_status rn_slices_share_statistics(rn_slices *slices)
{
    rn_parameters *const parameters = rn_model_parameters(slices->model);
    rn_status status;

    rn_statistics_copy(slices->before, parameters);
    status = rn_team_broadcast(slices->team, 0, slices->before, rn_statistics_bytes(parameters));
    return status == RN_OK ? rn_statistics_restore(parameters, slices->before, &slices->team->context->message)
                           : status;
}
