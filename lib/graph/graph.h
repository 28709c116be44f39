/* SPDX-License-Identifier: MIT */
/*
 * What a graph and a model are. A graph is a list of layer declarations in execution order; each declares its shape
 * rule, its parameters and their initialisation. It executes nothing: the run room lowers it to steps.
 */
#ifndef RN_GRAPH_GRAPH_H
#define RN_GRAPH_GRAPH_H

#include "context/context.h"
#include "params/parameters.h"
#include <resnet/classes.h>
#include <resnet/graph.h>
#include <resnet/image.h>
#include <resnet/model.h>

typedef enum rn_layer_kind {
    RN_LAYER_INPUT,
    RN_LAYER_CONV2D,
    RN_LAYER_BATCH_NORM2D,
    RN_LAYER_RELU,
    RN_LAYER_MAX_POOL2D,
    RN_LAYER_AVG_POOL2D,
    RN_LAYER_ADAPTIVE_AVG_POOL2D,
    RN_LAYER_LINEAR,
    RN_LAYER_DROPOUT,
    RN_LAYER_ADD,
    RN_LAYER_CONCAT,
    RN_LAYER_FLATTEN,
    RN_LAYER_SHORTCUT_A,
    RN_LAYER_LOG_SOFTMAX
} rn_layer_kind;

/* Of one image. A flat value is (channels, 1, 1) with `flat` set. */
typedef struct rn_value_shape {
    int64_t c, h, w;
    bool flat;
} rn_value_shape;

/* Layer i produces value i: values and layers have the same indices. */
typedef struct rn_layer {
    rn_layer_kind kind;
    char *name;      /* full, with dots; no two layers have the same */
    int32_t *inputs; /* values */
    int32_t input_count;
    rn_value_shape shape; /* of its output for the graph's own input size */
    int64_t in_channels;  /* that the weights expect; 0 for layers that take any number */
    bool frozen;          /* statistics and dropout stand still; meaningful in a model */
    union {
        /* also of a linear layer: a convolution of one pixel */
        struct {
            int32_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, groups, dilation;
        } conv;
        struct {
            int32_t kernel, stride, padding;
            bool ceil_mode, exclude_padding;
        } pool;
        struct {
            double eps, momentum;
        } batch_norm;
        struct {
            double probability;
        } dropout;
        struct {
            int32_t stride;
        } shortcut;
    } as;
    /* Indices into the parameter store, -1 where there is none. */
    int32_t weight, bias, running_mean, running_var, batches_tracked;
    rn_init init;
} rn_layer;

/* An output, or a name that rn_graph_leave gave to a value (which may have several: "layer4.1" and "layer4"). */
typedef struct rn_graph_output_entry {
    char *name;
    int32_t value;
    bool auxiliary;
    double loss_weight;
} rn_graph_output_entry;

enum { RN_GRAPH_DEPTH = 32 }; /* rn_graph_enter within rn_graph_enter */

struct rn_graph {
    rn_references references; /* a model keeps its graph */
    rn_context *context;
    rn_parameters *parameters; /* declared while the graph is written */
    rn_layer *layer;
    int32_t count, capacity;
    rn_graph_output_entry *output;
    int32_t output_count;
    rn_graph_output_entry *alias;
    int32_t alias_count;
    char **head; /* prefixes */
    int32_t head_count;
    char *prefix;                 /* the names entered, joined */
    size_t level[RN_GRAPH_DEPTH]; /* the length of `prefix` before each of the names entered */
    int32_t depth;
    bool sealed;      /* a model was built from it: nothing may be added */
    rn_status status; /* the first error */
    rn_message message;
};

/*
 * The shape rule of a layer: its output for inputs of these shapes (in the order of layer->inputs). `channels` of
 * layers with weights come from the layer's own output shape. RN_SHAPE with a message that names the layer.
 */
rn_status rn_layer_shape(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *inputs,
                         rn_message *message);

/* "conv2d", "relu": for messages. */
const char *rn_layer_kind_name(rn_layer_kind kind);
/*
 * Adds a layer (its strings and arrays are copied; name is relative to what was entered, NULL: the kind, numbered).
 * Gives the value, or an invalid one after an error.
 */
