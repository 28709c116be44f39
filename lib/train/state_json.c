/* SPDX-License-Identifier: MIT */
/*
 * The state of a run as JSON text. Numbers are written so that they come back exactly (base/json.h); 64-bit integers,
 * which JSON's numbers cannot hold, as 16 hexadecimal digits. state_json_read.c reads it.
 */
#include "train/train.h"

#include "base/json.h"
#include <inttypes.h>
#include <stdio.h>

/* After the first failure nothing more is done. */
typedef struct writer {
    rn_json *object;
    bool ok;
} writer;

static writer writer_begin(void)
{
    writer w = { rn_json_new_object(), true };

    w.ok = w.object != NULL;
    return w;
}

static void put_bits(writer *w, const char *name, uint64_t bits)
{
    char digits[17];

    snprintf(digits, sizeof digits, "%016" PRIx64, bits);
    w->ok = w->ok && rn_json_set_string(w->object, name, digits);
}

static void put_double(writer *w, const char *name, double value)
{
    w->ok = w->ok && rn_json_set_number(w->object, name, value);
}

static void put_count(writer *w, const char *name, int64_t count)
{
    put_double(w, name, (double)count);
}

static void put_string(writer *w, const char *name, const char *value)
{
    w->ok = w->ok && rn_json_set_string(w->object, name, value);
}

/* Takes the inner writer's object over, whatever happens. */
static void put_object(writer *w, const char *name, writer inner)
{
    if (w->ok && inner.ok)
        w->ok = rn_json_set(w->object, name, inner.object);
    else {
        rn_json_destroy(inner.object);
        w->ok = false;
    }
}

static writer phase_writer(const rn_train_state *state, size_t index)
{
    const rn_phase *phase = &state->phase[index];
    writer w = writer_begin();

    put_string(&w, "name", phase->name);
    put_double(&w, "lr", phase->lr);
    put_double(&w, "lr_gamma", phase->lr_gamma);
    put_double(&w, "weight_decay", phase->weight_decay);
    put_double(&w, "momentum", phase->momentum);
    put_double(&w, "clip_norm", phase->clip_norm);
    put_count(&w, "lr_step_epochs", phase->lr_step_epochs);
    put_count(&w, "epochs", phase->epochs);
    put_count(&w, "optimizer", phase->optimizer);
    put_bits(&w, "trainable", phase->trainable);
    put_count(&w, "complete", phase->complete);
    put_count(&w, "done", phase->done);
    if (phase->schedule != 0)
        put_bits(&w, "schedule", phase->schedule);
    if (phase->groups != 0)
        put_bits(&w, "groups", phase->groups);
    if (phase->loss != 0)
        put_bits(&w, "loss", phase->loss);
    return w;
}

static writer row_writer(const rn_train_state *state, size_t index)
{
    const rn_history_row *row = &state->row[index];
    writer w = writer_begin();

    put_count(&w, "phase", (int64_t)row->phase);
    put_count(&w, "epoch", row->epoch);
    put_double(&w, "train_loss", row->train_loss);
    put_double(&w, "train_accuracy", row->train_accuracy);
    put_double(&w, "valid_loss", row->valid_loss);
    put_double(&w, "valid_accuracy", row->valid_accuracy);
    put_double(&w, "lr", row->lr);
    put_count(&w, "best", row->is_best);
    return w;
}

static writer best_writer(const rn_best *best)
{
    writer w = writer_begin();

    put_bits(&w, "id", best->id);
    put_double(&w, "accuracy", best->accuracy);
    put_double(&w, "loss", best->loss);
    put_count(&w, "phase", (int64_t)best->phase);
    put_count(&w, "epoch", best->epoch);
    return w;
}

static writer sums_writer(const rn_metrics *sums)
{
    writer w = writer_begin();

    put_double(&w, "loss", sums->loss);
    put_count(&w, "correct", sums->correct);
    put_count(&w, "count", sums->count);
    return w;
}

/* An array of `count` objects. */
static void put_array(writer *w, const char *name, const rn_train_state *state, size_t count,
                      writer (*item)(const rn_train_state *, size_t))
{
    rn_json *array = rn_json_new_array();
    bool ok = array != NULL;

    for (size_t i = 0; ok && i < count; i++) {
        const writer one = item(state, i);

        ok = one.ok && rn_json_append(array, one.object);
        if (!one.ok)
            rn_json_destroy(one.object);
    }
    put_object(w, name, (writer){ array, ok });
}

/* The writer's object as text; the object goes in any case. */
static rn_status writer_end(char **text, writer w, rn_message *message)
{
    *text = w.ok ? rn_json_text(w.object) : NULL;
    rn_json_destroy(w.object);
    return *text != NULL ? RN_OK : rn_fail(message, RN_NO_MEMORY, "no memory for the state of the training");
}

rn_status rn_train_state_write(char **text, const rn_train_state *state, rn_message *message)
{
    writer w = writer_begin();

    put_count(&w, "version", RN_STATE_VERSION);
    put_string(&w, "network", state->network);
    put_string(&w, "pipeline", state->pipeline);
    put_string(&w, "training_pipeline", state->training_pipeline);
    put_bits(&w, "seed", state->seed);
    put_bits(&w, "train_photos", state->train_photos);
    put_bits(&w, "valid_photos", state->valid_photos);
    put_count(&w, "batch_size", state->batch_size);
    if (state->bfloat16)
        put_count(&w, "bfloat16", 1);
    if (state->balanced)
        put_count(&w, "balanced", 1);
    if (state->slices != 0)
        put_count(&w, "slices", state->slices);
    if (state->views != 0)
        put_count(&w, "views", state->views);
    put_array(&w, "phases", state, state->phase_count, phase_writer);
    put_count(&w, "epoch", state->epoch);
    put_count(&w, "batch", state->batch);
    put_object(&w, "sums", sums_writer(&state->sums));
    put_bits(&w, "step_count", state->step_count);
    if (state->best.exists)
        put_object(&w, "best", best_writer(&state->best));
    put_array(&w, "history", state, state->row_count, row_writer);
    return writer_end(text, w, message);
}

rn_status rn_best_write(char **text, const rn_train_state *state, rn_message *message)
{
    const rn_best *best = &state->best;
    writer w = writer_begin();

    put_bits(&w, "id", best->id);
    put_string(&w, "phase", state->phase[best->phase].name);
    put_count(&w, "epoch", best->epoch);
    put_double(&w, "accuracy", best->accuracy);
    put_double(&w, "loss", best->loss);
    return writer_end(text, w, message);
}
