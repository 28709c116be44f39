/* SPDX-License-Identifier: MIT */
/*
 * times.jsonl: how long each epoch took. Clocks never give the same twice, so times stand beside history.jsonl, which
 * has the same bytes after a resume. An epoch that a run had to train again has two lines, of which the last counts.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/train.h"

#include "base/file.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 1 << 28 }; /* bytes; a million epochs are fewer */

static char *line_text(const rn_train_state *state, const rn_history_row *row, const rn_times *times)
{
    rn_json *object = rn_json_new_object();
    char *text = NULL;

    if (object != NULL && rn_json_set_string(object, "phase", state->phase[row->phase].name) &&
        rn_json_set_number(object, "epoch", row->epoch + 1.0) &&
        rn_json_set_number(object, "seconds", times->seconds) &&
        rn_json_set_number(object, "loading_seconds", times->loading_seconds) &&
        rn_json_set_number(object, "images_per_second", times->images_per_second) &&
        (!times->exchanges || (rn_json_set_number(object, "exchange_seconds", times->exchange_seconds) &&
                               rn_json_set_number(object, "exchange_waited", times->exchange_waited))))
        text = rn_json_text(object);
    rn_json_destroy(object);
    return text;
}

/* Replaces the file by what it held, unless a run begins, and one line more. */
static rn_status write_file(const char *path, const void *before, size_t nbytes, const char *line,
                            const rn_allocator *allocator, rn_message *message)
{
    rn_replacement *file;
    const rn_status status = rn_file_replace_begin(&file, allocator, path, message);

    if (status != RN_OK)
        return status;
    rn_file_replace_write(file, before, nbytes); /* an error stays until commit */
    rn_file_replace_write(file, line, strlen(line));
    rn_file_replace_write(file, "\n", 1);
    return rn_file_replace_commit(file, message);
}

static const char epoch_key[] = "\"epoch\":";

/* Copies the lines with every epoch raised by one. */
static void write_raised(rn_replacement *file, const char *text)
{
    const char *at = text, *found;

    /* A quote within a phase's name is escaped, so that the key stands nowhere else. */
    while ((found = strstr(at, epoch_key)) != NULL) {
        char number[32];
        char *end;
        const long long epoch = strtoll(found + strlen(epoch_key), &end, 10);

        snprintf(number, sizeof number, "%lld", epoch < INT32_MAX ? epoch + 1 : epoch);
        rn_file_replace_write(file, at, (size_t)(found - at) + strlen(epoch_key)); /* an error stays until commit */
        rn_file_replace_write(file, number, strlen(number));
        at = end;
    }
    rn_file_replace_write(file, at, strlen(at));
}

rn_status rn_times_modernise(const char *path, const rn_allocator *allocator, rn_message *message)
{
    void *text = NULL;
    const char *first;
    size_t nbytes;
    rn_replacement *file;
    rn_status status;

    if (access(path, F_OK) != 0)
        return RN_OK;
    status = rn_file_read(&text, &nbytes, allocator, path, LIMIT, message);
    if (status != RN_OK)
        return status;
    first = strstr(text, epoch_key);
    if (first != NULL && strncmp(first, "\"epoch\":0,", 10) == 0) {
        status = rn_file_replace_begin(&file, allocator, path, message);
        if (status == RN_OK) {
            write_raised(file, text);
            status = rn_file_replace_commit(file, message);
        }
    }
    rn_release(allocator, text);
    return status;
}

rn_status rn_times_add(const rn_train_state *state, const rn_history_row *row, const rn_times *times, const char *path,
                       const rn_allocator *allocator, rn_message *message)
{
    char *const line = line_text(state, row, times);
    void *before = NULL;
    size_t nbytes = 0;
    rn_status status = RN_OK;

    if (line == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a line of %s", path);
    if (state->row_count > 1 && access(path, F_OK) == 0)
        status = rn_file_read(&before, &nbytes, allocator, path, LIMIT, message);
    if (status == RN_OK)
        status = write_file(path, before, nbytes, line, allocator, message);
    rn_release(allocator, before);
    rn_json_release_text(line);
    return status;
}