rn_value rn_graph_add_layer(rn_graph *graph, const rn_layer *layer, const char *name);
/* Records the first error of a graph. Gives an invalid value back. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
rn_value
rn_graph_fail(rn_graph *graph, rn_status status, const char *format, ...);
/* The same for a layer that is about to be added: "conv2d layer3.5.conv1: ...". */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
rn_value
rn_graph_fail_layer(rn_graph *graph, rn_status status, rn_layer_kind kind, const char *name, const char *format, ...);
/* The container's own tools, for the files that write into it (graph.c). */
rn_value rn_graph_fail_memory(rn_graph *graph);
/* False after an error of the graph, or if a model was built from it: nothing may be added. */
bool rn_graph_is_open(rn_graph *graph);
bool rn_graph_is_name(const char *name);
bool rn_graph_has_value(const rn_graph *graph, rn_value value);
/* "prefix.name" of what was entered, or NULL after an error of the graph, which `what` begins. */
char *rn_graph_join_name(rn_graph *graph, const char *what, const char *name);
/* Appends a name (taken over, NULL: no memory) of a value. */
bool rn_graph_add_entry(rn_graph *graph, rn_graph_output_entry **list, int32_t *count, char *name, int32_t value);
/* The full name that a layer would get; NULL after an error of the graph. */
char *rn_graph_full_name(rn_graph *graph, rn_layer_kind kind, const char *name);
/*
 * Gives all parameters of a finished store the values that their layers' initialisation says, a pure function of (seed,
 * name, position).
 */
void rn_graph_initialise(rn_graph *graph, uint64_t seed);
/* Of one image of the graph's input size, of the layers on which the first output depends. RN_NO_MEMORY. */
rn_status rn_graph_multiply_adds(int64_t *count, const rn_graph *graph);

/* What a higher floor keeps with a model, to go with it (predict/photo.c: a session). First member of what it is. */
typedef struct rn_companion {
    void (*release)(struct rn_companion *companion);
} rn_companion;

struct rn_model {
    rn_references references;
    rn_context *context;
    rn_graph *graph; /* finished: its parameters have values */
    char *name;
    /* What sessions of other threads may be reading: published as pointers, kept until the model goes. */
    _Atomic(const rn_classes *) classes; /* or NULL */
    _Atomic(const rn_pipeline *) pipeline, training_pipeline;
    struct rn_kept *kept;
    _Atomic(rn_companion *) companion; /* or NULL: there is none, or somebody uses it */
    int64_t multiply_adds;             /* of a forward to the first output */
    uint64_t freeze_version;           /* rises when the trainable set changes: plans compare it */
};

/* rn_model_build for a model that takes all its values from a file: drawing 60 million of them takes longer than that.
 */
rn_status rn_model_build_without_values(rn_model **model, rn_graph *graph, const char *name,
                                        const rn_model_options *options);
void rn_model_retain(rn_model *model);
/* Takes one of the two over, also on failure: it lives as long as the model. */
rn_status rn_model_keep(rn_model *model, rn_classes *classes, rn_pipeline *pipeline);
/* Who uses the companion takes it out meanwhile, so that nobody else can release it. NULL: there is none. */
rn_companion *rn_model_take_companion(rn_model *model);
/* Leaves it (taken over; NULL: none) with the model; one that is there is released. Any thread, as all three. */
void rn_model_keep_companion(rn_model *model, rn_companion *companion);
/* True if parameter or layer name lies in the head. */
bool rn_model_in_head(const rn_model *model, const char *name);
/* The value of an output or layer name, or -1. */
int32_t rn_model_find_value(const rn_model *model, const char *name);

/* ---- summary.c --------------------------------------------------------------------------------------------------- */

/* What the summary says of a layer. */
typedef struct rn_layer_summary {
    const char *name, *kind, *trainable; /* the model's; static; "yes", "no", "partly", "-" */
    char shape[80];
    int64_t parameters, trained; /* elements; those that are trainable */
} rn_layer_summary;

void rn_layer_summarise(rn_layer_summary *summary, const rn_model *model, int32_t layer);

#endif
