/* SPDX-License-Identifier: MIT */
#include "store/compare.h"
#include "store/keys.h"

#include <stdio.h>
#include <string.h>

/* ---- parameters ------------------------------------------------------------------------------------------------ */

static rn_status add_difference(rn_load_report *report, const rn_parameter *entry, const rn_tensor *tensor)
{
    char ours[128], theirs[128], text[1536];

    if (rn_tensor_same_shape(entry->value, tensor))
        snprintf(text, sizeof text, "%s (%s in the file)", entry->name, rn_dtype_name(rn_tensor_dtype(tensor)));
    else
        snprintf(text, sizeof text, "%s %s in the file, %s in the model", entry->name,
                 rn_shape_text(theirs, sizeof theirs, rn_tensor_rank(tensor), rn_tensor_shape(tensor)),
                 rn_shape_text(ours, sizeof ours, rn_tensor_rank(entry->value), rn_tensor_shape(entry->value)));
    return rn_load_report_add(report, RN_LOAD_DIFFERENT, text);
}

static rn_status add_loaded(rn_load_report *report, const rn_load_source *source, const rn_parameter *entry,
                            size_t tensor)
{
    const char *const theirs = rn_checkpoint_name(source->names->file, tensor);
    char text[2 * RN_NAME_SIZE];
    const rn_status status = rn_load_report_add(report, RN_LOAD_LOADED, entry->name);

    if (status != RN_OK ||
        (strncmp(theirs, source->prefix, source->length) == 0 && strcmp(theirs + source->length, entry->name) == 0))
        return status;
    snprintf(text, sizeof text, "%s as %s", theirs, entry->name);
    return rn_load_report_add(report, RN_LOAD_RENAMED, text);
}

/* A parameter of a head that is skipped; what the file has in its place is left out. */
static rn_status add_kept(rn_load_report *report, const rn_load_source *source, const rn_parameter *entry, bool found,
                          size_t tensor)
{
    const rn_status status = rn_load_report_add(report, RN_LOAD_KEPT, entry->name);

    return status == RN_OK && found
               ? rn_load_report_add(report, RN_LOAD_LEFT_OUT, rn_checkpoint_name(source->names->file, tensor))
               : status;
}

static rn_status compare_parameters(const rn_tensor **values, bool *used, rn_load_report *report,
                                    const rn_load_source *source)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];
        size_t place = 0;
        const bool found = rn_source_find(&place, source, entry->name);
        const rn_tensor *const tensor = found ? rn_checkpoint_tensor(source->names->file, place) : NULL;

        values[i] = NULL;
        if (found)
            used[place] = true;
        if (report->head_skipped && rn_model_in_head(source->model, entry->name)) {
            status = add_kept(report, source, entry, found, place);
        } else if (!found) {
            /* Files from before PyTorch 0.4.1 count no batches. */
            if (!rn_is_counter(entry))
                status = rn_load_report_add(report, RN_LOAD_MISSING, entry->name);
        } else if (!rn_value_fits(entry, tensor)) {
            status = add_difference(report, entry, tensor);
        } else {
            values[i] = tensor;
            status = add_loaded(report, source, entry, place);
        }
    }
    return status;
}

/* ---- tensors --------------------------------------------------------------------------------------------------- */

bool rn_load_is_of_another(const rn_load_report *report, const char *name)
{
    const rn_name_list *const list = &report->list[RN_LOAD_CANDIDATES];

    for (size_t i = 0; i < list->kept; i++) {
        const size_t length = strlen(list->name[i]);

        if (length > strlen(report->prefix) && strncmp(name, list->name[i], length) == 0)
            return true;
    }
    return false;
}

/* The counters that thop.profile (github.com/ultralytics/thop) leaves in each layer, and so in files. */
static bool is_count_of_thop(const char *name, const rn_tensor *tensor)
{
    const char *const dot = strrchr(name, '.'), *const word = dot != NULL ? dot + 1 : name;

    return rn_tensor_count(tensor) == 1 && (strcmp(word, "total_ops") == 0 || strcmp(word, "total_params") == 0);
}

static rn_status compare_tensors(rn_load_report *report, const rn_load_source *source, const bool *used)
{
    const rn_checkpoint *const file = source->names->file;
    /* Where the head is called otherwise, it is what the network has no word for. */
    const bool passes_foreign =
        report->head_skipped && !rn_source_has_head(source) && rn_source_part_fits(source, RN_BACKBONE);
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(file); i++) {
        const char *const name = rn_source_name(source, i);

        if (source->names->left_out[i]) {
            status = rn_load_report_add(report, RN_LOAD_LEFT_OUT, rn_checkpoint_name(file, i));
        } else if (name == NULL || used[i] || rn_load_is_of_another(report, rn_file_name(source->names, i)) ||
                   (source->length == 0 && rn_source_is_state(source, i))) {
            continue;
        } else if ((report->head_skipped && rn_model_in_head(source->model, name)) ||
                   (passes_foreign && rn_source_is_foreign(source, name)) ||
                   is_count_of_thop(name, rn_checkpoint_tensor(file, i))) {
            status = rn_load_report_add(report, RN_LOAD_LEFT_OUT, rn_checkpoint_name(file, i));
        } else {
            status = rn_load_report_add(report, RN_LOAD_SURPLUS, name);
        }
    }
    return status;
}

rn_status rn_load_compare(const rn_tensor **values, rn_load_report *report, const rn_load_source *source)
{
    const rn_allocator *const allocator = &report->context->allocator;
    bool *const used = rn_allocate_zeroed(allocator, rn_checkpoint_count(source->names->file), sizeof *used);
    rn_status status;

    if (used == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory to compare names");
    status = compare_parameters(values, used, report, source);
    if (status == RN_OK)
        status = compare_tensors(report, source, used);
    rn_release(allocator, used);
    return status;
}
