/* SPDX-License-Identifier: MIT */
/* Datasets: what image folders and datasets of one's own have in common, and how the latter are made. */
#include "data/dataset.h"

#include "base/options.h"
#include "classes/classes.h"

#include <stdio.h>

RN_NO_TAIL_PADDING(rn_dataset_options, release);

rn_status rn_dataset_begin(rn_dataset **dataset, rn_context *context)
{
    *dataset = rn_allocate_zeroed(&context->allocator, 1, sizeof **dataset);
    if (*dataset == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a dataset");
    rn_references_init(&(*dataset)->references);
    rn_context_retain(context);
    (*dataset)->context = context;
    return RN_OK;
}

rn_status rn_dataset_reserve(rn_dataset *dataset, size_t count)
{
    dataset->photo = rn_allocate_array(&dataset->context->allocator, count, sizeof *dataset->photo);
    if (dataset->photo == NULL)
        return rn_fail(&dataset->context->message, RN_NO_MEMORY, "no memory for a list of %zu photos", count);
    dataset->capacity = count;
    return RN_OK;
}

rn_status rn_dataset_add(rn_dataset *dataset, char *name, int64_t label)
{
    const rn_allocator *const allocator = &dataset->context->allocator;

    if (dataset->count == RN_MAX_PHOTOS) {
        rn_release(allocator, name);
        return rn_fail(&dataset->context->message, RN_FORMAT, "over %d photos in one dataset", (int)RN_MAX_PHOTOS);
    }
    if (name != NULL && dataset->count == dataset->capacity) {
        const size_t capacity = dataset->capacity * 2 + 256;
        rn_photo *const grown = rn_grow_array(allocator, dataset->photo, dataset->count, capacity, sizeof *grown);

        if (grown != NULL) {
            dataset->photo = grown;
            dataset->capacity = capacity;
        }
    }
    if (name == NULL || dataset->count == dataset->capacity) {
        rn_release(allocator, name);
        return rn_fail(&dataset->context->message, RN_NO_MEMORY, "no memory for the list of photos");
    }
    dataset->photo[dataset->count] = (rn_photo){ name, (int32_t)label, (uint32_t)dataset->count };
    dataset->count++;
    return RN_OK;
}

/* ---- of one's own ------------------------------------------------------------------------------------------------ */

static rn_status check(const rn_dataset_options *o, rn_message *message)
{
    if (o->classes == NULL || o->labels == NULL || o->read == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_dataset_create: %s is NULL",
                       o->classes == NULL  ? "classes"
                       : o->labels == NULL ? "labels"
                                           : "read");
    if (o->count < 1 || o->count > RN_MAX_PHOTOS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a dataset of %zu samples: 1 to %d are possible", o->count,
                       (int)RN_MAX_PHOTOS);
    for (size_t i = 0; i < o->count; i++) {
        if (o->labels[i] < 0 || (uint64_t)o->labels[i] >= rn_classes_count(o->classes))
            return rn_fail(message, RN_SHAPE, "sample %zu has the label %lld: there are %zu classes", i,
                           (long long)o->labels[i], rn_classes_count(o->classes));
        if (o->names != NULL && o->names[i] == NULL)
            return rn_fail(message, RN_INVALID_ARGUMENT, "sample %zu has no name", i);
    }
    return RN_OK;
}

static rn_status fill(rn_dataset *dataset, const rn_dataset_options *o)
{
    rn_status status = rn_classes_copy(&dataset->classes, o->classes, dataset->context);
    char number[40];

    for (size_t i = 0; status == RN_OK && i < o->count; i++) {
        snprintf(number, sizeof number, "sample %zu", i);
        status = rn_dataset_add(dataset,
                                rn_copy_string(&dataset->context->allocator, o->names != NULL ? o->names[i] : number),
                                o->labels[i]);
    }
    return status;
}

rn_status rn_dataset_create(rn_dataset **dataset, rn_context *context, const rn_dataset_options *options)
{
    rn_dataset_options o;
    rn_dataset *made;
    rn_status status;

    if (dataset == NULL)
        return rn_fail_null("rn_dataset_create", "dataset");
    *dataset = NULL;
    if (context == NULL)
        return rn_fail_null("rn_dataset_create", "context");
    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status == RN_OK)
        status = check(&o, &context->message);
    if (status == RN_OK)
        status = rn_dataset_begin(&made, context);
    if (status != RN_OK)
        return status;
    made->read = o.read;
    status = fill(made, &o);
    if (status != RN_OK) {
        rn_dataset_destroy(made);
        return status;
    }
    made->payload = o.payload;
    made->release = o.release;
    *dataset = made;
    return RN_OK;
}

/* ---- of all ------------------------------------------------------------------------------------------------------ */

void rn_dataset_retain(rn_dataset *dataset)
{
    rn_retain(&dataset->references);
}

void rn_dataset_destroy(rn_dataset *dataset)
{
    if (dataset == NULL || !rn_let_go(&dataset->references))
        return;
    rn_context *const context = dataset->context;

    for (size_t i = 0; i < dataset->count && dataset->parent == NULL; i++)
        rn_release(&context->allocator, dataset->photo[i].name);
    rn_release(&context->allocator, dataset->photo);
    rn_classes_destroy(dataset->classes);
    if (dataset->release != NULL)
        dataset->release(dataset->payload);
    rn_dataset_destroy(dataset->parent); /* which has none */
    rn_release(&context->allocator, dataset);
    rn_context_release(context);
}

rn_status rn_dataset_load_labels(rn_dataset *dataset, const char *json_path)
{
    rn_classes *labelled;
    rn_status status;

    if (dataset == NULL)
        return rn_fail_null("rn_dataset_load_labels", "dataset");
    status = rn_classes_label(&labelled, dataset->classes, json_path);
    if (status != RN_OK)
        return status;
    rn_classes_destroy(dataset->classes);
    dataset->classes = labelled;
    return RN_OK;
}

const rn_classes *rn_dataset_classes(const rn_dataset *dataset)
{
    return dataset == NULL ? NULL : dataset->classes;
}

size_t rn_dataset_count(const rn_dataset *dataset)
{
    return dataset == NULL ? 0 : dataset->count;
}

size_t rn_dataset_ignored(const rn_dataset *dataset)
{
    return dataset == NULL ? 0 : rn_passed_over_total(&dataset->passed);
}

const char *rn_dataset_sample_name(const rn_dataset *dataset, size_t index)
{
    return dataset == NULL || index >= dataset->count ? NULL : dataset->photo[index].name;
}

const char *rn_dataset_path(const rn_dataset *dataset, size_t index)
{
    return dataset == NULL || dataset->read != NULL ? NULL : rn_dataset_sample_name(dataset, index);
}

int64_t rn_dataset_label(const rn_dataset *dataset, size_t index)
{
    return dataset == NULL || index >= dataset->count ? -1 : dataset->photo[index].label;
}
