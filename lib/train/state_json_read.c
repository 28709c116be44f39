/* SPDX-License-Identifier: MIT */
/*
 * The state of a run from its JSON text (state_json.c writes it). Reading trusts nothing: a file may come from anywhere.
 * What does not fit together is RN_FORMAT.
 */
#include "train/train.h"

#include "base/json.h"
#include <math.h>
#include <string.h>

/* After the first thing that is missing or wrong `ok` is false, and what is given is 0. */
typedef struct reader {
    const rn_json *object;
    bool ok;
} reader;

static uint64_t take_bits(reader *r, const char *name)
{
    const char *digits = rn_json_string(rn_json_member(r->object, name));
    uint64_t bits = 0;

    if (digits == NULL || strlen(digits) != 16 || strspn(digits, "0123456789abcdef") != 16) {
        r->ok = false;
        return 0;
    }
    for (int i = 0; i < 16; i++)
        bits = bits << 4 | (uint64_t)(digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
    return bits;
}

/* 0 where there are none. */
static uint64_t take_known_bits(reader *r, const char *name)
{
    return rn_json_member(r->object, name) != NULL ? take_bits(r, name) : 0;
}

static double take_double(reader *r, const char *name)
{
    double value;

    if (rn_json_number(&value, rn_json_member(r->object, name)) && isfinite(value))
        return value;
    r->ok = false;
    return 0;
}

static int64_t take_count(reader *r, const char *name, uint64_t limit)
{
    uint64_t count;

    if (rn_json_size(&count, rn_json_member(r->object, name)) && count <= limit)
        return (int64_t)count;
    r->ok = false;
    return 0;
}

static char *take_string(reader *r, const char *name, const rn_allocator *allocator, rn_status *status)
{
    const char *text = rn_json_string(rn_json_member(r->object, name));
    char *copy = NULL;

    if (text == NULL)
        r->ok = false;
    else if ((copy = rn_copy_string(allocator, text)) == NULL)
        *status = RN_NO_MEMORY;
    return copy;
}

static bool read_phase(rn_phase *phase, const rn_json *item)
{
    reader r = { item, true };
    const char *name = rn_json_string(rn_json_member(item, "name"));

    *phase = (rn_phase){
        .lr = take_double(&r, "lr"),
        .lr_gamma = take_double(&r, "lr_gamma"),
        .weight_decay = take_double(&r, "weight_decay"),
        .momentum = take_double(&r, "momentum"),
        .clip_norm = take_double(&r, "clip_norm"),
        .lr_step_epochs = take_count(&r, "lr_step_epochs", RN_STATE_EPOCHS),
        .epochs = (int32_t)take_count(&r, "epochs", RN_STATE_EPOCHS),
        .optimizer = (int32_t)take_count(&r, "optimizer", RN_OPTIMIZER_RMSPROP),
        .trainable = take_bits(&r, "trainable"),
        .complete = take_count(&r, "complete", 1) != 0,
        .done = (int32_t)take_count(&r, "done", RN_STATE_EPOCHS),
        .schedule = take_known_bits(&r, "schedule"),
        .groups = take_known_bits(&r, "groups"),
        .loss = take_known_bits(&r, "loss"),
        .name = (char *)name, /* copied by whoever keeps the phase */
    };
    return r.ok && name != NULL && *name != '\0' && phase->done <= phase->epochs;
}

static rn_status read_phases(rn_train_state *state, const rn_json *array, const rn_allocator *allocator,
                             rn_message *message)
{
    rn_status status = RN_OK;

    if (!rn_json_is_array(array))
        return rn_fail(message, RN_FORMAT, "the training state has no phases");
    for (const rn_json *item = rn_json_first(array); item != NULL && status == RN_OK; item = rn_json_next(item)) {
        rn_phase phase;

        if (state->phase_count == RN_STATE_PHASES)
            return rn_fail(message, RN_FORMAT, "the training state has more than %d phases", RN_STATE_PHASES);
        if (rn_train_state_open_phase(state) != NULL)
            return rn_fail(message, RN_FORMAT, "the training state has a phase after one that is not complete");
        if (!read_phase(&phase, item) || rn_train_state_find_phase(state, phase.name) != NULL)
            return rn_fail(message, RN_FORMAT, "phase %zu of the training state makes no sense", state->phase_count);
        status = rn_train_state_add_phase(state, &phase, allocator, message);
    }
    return status;
}

static rn_status read_rows(rn_train_state *state, const rn_json *array, const rn_allocator *allocator,
                           rn_message *message)
{
    rn_status status = RN_OK;

    if (!rn_json_is_array(array))
        return rn_fail(message, RN_FORMAT, "the training state has no history");
    for (const rn_json *item = rn_json_first(array); item != NULL && status == RN_OK; item = rn_json_next(item)) {
        reader r = { item, true };
        const rn_history_row row = {
            .train_loss = take_double(&r, "train_loss"),
            .train_accuracy = take_double(&r, "train_accuracy"),
            .valid_loss = take_double(&r, "valid_loss"),
            .valid_accuracy = take_double(&r, "valid_accuracy"),
            .lr = take_double(&r, "lr"),
            .phase = (size_t)take_count(&r, "phase", state->phase_count),
            .epoch = (int32_t)take_count(&r, "epoch", RN_STATE_EPOCHS),
            .is_best = take_count(&r, "best", 1) != 0,
        };

        if (state->row_count == RN_STATE_ROWS)
            return rn_fail(message, RN_FORMAT, "the training state has more than %d rows of history", RN_STATE_ROWS);
        if (!r.ok || row.phase >= state->phase_count)
            return rn_fail(message, RN_FORMAT, "row %zu of the training state's history makes no sense",
                           state->row_count);
        status = rn_train_state_add_row(state, &row, allocator, message);
    }
    return status;
}

static bool read_best(rn_best *best, const rn_json *object, size_t phase_count)
{
    reader r = { object, true };

    if (object == NULL)
        return true; /* no epoch has ended yet */
    *best = (rn_best){
        .id = take_bits(&r, "id"),
        .accuracy = take_double(&r, "accuracy"),
        .loss = take_double(&r, "loss"),
        .phase = (size_t)take_count(&r, "phase", phase_count),
        .epoch = (int32_t)take_count(&r, "epoch", RN_STATE_EPOCHS),
        .exists = true,
    };
    return r.ok && best->phase < phase_count;
}

/* Where in the open phase the run is; all zero where none is open. */
static bool read_place(rn_train_state *state, const rn_json *object)
{
    const rn_phase *open = rn_train_state_open_phase(state);
    reader r = { object, true }, sums = { rn_json_member(object, "sums"), true };

    state->epoch = (int32_t)take_count(&r, "epoch", open != NULL ? (uint64_t)open->epochs : 0);
    state->batch = take_count(&r, "batch", open != NULL ? INT64_MAX : 0);
    state->step_count = take_bits(&r, "step_count");
    state->sums.loss = take_double(&sums, "loss");
    state->sums.count = take_count(&sums, "count", INT64_MAX);
    state->sums.correct = take_count(&sums, "correct", (uint64_t)state->sums.count);
    return r.ok && sums.ok;
}

static rn_status read_run(rn_train_state *state, const rn_json *object, const rn_allocator *allocator,
                          rn_message *message)
{
    reader r = { object, true };
    rn_status status = RN_OK;

    if (take_count(&r, "version", RN_STATE_VERSION) != RN_STATE_VERSION)
        return rn_fail(message, RN_FORMAT, "the training state has no version that is known here");
    state->network = take_string(&r, "network", allocator, &status);
    state->pipeline = take_string(&r, "pipeline", allocator, &status);
    state->training_pipeline = take_string(&r, "training_pipeline", allocator, &status);
    state->seed = take_bits(&r, "seed");
    state->train_photos = take_bits(&r, "train_photos");
    state->valid_photos = take_bits(&r, "valid_photos");
    state->batch_size = (int32_t)take_count(&r, "batch_size", INT32_MAX);
    state->bfloat16 = rn_json_member(object, "bfloat16") != NULL && take_count(&r, "bfloat16", 1) == 1;
    state->balanced = rn_json_member(object, "balanced") != NULL && take_count(&r, "balanced", 1) == 1;
    if (rn_json_member(object, "slices") != NULL)
        state->slices = (int32_t)take_count(&r, "slices", RN_TEAM_LIMIT);
    if (rn_json_member(object, "views") != NULL)
        state->views = (int32_t)take_count(&r, "views", RN_STATE_VIEWS);
    if (status != RN_OK)
        return rn_fail(message, status, "no memory for the state of the training");
    return r.ok ? RN_OK : rn_fail(message, RN_FORMAT, "the training state does not say which run it is of");
}

rn_status rn_train_state_read(rn_train_state *state, const char *text, const rn_allocator *allocator,
                              rn_message *message)
{
    rn_json *object = NULL;
    rn_status status;

    memset(state, 0, sizeof *state);
    status = rn_json_parse(&object, text, strlen(text), message);
    if (status == RN_OK && !rn_json_is_object(object))
        status = rn_fail(message, RN_FORMAT, "the training state is not a JSON object");
    if (status == RN_OK)
        status = read_run(state, object, allocator, message);
    if (status == RN_OK)
        status = read_phases(state, rn_json_member(object, "phases"), allocator, message);
    if (status == RN_OK)
        status = read_rows(state, rn_json_member(object, "history"), allocator, message);
    if (status == RN_OK &&
        (!read_best(&state->best, rn_json_member(object, "best"), state->phase_count) || !read_place(state, object)))
        status = rn_fail(message, RN_FORMAT, "the training state does not fit together");
    rn_json_destroy(object);
    if (status != RN_OK)
        rn_train_state_release(state, allocator);
    return status;
}

rn_status rn_best_read(uint64_t *id, char **phase, int32_t *epoch, const char *text, const rn_allocator *allocator,
                       rn_message *message)
{
    rn_json *object = NULL;
    rn_status status = rn_json_parse(&object, text, strlen(text), message);
    reader r = { object, true };

    *phase = NULL;
    if (status != RN_OK)
        return status;
    *id = take_bits(&r, "id");
    *epoch = (int32_t)take_count(&r, "epoch", RN_STATE_EPOCHS);
    *phase = take_string(&r, "phase", allocator, &status);
    if (status == RN_OK && !r.ok)
        status = rn_fail(message, RN_FORMAT, "it does not say which weights it holds");
    rn_json_destroy(object);
    if (status != RN_OK) {
        rn_release(allocator, *phase);
        *phase = NULL;
    }
    return status;
}
