/* SPDX-License-Identifier: MIT */
/*
 * The names that a load knows a file's tensors by: the caller's other beginnings first, then without what wrappers and
 * old releases wrote into them. A tensor is found by either name.
 */
#ifndef RN_STORE_NAMES_H
#define RN_STORE_NAMES_H

#include "checkpoint/checkpoint.h"
#include "graph/graph.h"

enum { RN_NAME_SIZE = 2048, RN_WRAPPERS = 4 }; /* longer names match nothing */

typedef struct rn_file_names {
    const rn_checkpoint *file;
    const rn_allocator *allocator;
    char **given;        /* by tensor: the name that the caller gave it, NULL: the file's */
    char **plain;        /* by tensor: the name without wrappers, NULL: the same */
    bool *left_out;      /* by tensor: by the caller's wish */
    rn_name_index index; /* of both names */
    bool strips[RN_WRAPPERS];
} rn_file_names;

/*
 * `parameters`: of the network whose own words are no wrappers. `path` is for messages. What was made has to be
 * released also after a failure. RN_INVALID_ARGUMENT, RN_NO_MEMORY.
 */
rn_status rn_file_names_create(rn_file_names *names, rn_context *context, const rn_checkpoint *file,
                               const rn_parameters *parameters, const rn_load_options *options, const char *path);
void rn_file_names_release(rn_file_names *names);

/* The name of a tensor after the caller's renaming; NULL: it was left out. */
const char *rn_file_name(const rn_file_names *names, size_t tensor);
/* The length of what stands before the name `wanted` at the end of a tensor's name, its dot included; -1 if it does not
 * end so. */
ptrdiff_t rn_file_name_prefix(const rn_file_names *names, size_t tensor, const char *wanted);
/* Finds the tensor that is called `prefix` and then `name`. */
bool rn_file_names_find(size_t *tensor, const rn_file_names *names, const char *prefix, const char *name);
/* True if `name` begins with the `length` bytes of `words` and ends there or goes on with a dot. */
bool rn_name_begins(const char *name, const char *words, size_t length);

#endif
