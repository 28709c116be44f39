/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "report/run.h"

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "store/store.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const size_t max_history = (size_t)256 << 20; /* bytes; a million epochs are fewer */

/* ---- a line ------------------------------------------------------------------------------------------------------ */

static double number_of(const rn_json *line, const char *name)
{
    double value;

    return rn_json_number(&value, rn_json_member(line, name)) ? value : NAN;
}

/* The phase of that name, or NULL; the last first, since it is nearly always that one. */
static rn_run_phase *find_phase(const rn_run *run, const char *name)
{
    for (size_t i = run->phase_count; i-- > 0;)
        if (strcmp(run->phase[i].name, name) == 0)
            return &run->phase[i];
    return NULL;
}

static rn_status add_phase(rn_run *run, const char *name, const rn_allocator *allocator, rn_message *message)
{
    enum { PHASES = 1000 }; /* as many as a trainer takes */
    rn_run_phase phase = { .first = run->count };

    if (run->phase_count == PHASES)
        return rn_fail(message, RN_FORMAT, "over %d phases", (int)PHASES);
    if (run->phase_count == run->phase_capacity) {
        const size_t capacity = run->phase_capacity * 2 + 4;
        rn_run_phase *const grown = rn_grow_array(allocator, run->phase, run->phase_count, capacity, sizeof *grown);

        if (grown == NULL)
            return rn_fail(message, RN_NO_MEMORY, "no memory for the phases of a run");
        run->phase = grown;
        run->phase_capacity = capacity;
    }
    phase.name = rn_copy_string(allocator, name);
    if (phase.name == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for the phases of a run");
    run->phase[run->phase_count++] = phase;
    return RN_OK;
}

static rn_status add_epoch(rn_run *run, const rn_epoch *epoch, const rn_allocator *allocator, rn_message *message)
{
    if (run->count == run->capacity) {
        const size_t capacity = run->capacity * 2 + 64;
        rn_epoch *const grown = rn_grow_array(allocator, run->epoch, run->count, capacity, sizeof *grown);

        if (grown == NULL)
            return rn_fail(message, RN_NO_MEMORY, "no memory for the epochs of a run");
        run->epoch = grown;
        run->capacity = capacity;
    }
    if (epoch->is_best)
        run->best = run->count;
    run->epoch[run->count++] = *epoch;
    return RN_OK;
}

/* Takes a line of either file. */
typedef rn_status (*line_function)(rn_run *run, const rn_json *line, const char *phase, int64_t epoch,
                                   const rn_allocator *allocator, rn_message *message);

static rn_status take_history(rn_run *run, const rn_json *line, const char *phase, int64_t epoch,
                              const rn_allocator *allocator, rn_message *message)
{
    rn_epoch row = {
        .epoch = epoch,
        .train_loss = number_of(line, "train_loss"),
        .train_accuracy = number_of(line, "train_accuracy"),
        .valid_loss = number_of(line, "valid_loss"),
        .valid_accuracy = number_of(line, "valid_accuracy"),
        .lr = number_of(line, "lr"),
        .is_best = number_of(line, "best") == 1,
        .seconds = NAN,
        .loading = NAN,
        .rate = NAN,
    };
    rn_status status = RN_OK;

    if (find_phase(run, phase) == NULL)
        status = add_phase(run, phase, allocator, message);
    if (status != RN_OK)
        return status;
    row.phase = (size_t)(find_phase(run, phase) - run->phase);
    return add_epoch(run, &row, allocator, message);
}

/* The epochs of a phase follow one another. Lines that belong to none are passed over. */
static rn_status take_times(rn_run *run, const rn_json *line, const char *phase, int64_t epoch,
                            const rn_allocator *allocator, rn_message *message)
{
    const rn_run_phase *const known = find_phase(run, phase);
    rn_epoch *row;

    (void)allocator;
    (void)message;
    if (known == NULL || epoch < run->epoch[known->first].epoch ||
        (uint64_t)(epoch - run->epoch[known->first].epoch) >= run->count - known->first)
        return RN_OK;
    row = &run->epoch[known->first + (size_t)(epoch - run->epoch[known->first].epoch)];
    if (row->epoch == epoch && &run->phase[row->phase] == known) {
        row->seconds = number_of(line, "seconds");
        row->loading = number_of(line, "loading_seconds");
        row->rate = number_of(line, "images_per_second");
    }
    return RN_OK;
}

/* ---- the files --------------------------------------------------------------------------------------------------- */

/* *base: the number of the file's first epoch, 1, or 0 where an older version wrote it; -1: that of this line. */
static rn_status read_line(rn_run *run, int64_t *base, const char *text, size_t nbytes, line_function take,
                           const rn_allocator *allocator, rn_message *message)
{
    rn_json *line = NULL;
    uint64_t epoch;
    const char *phase;
    rn_status status = rn_json_parse(&line, text, nbytes, message);

    if (status != RN_OK)
        return status;
    phase = rn_json_string(rn_json_member(line, "phase"));
    if (phase == NULL || !rn_json_size(&epoch, rn_json_member(line, "epoch")))
        status = rn_fail(message, RN_FORMAT, "no \"phase\" and \"epoch\"");
    else
        *base = *base >= 0 ? *base : epoch > 0;
    if (status == RN_OK && (int64_t)epoch < *base)
        status = rn_fail(message, RN_FORMAT, "epoch 0 in a file that counts from 1");
    if (status == RN_OK)
        status = take(run, line, phase, (int64_t)epoch - *base, allocator, message);
    rn_json_destroy(line);
    return status;
}

static rn_status read_lines(rn_run *run, const char *path, line_function take, const rn_allocator *allocator,
                            rn_message *message)
{
    void *bytes = NULL;
    size_t nbytes = 0, number = 1;
    int64_t base = -1;
    rn_status status = rn_file_read(&bytes, &nbytes, allocator, path, max_history, message);

    for (const char *at = bytes, *end = at + nbytes; status == RN_OK && at < end; number++) {
        const char *const stop = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((stop != NULL ? stop : end) - at);
        rn_message reason;

        status = read_line(run, &base, at, length, take, allocator, &reason);
        if (status != RN_OK)
            rn_fail(message, status, "%s, line %zu: %s", path, number, reason.text);
        at += length + (stop != NULL);
    }
    rn_release(allocator, bytes);
    return status;
}

static rn_status read_state(rn_run *run, rn_context *context, const char *path)
{
    rn_checkpoint *file = NULL;
    rn_status status = rn_checkpoint_open(&file, context, path, NULL);
    const char *const text = status == RN_OK ? rn_training_state_text(file) : NULL;

    if (status == RN_OK && text == NULL)
        status = rn_fail(&context->message, RN_FORMAT, "%s is not a training file", path);
    if (status == RN_OK)
        status = rn_json_parse(&run->state, text, strlen(text), &context->message);
    rn_checkpoint_destroy(file);
    return status;
}

static rn_status read_config(rn_run *run, const char *path, const rn_allocator *allocator, rn_message *message)
{
    enum { MOST_BYTES = 1 << 20 };
    rn_message reason;
    void *bytes = NULL;
    size_t nbytes = 0;
    rn_status status = rn_file_read(&bytes, &nbytes, allocator, path, MOST_BYTES, message);

    if (status != RN_OK)
        return status;
    status = rn_json_parse(&run->config, bytes, nbytes, &reason);
    rn_release(allocator, bytes);
    return status == RN_OK ? RN_OK : rn_fail(message, status, "%s: %s", path, reason.text);
}

rn_status rn_run_read(rn_run *run, rn_context *context, const char *directory)
{
    const rn_allocator *const allocator = &context->allocator;
    rn_message *const message = &context->message;
    char *const history = rn_path_join(allocator, directory, "history.jsonl");
    char *const times = rn_path_join(allocator, directory, "times.jsonl");
    char *const last = rn_path_join(allocator, directory, "last.safetensors");
    char *const config = rn_path_join(allocator, directory, "config.json");
    rn_status status = RN_OK;

    *run = (rn_run){ .best = SIZE_MAX };
    if (history == NULL || times == NULL || last == NULL || config == NULL) {
        status = rn_fail(message, RN_NO_MEMORY, "no memory for the paths in %s", directory);
    } else {
        const bool has_state = access(last, F_OK) == 0;

        if (!has_state || access(history, F_OK) == 0)
            status = read_lines(run, history, take_history, allocator, message);
        if (status == RN_OK && access(times, F_OK) == 0)
            status = read_lines(run, times, take_times, allocator, message);
        if (status == RN_OK && has_state)
            status = read_state(run, context, last);
        if (status == RN_OK && access(config, F_OK) == 0)
            status = read_config(run, config, allocator, message);
    }
    rn_release(allocator, history);
    rn_release(allocator, times);
    rn_release(allocator, last);
    rn_release(allocator, config);
    if (status != RN_OK)
        rn_run_release(run, allocator);
    return status;
}

void rn_run_release(rn_run *run, const rn_allocator *allocator)
{
    for (size_t i = 0; i < run->phase_count; i++)
        rn_release(allocator, run->phase[i].name);
    rn_release(allocator, run->phase);
    rn_release(allocator, run->epoch);
    rn_json_destroy(run->config);
    rn_json_destroy(run->state);
    *run = (rn_run){ .best = SIZE_MAX };
}

size_t rn_run_stride(const rn_run *run)
{
    enum { SHOWN = 400 };

    return run->count / SHOWN + (run->count % SHOWN != 0);
}

bool rn_run_shows(const rn_run *run, size_t index)
{
    return index % rn_run_stride(run) == 0 || index + 1 == run->count || index == run->best;
}
