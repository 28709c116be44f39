/* SPDX-License-Identifier: MIT */
/*
 * rn_model: a network with its parameters, its class table and its preprocessing. It holds no activations; sessions do,
 * of which rn_predict_* (predict.h) leave one with the model.
 *
 * Thread safety: many inference sessions, each with its own context and thread, may run one model while one other
 * thread, the one of the model's context, changes it: loads, freezes, writes values, sets pipelines and class tables. A
 * change waits for the forwards that are running and no longer, forwards that come meanwhile wait for the change, and
 * each answer belongs to exactly one set of weights. A load reads and converts its file before it makes anybody wait.
 * RN_STATE at once, without waiting: a training session is between forward and backward. What a session's callbacks
 * (allocator, log) do must not call back into the same model. Pipelines and class tables that were borrowed stay valid
 * as long as the model, also when others have taken their place.
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
 * which begins as the torch.nn.Conv2d that a fine-tuning program puts there): resnet18 to 152, resnext, wide_resnet,
 * alexnet, vgg11 to 19 and their _bn, squeezenet1_0 and 1_1, densenet121 to 201, inception_v3 (input 299; an auxiliary
 * output "aux"; torchvision's transform_input lies in its pipelines), and cifar_resnet20 to 110; resnet50_v1, 101, 152
 * with the stride at the first convolution of a bottleneck; plain18, 34, cifar_plain20, 56 without shortcuts.
 * rn_zoo_name lists all. The caller destroys it. RN_INVALID_ARGUMENT: no such name (the message lists them), a
 * class_count other than that of the table, over 1,000,000 classes, a side over 16,384. RN_SHAPE: the input is too
 * small for the network. RN_NO_MEMORY.
 */
RN_API rn_status rn_model_create(rn_model **model, rn_context *context, const char *name,
                                 const rn_model_options *options);
/* The names of the zoo; NULL past the last. */
RN_API const char *rn_zoo_name(size_t index);

/* What a network of the zoo is. It may grow at its end. */
typedef struct rn_zoo_network {
    size_t struct_size;              /* set by the caller */
    int64_t channels, height, width; /* of the input */
    int64_t classes;
    int64_t parameters;    /* elements, as rn_parameters_elements counts them: no buffers */
    int64_t multiply_adds; /* as rn_model_multiply_adds */
    char head[32];         /* its first part (rn_model_head_name); "" if there is none */
} rn_zoo_network;

/*
 * Describes a network of the zoo as rn_model_create would make it with these options, without making it: its layers are
 * written down, and no memory is taken for its weights. Fills as much of *network as its struct_size says.
 * Errors as there, and RN_INVALID_ARGUMENT: no struct_size.
 */
RN_API rn_status rn_zoo_describe(rn_zoo_network *network, rn_context *context, const char *name,
                                 const rn_model_options *options);

/*
 * Makes a model of a graph of one's own. Its first output is the logits. The graph may be destroyed afterwards. `name`
 * is stored in model files. Answers the graph's first error; and RN_INVALID_ARGUMENT: an rn_graph_enter without its
 * rn_graph_leave, no output, a head without parameters, no name; RN_SHAPE: options that contradict the graph; RN_STATE:
 * a model was built from it already. RN_NO_MEMORY. The caller destroys it.
 */
RN_API rn_status rn_model_build(rn_model **model, rn_graph *graph, const char *name, const rn_model_options *options);

/* NULL is fine. */
RN_API void rn_model_destroy(rn_model *model);

