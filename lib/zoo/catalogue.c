/* SPDX-License-Identifier: MIT */
/*
 * The catalogue of the zoo: every network by name, with the size of its input and how photos are prepared for it.
 *
 * Validation and prediction do as torchvision's published evaluation does. Training sees photos at the same scale,
 * turned, mirrored and recoloured (rn_pipeline_preset).
 */
#include "zoo/zoo.h"
#include "base/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char as_imagenet[] = "ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)",
                  as_inception[] = "ToTensor(), Normalize(0.5 0.5 0.5, 0.5 0.5 0.5)";

#define IMAGENET(side) 1000, side, side, as_imagenet, "tutorial"
#define CIFAR 10, 32, 32, as_imagenet, "mirrored"

static const rn_zoo_entry catalogue[] = {
    { "resnet18", rn_write_resnet, IMAGENET(224) },
    { "resnet34", rn_write_resnet, IMAGENET(224) },
    { "resnet50", rn_write_resnet, IMAGENET(224) },
    { "resnet101", rn_write_resnet, IMAGENET(224) },
    { "resnet152", rn_write_resnet, IMAGENET(224) },
    { "resnext50_32x4d", rn_write_resnet, IMAGENET(224) },
    { "resnext101_32x8d", rn_write_resnet, IMAGENET(224) },
    { "wide_resnet50_2", rn_write_resnet, IMAGENET(224) },
    { "wide_resnet101_2", rn_write_resnet, IMAGENET(224) },
    { "resnet50_v1", rn_write_resnet, IMAGENET(224) },
    { "resnet101_v1", rn_write_resnet, IMAGENET(224) },
    { "resnet152_v1", rn_write_resnet, IMAGENET(224) },
    { "plain18", rn_write_resnet, IMAGENET(224) },
    { "plain34", rn_write_resnet, IMAGENET(224) },
    { "alexnet", rn_write_alexnet, IMAGENET(224) },
    { "vgg11", rn_write_vgg, IMAGENET(224) },
    { "vgg11_bn", rn_write_vgg, IMAGENET(224) },
    { "vgg13", rn_write_vgg, IMAGENET(224) },
    { "vgg13_bn", rn_write_vgg, IMAGENET(224) },
    { "vgg16", rn_write_vgg, IMAGENET(224) },
    { "vgg16_bn", rn_write_vgg, IMAGENET(224) },
    { "vgg19", rn_write_vgg, IMAGENET(224) },
    { "vgg19_bn", rn_write_vgg, IMAGENET(224) },
    { "squeezenet1_0", rn_write_squeezenet, IMAGENET(224) },
    { "squeezenet1_1", rn_write_squeezenet, IMAGENET(224) },
    { "densenet121", rn_write_densenet, IMAGENET(224) },
    { "densenet161", rn_write_densenet, IMAGENET(224) },
    { "densenet169", rn_write_densenet, IMAGENET(224) },
    { "densenet201", rn_write_densenet, IMAGENET(224) },
    { "inception_v3", rn_write_inception, 1000, 299, 299, as_inception, "tutorial" },
    { "cifar_resnet20", rn_write_cifar_resnet, CIFAR },
    { "cifar_resnet32", rn_write_cifar_resnet, CIFAR },
    { "cifar_resnet44", rn_write_cifar_resnet, CIFAR },
    { "cifar_resnet56", rn_write_cifar_resnet, CIFAR },
    { "cifar_resnet110", rn_write_cifar_resnet, CIFAR },
    { "cifar_plain20", rn_write_cifar_resnet, CIFAR },
    { "cifar_plain56", rn_write_cifar_resnet, CIFAR },
};

enum { CATALOGUE_COUNT = sizeof catalogue / sizeof catalogue[0], MAX_CLASSES = 1000000, MAX_SIDE = 1 << 14 };

const rn_zoo_entry *rn_zoo_find(const char *name)
{
    for (size_t i = 0; i < CATALOGUE_COUNT; i++) {
        if (strcmp(catalogue[i].name, name) == 0)
            return &catalogue[i];
    }
    return NULL;
}

const char *rn_zoo_name(size_t index)
{
    return index < CATALOGUE_COUNT ? catalogue[index].name : NULL;
}

static rn_status fail_unknown(rn_message *message, const char *name)
{
    char list[1024];
    size_t length = 0;

    for (size_t i = 0; i < CATALOGUE_COUNT && length < sizeof list; i++)
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i > 0 ? ", " : "", catalogue[i].name);
    return rn_fail(message, RN_INVALID_ARGUMENT, "the zoo has no network '%s'; it has %s", name, list);
}

/* ---- preprocessing ----------------------------------------------------------------------------------------------- */

/* The preset takes mean and deviation from the pipeline that is there. */
static rn_status set_pipelines(rn_model *model, const rn_zoo_entry *entry)
{
    const rn_status status = rn_model_set_pipeline(model, entry->floats);

    return status == RN_OK ? rn_model_set_preset(model, entry->preset) : status;
}

/* ---- making a network -------------------------------------------------------------------------------------------- */

