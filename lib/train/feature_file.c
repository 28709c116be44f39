/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "train/feature_file.h"

#include "base/mix.h"
#include "checkpoint/checkpoint.h"
#include "graph/graph.h"
#include "image/pipeline.h"
#include "store/keys.h"
#include "store/store.h"
#include "tensor/tensor.h"
#include <inttypes.h>
#include <resnet/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDS "ids"
#define ROWS "rows"

/* ---- what a row is of -------------------------------------------------------------------------------------------- */

static uint64_t mix_floats(uint64_t id, const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint32_t word;

        memcpy(&word, &values[i], sizeof word);
        id = rn_mix(id, word);
    }
    return id;
}

/* What a layer does with its inputs and its values: of kinds with settings, those that its shapes do not say. */
static uint64_t mix_settings(uint64_t id, const rn_layer *layer)
{
    switch (layer->kind) {
    case RN_LAYER_CONV2D:
        id = rn_mix(rn_mix(id, (uint64_t)layer->as.conv.stride_h), (uint64_t)layer->as.conv.stride_w);
        id = rn_mix(rn_mix(id, (uint64_t)layer->as.conv.padding_h), (uint64_t)layer->as.conv.padding_w);
        return rn_mix(rn_mix(id, (uint64_t)layer->as.conv.groups), (uint64_t)layer->as.conv.dilation);
    case RN_LAYER_MAX_POOL2D:
    case RN_LAYER_AVG_POOL2D:
        id = rn_mix(rn_mix(id, (uint64_t)layer->as.pool.kernel), (uint64_t)layer->as.pool.stride);
        id = rn_mix(rn_mix(id, (uint64_t)layer->as.pool.padding), layer->as.pool.ceil_mode);
        return rn_mix(id, layer->as.pool.exclude_padding);
    case RN_LAYER_BATCH_NORM2D: return rn_mix_number(id, layer->as.batch_norm.eps);
    case RN_LAYER_SHORTCUT_A: return rn_mix(id, (uint64_t)layer->as.shortcut.stride);
    default: return id;
    }
}

/* Everything that decides what the frozen part makes of an image. */
static uint64_t network_id(const rn_features *f)
{
    const rn_graph *const graph = f->model->graph;
    const rn_isa isa = rn_context_isa(f->context);
    uint64_t id = rn_mix_text(9, f->model->name);

    id = rn_mix(rn_mix(id, (uint64_t)rn_numerics_version()), isa == RN_ISA_AVX512 ? RN_ISA_AVX2 : isa);
    id = rn_mix(rn_mix(id, rn_session_precision(f->session)), f->context->direct_convolutions);
    id = rn_mix(id, (uint64_t)f->layers);
    for (int32_t i = 0; i < f->layers; i++) {
        const rn_layer *const layer = &graph->layer[i];
        const int32_t index[4] = { layer->weight, layer->bias, layer->running_mean, layer->running_var };

        id = mix_settings(rn_mix(rn_mix_text(id, layer->name), (uint64_t)layer->kind), layer);
        id = rn_mix(rn_mix(rn_mix(id, (uint64_t)layer->shape.c), (uint64_t)layer->shape.h), (uint64_t)layer->shape.w);
        for (int32_t j = 0; j < layer->input_count; j++)
            id = rn_mix(id, (uint64_t)layer->inputs[j]);
        for (int32_t j = 0; j < 4; j++)
            if (index[j] >= 0)
                id = mix_floats(id, rn_parameters_floats(graph->parameters, (size_t)index[j]),
                                graph->parameters->entry[index[j]].count);
    }
    return id;
}

/* Of a photo in one of its views; 0: it has no file that could be known again. */
static uint64_t photo_id(const rn_features *f, size_t sample, size_t view)
{
    const char *const path = rn_dataset_path(rn_loader_dataset(f->loader), sample);
    const rn_pipeline *const pipeline = rn_loader_pipeline(f->loader);
    struct stat info;
    uint64_t id;

    if (path == NULL || stat(path, &info) != 0)
        return 0;
    id = rn_mix_text(rn_mix_text(10, path), rn_pipeline_text(pipeline));
    id = rn_mix(id, rn_pipeline_head_id(pipeline)); /* who decodes, too */
    id = rn_mix(rn_mix(id, (uint64_t)info.st_size), (uint64_t)info.st_mtim.tv_sec);
    id = rn_mix(id, (uint64_t)info.st_mtim.tv_nsec);
    if (rn_pipeline_is_random(pipeline)) /* what is drawn depends on these */
        id = rn_mix(rn_mix(rn_mix(id, rn_loader_seed(f->loader)), sample), view);
    return id != 0 ? id : 1;
}