/* The zoo's, or the one that rn_model_build was given. Borrowed. */
RN_API const char *rn_model_name(const rn_model *model);
/* Channels of the first output. */
RN_API int64_t rn_model_class_count(const rn_model *model);
/* Borrowed, valid as long as the model; NULL if it has none. */
RN_API const rn_classes *rn_model_classes(const rn_model *model);
/* Copies the table. RN_SHAPE: its size is not that of the logits. */
RN_API rn_status rn_model_set_classes(rn_model *model, const rn_classes *classes);
/* Each of the three places may be NULL. */
RN_API void rn_model_input_size(const rn_model *model, int64_t *channels, int64_t *height, int64_t *width);
/* The parts of the head, the prefixes that rn_graph_head named ("fc"). Borrowed; NULL past the last. */
RN_API const char *rn_model_head_name(const rn_model *model, size_t index);
/*
 * Multiply-adds of the convolutions and linear layers that the logits of one photo of the model's input size take, as
 * papers and torchvision's tables (GFLOPS) count them: a multiplication and its addition are one, biases and all other
 * layers count nothing, nor do layers that only other outputs need. 0 for NULL, INT64_MAX where it is more than that.
 */
RN_API int64_t rn_model_multiply_adds(const rn_model *model);

/*
 * The layers of the network, in the order they run, by the names that rn_session_options.outputs and freezing take
 * (graph.h: every layer has one). Borrowed; NULL past the last.
 */
RN_API size_t rn_model_layer_count(const rn_model *model);
RN_API const char *rn_model_layer_name(const rn_model *model, size_t index);
/* The names of what goes in and of what comes out, in their order. Borrowed; NULL past the last. */
RN_API const char *rn_model_input_name(const rn_model *model, size_t index);
RN_API const char *rn_model_output_name(const rn_model *model, size_t index);
/* How much the loss of an output counts in rn_trainer: 1 of the first, 0 of further ones, the weight of an auxiliary
 * output (graph.h). 0 past the last. */
RN_API double rn_model_loss_weight(const rn_model *model, size_t index);

/* How photos are prepared for prediction and validation, and for training. Borrowed, valid as long as the model; NULL
 * if it has none (a graph of one's own). */
RN_API const rn_pipeline *rn_model_pipeline(const rn_model *model);
RN_API const rn_pipeline *rn_model_training_pipeline(const rn_model *model);
/* Sets them from text (image.h). RN_FORMAT; RN_INVALID_ARGUMENT: the evaluation pipeline is random; RN_SHAPE: what
 * comes out has another size than the model's input. */
RN_API rn_status rn_model_set_pipeline(rn_model *model, const char *text);
RN_API rn_status rn_model_set_training_pipeline(rn_model *model, const char *text);
/* Sets both to a pair that has a name (rn_pipeline_preset), for the model's input size and with the mean and deviation
 * of its pipeline (ImageNet's if it has none); both or, on failure, neither. Errors as there, and RN_SHAPE as above. */
RN_API rn_status rn_model_set_preset(rn_model *model, const char *name);

/* Borrowed, valid as long as the model (parameters.h). */
RN_API rn_parameters *rn_model_parameters(rn_model *model);

/*
 * Freezing. A frozen layer's parameters, its batch-norm statistics and its dropout stand still; training mode cannot
 * undo it. A pattern matches a parameter or a layer by its full name or by a leading part of it up to a dot: "layer1",
 * "layer1.*.conv1", "*.bn2.weight", "*"; '*', '?' and '[...]' as in file names (fnmatch), dots are nothing special.
 * RN_INVALID_ARGUMENT: nothing matches. RN_STATE: a training session is between forward and backward.
 */
RN_API rn_status rn_model_freeze(rn_model *model, const char *pattern);
RN_API rn_status rn_model_unfreeze(rn_model *model, const char *pattern);
/* Freezes everything but the head. RN_STATE: the model has no head. */
RN_API rn_status rn_model_freeze_backbone(rn_model *model);
/*
 * The last layer that gives the same for the same image whatever is trained now, and through which alone everything
 * behind it sees the image: "flatten" of a resnet whose backbone is frozen, the logits if all is. A session with
 * that output and one with that input are the two halves of the network (session.h): what the first gives for a photo
 * has to be computed once. Borrowed; NULL: there is none, the first layers are trained.
 */
RN_API const char *rn_model_frozen_layer(const rn_model *model);

/*
 * The summary table people know: layer, output shape, parameters, trainable. Writes at most `size` bytes including the
 * final zero and stores the length that the whole text needs, without it, in *length (may be NULL). `text` may be NULL
 * if size is 0.
 */