static rn_status check_options(rn_message *message, const rn_model_options *options)
{
    const size_t table = options->classes != NULL ? rn_classes_count(options->classes) : 0;

    if (options->class_count < 0 || options->class_count > MAX_CLASSES)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a network of %" PRId64 " classes", options->class_count);
    if (options->classes != NULL && options->class_count != 0 && (uint64_t)options->class_count != table)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a table of %zu classes and a class_count of %" PRId64, table,
                       options->class_count);
    if (options->height < 0 || options->height > MAX_SIDE || options->width < 0 || options->width > MAX_SIDE)
        return rn_fail(message, RN_INVALID_ARGUMENT, "an input of %" PRId32 " x %" PRId32, options->height,
                       options->width);
    return RN_OK;
}

/* What both calls ask first: the options and the entry of the name. */
static rn_status find(const rn_zoo_entry **entry, rn_model_options *o, rn_context *context, const char *name,
                      const rn_model_options *options)
{
    rn_status status;

    if ((status = rn_options_read(o, sizeof *o, options, &context->message)) != RN_OK ||
        (status = check_options(&context->message, o)) != RN_OK)
        return status;
    *entry = rn_zoo_find(name);
    return *entry != NULL ? RN_OK : fail_unknown(&context->message, name);
}

static rn_status write_graph(rn_graph **graph, rn_context *context, const rn_zoo_entry *entry,
                             const rn_model_options *options)
{
    const int64_t height = options->height != 0 ? options->height : entry->height;
    const int64_t width = options->width != 0 ? options->width : entry->width;
    int64_t classes = options->class_count != 0 ? options->class_count : entry->classes;
    rn_status status = rn_graph_create(graph, context);

    if (options->classes != NULL)
        classes = (int64_t)rn_classes_count(options->classes);
    if (status == RN_OK)
        entry->write(*graph, entry->name, classes, height, width);
    return status;
}

typedef rn_status (*model_builder)(rn_model **model, rn_graph *graph, const char *name,
                                   const rn_model_options *options);

static rn_status create_from_entry(rn_model **model, rn_context *context, const rn_zoo_entry *entry,
                                   const rn_model_options *options, model_builder build)
{
    rn_graph *graph = NULL;
    rn_status status = write_graph(&graph, context, entry, options);

    if (status == RN_OK)
        status = build(model, graph, entry->name, options);
    rn_graph_destroy(graph);
    if (status != RN_OK)
        return status;
    status = set_pipelines(*model, entry);
    if (status != RN_OK) {
        rn_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

rn_status rn_model_create(rn_model **model, rn_context *context, const char *name, const rn_model_options *options)
{
    const rn_zoo_entry *entry;
    rn_model_options o;
    rn_status status;

    if (model != NULL)
        *model = NULL;
    if (context == NULL)
        return rn_fail_null("rn_model_create", "context");
    if (model == NULL || name == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_model_create: %s is NULL",
                       model == NULL ? "model" : "name");
    status = find(&entry, &o, context, name, options);
    return status == RN_OK ? create_from_entry(model, context, entry, &o, rn_model_build) : status;
}

rn_status rn_zoo_create_without_values(rn_model **model, rn_context *context, const char *name,
                                       const rn_model_options *options)
{
    const rn_zoo_entry *entry;
    rn_model_options o;
    const rn_status status = find(&entry, &o, context, name, options);

    *model = NULL;
    return status == RN_OK ? create_from_entry(model, context, entry, &o, rn_model_build_without_values) : status;
}

/* ---- describing one ---------------------------------------------------------------------------------------------- */

/* Writes as much of the answer as the caller's struct has. */
static rn_status describe(rn_zoo_network *network, const rn_graph *graph)
{
    const size_t size = network->struct_size < sizeof *network ? network->struct_size : sizeof *network;
    const rn_value_shape *const input = &graph->layer[0].shape;
    rn_zoo_network result = { .struct_size = network->struct_size };
    const rn_status status = rn_graph_multiply_adds(&result.multiply_adds, graph);

    if (status != RN_OK)
        return status;
    result.channels = input->c;
    result.height = input->h;
    result.width = input->w;
    result.classes = graph->layer[graph->output[0].value].shape.c;
    result.parameters = rn_parameters_elements(graph->parameters, 0);
    snprintf(result.head, sizeof result.head, "%s", graph->head_count > 0 ? graph->head[0] : "");
    memcpy(network, &result, size);
    return RN_OK;
}

rn_status rn_zoo_describe(rn_zoo_network *network, rn_context *context, const char *name,
                          const rn_model_options *options)
{
    const rn_zoo_entry *entry;
    rn_graph *graph = NULL;
    rn_model_options o;
    rn_status status;

    if (context == NULL)
        return rn_fail_null("rn_zoo_describe", "context");
    if (network == NULL || network->struct_size < sizeof(size_t) || name == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT,
                       "rn_zoo_describe needs a place for the answer, with its struct_size, and a name");
    status = find(&entry, &o, context, name, options);
    if (status == RN_OK)
        status = write_graph(&graph, context, entry, &o);
    if (status == RN_OK && graph->status != RN_OK)
        status = rn_fail(&context->message, graph->status, "%s", graph->message.text);
    if (status == RN_OK)
        status = describe(network, graph);
    rn_graph_destroy(graph);
    return status;
}
