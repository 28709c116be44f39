/* SPDX-License-Identifier: MIT */
#include "store/advice.h"
#include "store/keys.h"

#include <stdio.h>
#include <string.h>

/* ---- the head -------------------------------------------------------------------------------------------------- */

static const rn_parameter *head_weight(const rn_model *model)
{
    const rn_parameters *const parameters = model->graph->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        if (rn_model_in_head(model, parameters->entry[i].name) && rn_tensor_rank(parameters->entry[i].value) > 1)
            return &parameters->entry[i];
    }
    return NULL;
}

/* The same shape but for the number of outputs. */
static bool takes_the_same(const rn_tensor *a, const rn_tensor *b)
{
    const int32_t rank = rn_tensor_rank(a);

    if (rn_tensor_rank(b) != rank)
        return false;
    for (int32_t i = 1; i < rank; i++) {
        if (rn_tensor_shape(a)[i] != rn_tensor_shape(b)[i])
            return false;
    }
    return true;
}

/* A tensor that no word of the network leads to and that takes what the head takes; beside the state dict, too. */
static bool find_other_head(size_t *tensor, const rn_load_source *source, const rn_load_report *report)
{
    const rn_parameter *const weight = head_weight(source->model);
    const rn_file_names *const names = source->names;

    for (int beside = 0; weight != NULL && beside < 2; beside++) {
        for (size_t i = 0; i < rn_checkpoint_count(names->file); i++) {
            const char *const name = rn_file_name(names, i), *const own = rn_source_name(source, i);

            if (name == NULL || (own == NULL) != beside || strrchr(name, '.') == NULL ||
                !takes_the_same(weight->value, rn_checkpoint_tensor(names->file, i)))
                continue;
            if (beside ? !rn_load_is_of_another(report, name) : rn_source_is_foreign(source, own)) {
                *tensor = i;
                return true;
            }
        }
    }
    return false;
}

static void advise_of_other_head(char advice[RN_ADVICE_SIZE], const rn_load_source *source, size_t tensor)
{
    const char *const name = rn_file_name(source->names, tensor), *const head = rn_model_head_name(source->model, 0);
    const rn_tensor *const found = rn_checkpoint_tensor(source->names->file, tensor);
    const int length = (int)(strrchr(name, '.') - name);
    char shape[96];

    rn_shape_text(shape, sizeof shape, rn_tensor_rank(found), rn_tensor_shape(found));
    if (rn_tensor_same_shape(found, head_weight(source->model)->value))
        snprintf(
            advice, RN_ADVICE_SIZE,
            "all but the head '%.60s' fits, and '%.*s' %s looks like it: rn_load_options.rename it to '%.60s%.60s', "
            "or leave it out by .head = RN_HEAD_SKIP",
            head, length < 100 ? length : 100, name, shape, source->prefix, head);
    else
        snprintf(
            advice, RN_ADVICE_SIZE,
            "all but the head '%.60s' fits, and '%.*s' %s stands in its place: rn_load_options.head = RN_HEAD_SKIP "
            "leaves it out and the head as it was initialised",
            head, length < 100 ? length : 100, name, shape);
}

static void advise_of_head(char advice[RN_ADVICE_SIZE], const rn_load_source *source, const rn_load_report *report)
{
    const char *const head = rn_model_head_name(source->model, 0);
    size_t tensor;

    if (rn_source_part_fits(source, RN_HEAD) && report->list[RN_LOAD_DIFFERENT].count > 0)
        return; /* a counter, which no part needs: its name says all */
    if (rn_source_part_fits(source, RN_HEAD))
        snprintf(advice, RN_ADVICE_SIZE,
                 "the whole network is there; rn_load_options.allow_surplus passes over the rest");
    else if (rn_source_has_head(source))
        snprintf(
            advice, RN_ADVICE_SIZE,
            "all but the head '%.60s' fits, which is another one there: rn_load_options.head = RN_HEAD_SKIP leaves "
            "it out and the head as it was initialised",
            head);
    else if (find_other_head(&tensor, source, report))
        advise_of_other_head(advice, source, tensor);
    else
        snprintf(advice, RN_ADVICE_SIZE,
                 "all but the head '%.60s' fits, and there is none in the file: rn_load_options.head = RN_HEAD_SKIP "
                 "leaves the head as it was initialised",
                 head);
}

/* ---- another network ------------------------------------------------------------------------------------------- */

/* True if there are more tensors where the network has its own: more layers of the same kind. */
static bool goes_on(const rn_load_source *source, const rn_load_report *report)
{
    const rn_name_list *const surplus = &report->list[RN_LOAD_SURPLUS];

    for (size_t i = 0; i < surplus->kept; i++) {
        if (!rn_model_in_head(source->model, surplus->name[i]) && !rn_source_is_foreign(source, surplus->name[i]))
            return true;
    }
    return false;
}

/* True if the head is the last of several layers with a common word ("classifier.6") and all but those fits. */
static bool fits_but_for_head_layers(const rn_load_source *source)
{
    const rn_parameters *const parameters = source->model->graph->parameters;
    const char *const head = rn_model_head_name(source->model, 0);
    const size_t length = head != NULL ? strcspn(head, ".") : 0;
    size_t fitting = 0, tensor;

    if (head == NULL || head[length] == '\0')
        return false;
    for (size_t i = 0; i < parameters->count; i++) {
        const rn_parameter *const entry = &parameters->entry[i];

        if (rn_is_counter(entry) || rn_name_begins(entry->name, head, length))
            continue;
        if (!rn_source_find(&tensor, source, entry->name) ||
            !rn_value_fits(entry, rn_checkpoint_tensor(source->names->file, tensor)))
            return false;
        fitting++;
    }
    return fitting > 0;
}

rn_status rn_load_advise(char advice[RN_ADVICE_SIZE], const rn_load_source *source, const rn_load_report *report,
                         const rn_load_options *options)
{
    const char *const written_for = rn_checkpoint_metadata(source->names->file, RN_KEY_NETWORK);
    const char *const head = rn_model_head_name(source->model, 0), *networks[2];
    rn_status status;

    advice[0] = '\0';
    if (rn_source_part_fits(source, RN_BACKBONE) && !goes_on(source, report)) {
        advise_of_head(advice, source, report);
        return RN_OK;
    }
    if (written_for != NULL && strcmp(written_for, source->model->name) != 0) {
        snprintf(advice, RN_ADVICE_SIZE, "it was written for '%.100s'", written_for);
        return RN_OK;
    }
    status = rn_load_guess_network(networks, source, options);
    if (status != RN_OK)
        return status;
    if (networks[0] != NULL)
        snprintf(advice, RN_ADVICE_SIZE, "it is another network: names and shapes are those of %s%s%s%s", networks[0],
                 networks[1] != NULL ? ", and also those of " : "", networks[1] != NULL ? networks[1] : "",
                 networks[1] != NULL ? ", which computes otherwise: the file does not say which it is" : "");
    else if (fits_but_for_head_layers(source))
        snprintf(advice, RN_ADVICE_SIZE,
                 "all but '%.*s' fits: rn_load_options.rename '%.60s%.*s' to NULL and allow_missing take the rest",
                 (int)strcspn(head, "."), head, source->prefix, (int)strcspn(head, "."), head);
    else if (report->list[RN_LOAD_LOADED].count == 0)
        snprintf(advice, RN_ADVICE_SIZE, "it is another network: no parameter is there");
    return RN_OK;
}
