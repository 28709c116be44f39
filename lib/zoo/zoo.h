/* SPDX-License-Identifier: MIT */
/* The catalogue: what the zoo knows of a network. One file a family writes the graphs. */
#ifndef RN_ZOO_ZOO_H
#define RN_ZOO_ZOO_H

#include "graph/graph.h"

typedef struct rn_zoo_entry {
    const char *name;
    /* Writes the network of that name. */
    void (*write)(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
    int64_t classes; /* of the published weights */
    int64_t height, width;
    const char *floats; /* a pipeline: how bytes become floats */
    const char *preset; /* of both pipelines */
} rn_zoo_entry;

const rn_zoo_entry *rn_zoo_find(const char *name); /* NULL if there is none */
/* rn_model_create for a model that takes all its values from a file. */
rn_status rn_zoo_create_without_values(rn_model **model, rn_context *context, const char *name,
                                       const rn_model_options *options);

void rn_write_alexnet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
void rn_write_cifar_resnet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
void rn_write_densenet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
void rn_write_inception(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
void rn_write_resnet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
void rn_write_squeezenet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);
void rn_write_vgg(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width);

#endif
