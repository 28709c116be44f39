/* SPDX-License-Identifier: MIT */
/*
 * Where in a file the state dict of a network lies, and what its parameters are called there. A training script's
 * checkpoint holds more than one ({'state_dict': ..., 'best_acc': ..., 'optimizer': ...}), so that its tensors are
 * called "state_dict.conv1.weight", or holds two that fit (a model and its average).
 */
#ifndef RN_STORE_SOURCE_H
#define RN_STORE_SOURCE_H

#include "graph/graph.h"
#include "store/names.h"
#include "store/report.h"

/* Names of the network that begin with `ours` begin with `theirs` in the file: pieces of names of both, not ended. */
typedef struct rn_alias {
    const char *ours, *theirs;
    size_t ours_length, theirs_length;
} rn_alias;

typedef enum rn_network_part { RN_BACKBONE, RN_HEAD } rn_network_part;

typedef struct rn_load_source {
    const rn_model *model; /* its graph and name only */
    const rn_file_names *names;
    const char *prefix; /* the report's */
    size_t length;
    rn_alias *alias; /* room for one for each parameter */
    size_t alias_count;
    bool positional; /* children of the network are called by their numbers */
    bool quiet;      /* whether it fits is asked, and no more: nothing is logged */
} rn_load_source;

/* A batch norm's num_batches_tracked, which old files lack. */
bool rn_is_counter(const rn_parameter *entry);
/* A tensor that an entry can take. */
bool rn_value_fits(const rn_parameter *entry, const rn_tensor *tensor);
/* The place in the file of a parameter's tensor; false: there is none. */
bool rn_source_find(size_t *tensor, const rn_load_source *source, const char *name);
/* The same as a tensor, or NULL. */
const rn_tensor *rn_source_tensor(const rn_load_source *source, const char *name);
/* True if all parameters of the head, or all outside it, are there; counters may be missing. */
bool rn_source_part_fits(const rn_load_source *source, rn_network_part part);
/* True if the head of the file has another size or form, or the policy says so anyway. */
bool rn_source_skips_head(const rn_load_source *source, int32_t policy);
/* True if the file has anything that is the network's head or lies under its name. */
bool rn_source_has_head(const rn_load_source *source);
/* True if the first word of a name (behind the prefix) begins no parameter's name. */
bool rn_source_is_foreign(const rn_load_source *source, const char *name);
/* The name of a tensor behind the prefix, if that is what it begins with; else NULL. */
const char *rn_source_name(const rn_load_source *source, size_t tensor);

/* True of a tensor that is state of ours beside the weights: an optimizer's slot, an average. */
bool rn_source_is_state(const rn_load_source *source, size_t tensor);

/* Begins a search. RN_NO_MEMORY; nothing has to be released then. */
rn_status rn_source_create(rn_load_source *source, const rn_model *model, const rn_file_names *names);
void rn_source_release(rn_load_source *source);
/* Says where the state dict was found and what was taken for what. */
void rn_source_log(const rn_load_source *source, rn_context *context, const char *path);

/* ---- locate.c: where the state dict lies ----------------------------------------------------------------------- */

/*
 * Finds the state dict and writes its prefix, and the candidates if there are several, into the report.
 * RN_INVALID_ARGUMENT: no such prefix, or several fit and nothing decides. `path` is for messages.
 */
rn_status rn_source_locate(rn_load_source *source, rn_load_report *report, const rn_load_options *options,
                           const char *path);

/* ---- alias.c: parameters that have other names in the file ----------------------------------------------------- */

/*
 * Finds what the file calls the parameters under the source's prefix: by their own names, with a head that is one layer
 * of a torch.nn.Sequential; or, if those do not fit, by the numbers of the network's children.
 */
void rn_source_find_aliases(rn_load_source *source);
/* The length of what stands before the number of the first child in a tensor's name, if it may be the first of children
 * that are called by their numbers; else -1. */
ptrdiff_t rn_source_numbered_prefix(const rn_load_source *source, size_t tensor);

#endif