RN_API rn_status rn_model_summary(const rn_model *model, char *text, size_t size, size_t *length);

/* ---- files ------------------------------------------------------------------------------------------------------ */

typedef enum rn_head_policy {
    RN_HEAD_MUST_FIT = 0,
    RN_HEAD_SKIP_IF_SIZE_DIFFERS = 1, /* fine-tuning: another number of classes, or other layers under the head's name,
                                         leave the new head as it was initialised; the log says so */
    RN_HEAD_SKIP = 2                  /* the file may have any head under any name, or none */
} rn_head_policy;

/*
 * What a load does with a class table that the file carries, if the head is loaded and the model has a table, too. That
 * is also what a script of PyTorch's wrote beside the weights: class_to_idx, idx_to_class, classes, class_names or
 * mapping.
 */
typedef enum rn_class_policy {
    RN_CLASSES_MUST_AGREE = 0, /* RN_SHAPE unless the folders are the same in the same order */
    RN_CLASSES_IGNORE = 1      /* the caller vouches that row i of the file's head is class i of the model */
} rn_class_policy;

/* What a load did, or would have had to do. */
typedef struct rn_load_report rn_load_report;

/*
 * Names of a file that begin with `from` begin with `to` instead. Both are whole words between dots, with or without a
 * dot at their end: "last_linear" is the beginning of "last_linear.weight" and not of "last_linear2.weight". "" as
 * `from` stands before every name, "" as `to` takes the words away; NULL as `to` leaves the tensors out.
 */
typedef struct rn_rename {
    const char *from, *to;
} rn_rename;

typedef struct rn_load_options {
    size_t struct_size;
    const char *prefix;      /* which network of the file: what stands before its parameters' names, such as "model_ema"
                                (with or without the dot; "": nothing). NULL: found, or refused with the candidates */
    rn_load_report **report; /* if not NULL: receives a report, also if the load fails with RN_SHAPE or because
                                of the prefix; else NULL. The caller destroys it */
    int32_t head;            /* an rn_head_policy */
    int32_t classes;         /* an rn_class_policy */
    int32_t allow_missing;   /* 1: parameters that the file lacks keep their values */
    int32_t allow_surplus;   /* 1: tensors that the model lacks are passed over */
    const rn_rename *rename; /* other beginnings for the file's names, before anything is looked for, `prefix` too. For
                                each name the first that fits counts; the log warns of those that fit none */
    size_t rename_count;     /* how many there are */
} rn_load_options;

/*
 * Takes the parameters' values from a checkpoint file (checkpoint.h), all or none, also beside running sessions
 * (above). num_batches_tracked may be missing, as in old files.
 *
 * Where the state dict lies beside other things (a training script's {'state_dict': ..., 'optimizer': ...}), or its
 * names have a prefix (model., backbone., _orig_mod.module., any), it is found by the name of the first parameter; what
 * lies elsewhere is not looked at. Where two state dicts fit the network, the one whose prefix does not speak of an
 * average or a teacher (ema, swa, avg, average, teacher, target, momentum) is taken and a warning says so; if that does
 * not decide, RN_INVALID_ARGUMENT names the candidates and `prefix` chooses.
 *
 * These are taken for the same name, and the report lists them as renamed:
 *   - "layer1._orig_mod.0.conv1.weight", "features.module.0.weight": what torch.compile, DataParallel and the like add
 *     within names ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"), unless the model has
 *     such a word itself;
 *   - "denselayer1.norm.1.weight": a DenseNet's "denselayer1.norm1.weight" before torchvision 0.3;
 *   - "fc.0.weight" as "fc.weight": a head that is the one layer with parameters of a torch.nn.Sequential; the log says
 *     so;
 *   - "0.weight", "4.0.conv1.weight": a torch.nn.Sequential of the network's children, which are numbered in their
 *     order, if no names fit. A warning says which number was taken for what.
 *
 * A model without class table or pipelines takes those of the file. A warning says where the file's network had another
 * input size. RN_SHAPE: a tensor does not fit, is missing or is surplus (the message names them, says whether all but
 * the head fits and what its head is called, or which network of the zoo the file fits instead), or the class tables
 * differ. RN_INVALID_ARGUMENT: no such prefix, or `rename` gives two tensors one name or leaves none of one.
 * RN_STATE, RN_NO_MEMORY. RN_IO, RN_FORMAT as rn_checkpoint_open.
 */