/* Before any photo is read: one that is replaced while it is used is then found under the name of none. */
static rn_status find_ids(rn_features *f)
{
    f->id = rn_allocate_array(&f->context->allocator, f->count, sizeof *f->id);
    if (f->id == NULL)
        return rn_fail(&f->context->message, RN_NO_MEMORY, "no memory for the features of %zu photos", f->samples);
    for (size_t i = 0; i < f->count; i++)
        f->id[i] = photo_id(f, i % f->samples, i / f->samples);
    return RN_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct place {
    uint64_t id;
    size_t row;
} place;

static int compare_places(const void *a, const void *b)
{
    const uint64_t x = ((const place *)a)->id, y = ((const place *)b)->id;

    return (x > y) - (x < y);
}

/* The rows of a file, by id. */
typedef struct rows {
    const char *data;
    size_t count, row_bytes;
    place *places;
} rows;

static const char *key_text(char text[17], const rn_features *f)
{
    snprintf(text, 17, "%016" PRIx64, network_id(f));
    return text;
}

/* RN_FORMAT: not such a file. *theirs: it is of another network. */
static rn_status find_rows(rows *found, bool *theirs, const rn_checkpoint *file, const rn_features *f, const char *path)
{
    rn_context *const context = f->context;
    const char *const key = rn_checkpoint_metadata(file, RN_KEY_FEATURES);
    const rn_tensor *const ids = rn_checkpoint_find(file, IDS), *const data = rn_checkpoint_find(file, ROWS);
    char text[17];
    rn_status status = rn_file_check_seal(file, path, &context->message);

    if (status != RN_OK)
        return status;
    *theirs = key != NULL && strcmp(key, key_text(text, f)) != 0;
    if (key == NULL || ids == NULL || data == NULL || ids->dtype != RN_INT64 || data->dtype != RN_FLOAT32 ||
        ids->rank != 1 || data->rank != 2 || ids->shape[0] != data->shape[0] || ids->strides[0] != 1 ||
        data->strides[1] != 1 || data->strides[0] != data->shape[1])
        return rn_fail(&context->message, RN_FORMAT, "%s is no file of features", path);
    if (*theirs)
        return RN_OK;
    *found = (rows){ .data = data->data,
                     .count = (size_t)ids->shape[0],
                     .row_bytes = (size_t)data->shape[1] * sizeof(float) };
    found->places = rn_allocate_array(&context->allocator, found->count + 1, sizeof *found->places);
    if (found->places == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the features in %s", path);
    for (size_t i = 0; i < found->count; i++) {
        memcpy(&found->places[i].id, ids->data + i * sizeof(uint64_t), sizeof(uint64_t));
        found->places[i].row = i;
    }
    qsort(found->places, found->count, sizeof *found->places, compare_places);
    return RN_OK;
}

static rn_status take_rows(rn_features *f, const rows *found)
{
    rn_status status = rn_features_settle_rows(f);

    if (status != RN_OK || f->row_bytes != found->row_bytes)
        return status;
    for (size_t i = 0; i < f->count; i++) {
        const place wanted = { .id = f->id[i] };
        const place *const at =
            wanted.id != 0 ? bsearch(&wanted, found->places, found->count, sizeof wanted, compare_places) : NULL;

        if (at != NULL)
            rn_features_keep(f, i, found->data + at->row * found->row_bytes);
    }
    f->fresh = 0;
    return RN_OK;
}

static rn_status read_file(rn_features *const features[RN_FEATURE_SETS], const rn_features *any,
                           const rn_checkpoint *file, const char *path)
{
    rows found = { 0 };
    bool theirs = false;
    rn_status status = find_rows(&found, &theirs, file, any, path);

    for (int i = 0; i < RN_FEATURE_SETS && status == RN_OK && !theirs; i++)
        if (features[i] != NULL)
            status = take_rows(features[i], &found);
    if (status == RN_OK && theirs)
        rn_context_log(any->context, RN_LOG_INFO,
                       "%s has features of other weights or of another frozen part: made anew", path);
    rn_release(&any->context->allocator, found.places);
    return status;
}

rn_status rn_feature_file_read(rn_features *const features[RN_FEATURE_SETS], const char *path)
{
    const rn_features *const any = features[0] != NULL ? features[0] : features[1];
    rn_checkpoint *file = NULL;
    rn_status status = RN_OK;

    for (int i = 0; i < RN_FEATURE_SETS && status == RN_OK; i++)
        if (features[i] != NULL)
            status = find_ids(features[i]);
    if (status != RN_OK || any == NULL || access(path, F_OK) != 0)
        return status;
    status = rn_checkpoint_open(&file, any->context, path, NULL);
    if (status == RN_OK)
        status = read_file(features, any, file, path);
    rn_checkpoint_destroy(file);
    if (status == RN_OK || status == RN_NO_MEMORY)
        return status;
    rn_context_log(any->context, RN_LOG_WARNING, "the features are made anew: %s", rn_context_message(any->context));
    return RN_OK;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Adds what is kept of a set to the tensors, from row *row on. */
static void put_rows(size_t *row, const rn_features *f, rn_tensor *ids, rn_tensor *data)
{
    for (size_t i = 0; f != NULL && i < f->count; i++) {
        const uint64_t id = f->row[i] != NULL ? f->id[i] : 0;

        if (id == 0)
            continue;
        memcpy(ids->data + *row * sizeof id, &id, sizeof id);
        memcpy(data->data + *row * f->row_bytes, f->row[i], f->row_bytes);
        ++*row;
    }
}

static rn_status fill(rn_checkpoint *file, rn_features *const features[RN_FEATURE_SETS], const rn_features *any)
{
    const int64_t count = (int64_t)(rn_features_kept(features[0]) + rn_features_kept(features[1]));
    int64_t shape[2] = { count, (int64_t)(any->row_bytes / sizeof(float)) };
    rn_tensor *ids = NULL, *data = NULL;
    char key[17];
    size_t row = 0;
    rn_status status = rn_tensor_create(&ids, any->context, RN_INT64, 1, shape, RN_ROW_MAJOR);

    if (status == RN_OK)
        status = rn_tensor_create(&data, any->context, RN_FLOAT32, 2, shape, RN_ROW_MAJOR);
    if (status == RN_OK) {
        put_rows(&row, features[0], ids, data);
        put_rows(&row, features[1], ids, data);
        ids->shape[0] = data->shape[0] = (int64_t)row;
        status = rn_checkpoint_share(file, IDS, ids);
    }
    if (status == RN_OK)
        status = rn_checkpoint_share(file, ROWS, data);
    if (status == RN_OK)
        status = rn_checkpoint_set_metadata(file, RN_KEY_FEATURES, key_text(key, any));
    if (status == RN_OK)
        status = rn_file_seal(file);
    rn_tensor_destroy(ids);
    rn_tensor_destroy(data);
    return status;
}

void rn_feature_file_write(rn_features *const features[RN_FEATURE_SETS], const char *path)
{
    const rn_features *const any = rn_features_kept(features[0]) > 0 ? features[0] : features[1];
    rn_checkpoint *file = NULL;
    bool fresh = false;
    rn_status status;

    for (int i = 0; i < RN_FEATURE_SETS; i++) {
        if (features[i] == NULL)
            continue;
        if (!rn_features_hold(features[i]))
            return;
        fresh = fresh || features[i]->fresh > 0;
        features[i]->fresh = 0;
    }
    if (!fresh || rn_features_kept(any) == 0)
        return;
    status = rn_checkpoint_create(&file, any->context);
    if (status == RN_OK)
        status = fill(file, features, any);
    if (status == RN_OK)
        status = rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL);
    rn_checkpoint_destroy(file);
    if (status != RN_OK)
        rn_context_log(any->context, RN_LOG_WARNING, "the features are not kept on disk: %s",
                       rn_context_message(any->context));
}
