/* SPDX-License-Identifier: MIT */
/*
 * history.jsonl: one JSON object an epoch, which is counted from 1 as for people. It is written anew from the state
 * after each epoch, so it can always be had back from last.safetensors and a run that was killed in between leaves
 * nothing double or missing.
 */
#include "train/train.h"

#include "base/file.h"
#include "base/json.h"
#include <string.h>

static char *row_text(const rn_train_state *state, const rn_history_row *row)
{
    rn_json *object = rn_json_new_object();
    char *text = NULL;

    if (object != NULL && rn_json_set_string(object, "phase", state->phase[row->phase].name) &&
        rn_json_set_number(object, "epoch", row->epoch + 1.0) &&
        rn_json_set_number(object, "train_loss", row->train_loss) &&
        rn_json_set_number(object, "train_accuracy", row->train_accuracy) &&
        rn_json_set_number(object, "valid_loss", row->valid_loss) &&
        rn_json_set_number(object, "valid_accuracy", row->valid_accuracy) &&
        rn_json_set_number(object, "lr", row->lr) && rn_json_set_number(object, "best", row->is_best))
        text = rn_json_text(object);
    rn_json_destroy(object);
    return text;
}

rn_status rn_history_write(const rn_train_state *state, const char *path, const rn_allocator *allocator,
                           rn_message *message)
{
    rn_replacement *file;
    rn_status status = rn_file_replace_begin(&file, allocator, path, message);

    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < state->row_count; i++) {
        char *text = row_text(state, &state->row[i]);

        if (text == NULL) {
            rn_file_replace_abandon(file);
            return rn_fail(message, RN_NO_MEMORY, "no memory for a line of %s", path);
        }
        rn_file_replace_write(file, text, strlen(text)); /* an error stays until commit */
        rn_file_replace_write(file, "\n", 1);
        rn_json_release_text(text);
    }
    return rn_file_replace_commit(file, message);
}
