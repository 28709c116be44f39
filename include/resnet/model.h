/* SPDX-License-Identifier: MIT */
/*
 * rn_model: a network with its parameters, its class table and its preprocessing. It holds no activations; sessions do.
 *
 * Thread safety: many inference sessions, each with its own context and thread, may run one model. Whatever changes the
 * model (load, freeze, write, an optimizer step) answers RN_BUSY while one of them runs, RN_STATE while a training
 * session is between forward and backward.
 */
#ifndef RESNET_MODEL_H
#define RESNET_MODEL_H

#include <resnet/checkpoint.h>
#include <resnet/classes.h>
#include <resnet/graph.h>
#include <resnet/image.h>
#include <resnet/parameters.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_model rn_model;

typedef struct rn_model_options {
    size_t struct_size;
    const rn_classes *classes; /* what the logits mean; sets the size of the head. Copied. NULL: class_count */
    int64_t class_count;       /* 0: that of the published weights (1000, or 10 for cifar_*) */
    uint64_t seed;             /* of the initial weights; 0: the context's */
    int32_t height, width;     /* input size; 0: the network's own */
} rn_model_options;

/*
 * Makes a network of the zoo by torchvision's name, freshly initialised as torchvision does (but for SqueezeNet's head,
 * which begins as the torch.nn.Conv2d that a fine-tuning program puts there): resnet18, resnet34, resnet50, resnet101,
 * resnet152, squeezenet1_0, and cifar_resnet20, 32, 44, 56, 110. The caller destroys it. RN_INVALID_ARGUMENT: no such
 * name (the message lists them). RN_NO_MEMORY.
 */
RN_API rn_status rn_model_create(rn_model **model, rn_context *context, const char *name,
                                 const rn_model_options *options);
/* The names of the zoo; NULL past the last. */
RN_API const char *rn_zoo_name(size_t index);

/* Makes a model of a graph of one's own. Its first output is the logits. The graph may be destroyed afterwards. Answers
 * the graph's first error. `name` is stored in model files. */
RN_API rn_status rn_model_build(rn_model **model, rn_graph *graph, const char *name, const rn_model_options *options);

/* NULL is fine. */
RN_API void rn_model_destroy(rn_model *model);

RN_API const char *rn_model_name(const rn_model *model);
RN_API int64_t rn_model_class_count(const rn_model *model);
/* Borrowed; NULL if the model has none. */
RN_API const rn_classes *rn_model_classes(const rn_model *model);
/* Copies the table. RN_SHAPE: its size is not that of the logits. */
RN_API rn_status rn_model_set_classes(rn_model *model, const rn_classes *classes);
RN_API void rn_model_input_size(const rn_model *model, int64_t *channels, int64_t *height, int64_t *width);

/* How photos are prepared for prediction and validation, and for training. Borrowed; NULL if the model has none (a
 * graph of one's own). */
RN_API const rn_pipeline *rn_model_pipeline(const rn_model *model);
RN_API const rn_pipeline *rn_model_training_pipeline(const rn_model *model);
/* Sets them from text (image.h). RN_FORMAT; RN_INVALID_ARGUMENT: the evaluation pipeline is random; RN_SHAPE: what
 * comes out has another size than the model's input. */
RN_API rn_status rn_model_set_pipeline(rn_model *model, const char *text);
RN_API rn_status rn_model_set_training_pipeline(rn_model *model, const char *text);

RN_API rn_parameters *rn_model_parameters(rn_model *model);

/*
 * Freezing. A frozen layer's parameters, its batch-norm statistics and its dropout stand still; training mode cannot
 * undo it. A pattern matches a parameter or a layer by its full name or by a leading part of it up to a dot: "layer1",
 * "layer1.*.conv1",
 * "*.bn2.weight", "*"; '*' and '?' as in file names, dots are nothing special. RN_INVALID_ARGUMENT: nothing matches.
 */
RN_API rn_status rn_model_freeze(rn_model *model, const char *pattern);
RN_API rn_status rn_model_unfreeze(rn_model *model, const char *pattern);
/* Freezes everything but the head. RN_STATE: the model has no head. */
RN_API rn_status rn_model_freeze_backbone(rn_model *model);

/*
 * The summary table people know: layer, output shape, parameters, trainable. Writes at most `size` bytes including the
 * final zero and stores the length that the whole text needs, without it, in *length (may be NULL). `text` may be NULL
 * if size is 0.
 */
RN_API rn_status rn_model_summary(const rn_model *model, char *text, size_t size, size_t *length);

typedef enum rn_head_policy {
    RN_HEAD_MUST_FIT = 0,
    RN_HEAD_SKIP_IF_SIZE_DIFFERS =
        1, /* fine-tuning: another number of classes leaves the new head as it was initialised */
    RN_HEAD_SKIP = 2
} rn_head_policy;

typedef struct rn_load_options {
    size_t struct_size;
    int32_t head;          /* an rn_head_policy */
    int32_t allow_missing; /* 1: parameters that the file lacks keep their values */
    int32_t allow_surplus; /* 1: tensors that the model lacks are passed over */
    int32_t reserved;
} rn_load_options;

/*
 * Takes the parameters' values from a checkpoint file (checkpoint.h), all or none. num_batches_tracked may be missing,
 * as in old files. Where the state dict lies beside other things (a training script's {'state_dict': ..., 'optimizer':
 * ...}), it is found by the name of the first parameter, and what lies elsewhere is not looked at. RN_SHAPE: a tensor
 * does not fit, is missing or is surplus; the message names them. RN_IO, RN_FORMAT as rn_checkpoint_open.
 */
RN_API rn_status rn_model_load(rn_model *model, const char *path, const rn_load_options *options);
RN_API rn_status rn_model_load_checkpoint(rn_model *model, const rn_checkpoint *checkpoint,
                                          const rn_load_options *options);

/* Writes a model file: safetensors with parameters and, as metadata, network name, class table and preprocessing.
 * PyTorch reads the tensors as a state dict. */
RN_API rn_status rn_model_save(const rn_model *model, const char *path);
/* Makes the model that such a file holds. RN_FORMAT: the file carries no network name; RN_INVALID_ARGUMENT: not a
 * network of the zoo. */
RN_API rn_status rn_model_open(rn_model **model, rn_context *context, const char *path);

#ifdef __cplusplus
}
#endif

#endif