RN_API rn_status rn_model_load(rn_model *model, const char *path, const rn_load_options *options);
RN_API rn_status rn_model_load_checkpoint(rn_model *model, const rn_checkpoint *checkpoint,
                                          const rn_load_options *options);

typedef enum rn_load_fate {
    RN_LOAD_LOADED = 0,     /* parameters that take their values from the file */
    RN_LOAD_KEPT = 1,       /* parameters of a head that is skipped */
    RN_LOAD_MISSING = 2,    /* parameters that the file lacks */
    RN_LOAD_SURPLUS = 3,    /* tensors of the file's state dict that the model lacks */
    RN_LOAD_DIFFERENT = 4,  /* parameters whose tensor has another shape or type, and what they are */
    RN_LOAD_CANDIDATES = 5, /* prefixes of the state dicts that fit the network */
    RN_LOAD_RENAMED = 6,    /* loaded parameters whose tensor is not called prefix and name: "model.fc.0.weight as
                               fc.weight", the file's name first */
    RN_LOAD_LEFT_OUT = 7 /* tensors of the file, by their names there, that were left out on purpose: the head that is
                               skipped, whatever it is called there, what `rename` left out, and the total_ops and
                               total_params that thop.profile leaves in layers */
} rn_load_fate;

/* How many names there are of a fate (an rn_load_fate), and each; borrowed from the report, NULL past the last. */
RN_API size_t rn_load_report_count(const rn_load_report *report, int32_t fate);
RN_API const char *rn_load_report_name(const rn_load_report *report, int32_t fate, size_t index);
/* The prefix that was taken, with its dot; "" if the names stand alone, NULL if none was. Borrowed. */
RN_API const char *rn_load_report_prefix(const rn_load_report *report);
/* 1: the head was left as it was initialised. */
RN_API int rn_load_report_head_skipped(const rn_load_report *report);
/* NULL is fine. */
RN_API void rn_load_report_destroy(rn_load_report *report);

typedef struct rn_model_save_options {
    size_t struct_size;
    int32_t format;   /* an rn_format. RN_FORMAT_TORCH holds the state dict alone: no class table, no preprocessing */
    int32_t reserved; /* 0 */
} rn_model_save_options;

/* Writes a model file: safetensors with parameters and, as metadata, network name, class table and preprocessing.
 * PyTorch reads the tensors as a state dict. `path` is replaced as a whole or not at all; what is written is one set of
 * weights, also beside a training. RN_IO, RN_NO_MEMORY. */
RN_API rn_status rn_model_save(const rn_model *model, const char *path, const rn_model_save_options *options);
/* Puts the same tensors and metadata into a checkpoint, for a file of one's own that holds more (an optimizer's state
 * dict: optimizer.h). The values are those of now, without a copy until the model changes. RN_INVALID_ARGUMENT: a name
 * is taken. RN_NO_MEMORY. After a failure the checkpoint holds a part of it. torch.nn.Module.state_dict */
RN_API rn_status rn_model_state_dict(rn_checkpoint *state, const rn_model *model);

typedef struct rn_model_open_options {
    size_t struct_size;
    int64_t max_pixels; /* of the input that the file may name, height times width; 0: 4,194,304 (2048 x 2048) */
} rn_model_open_options;

/* Makes the model that such a file holds. RN_FORMAT: the file carries no network name, or a larger input than allowed;
 * RN_INVALID_ARGUMENT: not a network of the zoo (build it and rn_model_load the file). */
RN_API rn_status rn_model_open(rn_model **model, rn_context *context, const char *path,
                               const rn_model_open_options *options);

#ifdef __cplusplus
}
#endif

#endif
