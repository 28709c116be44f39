/* SPDX-License-Identifier: MIT */
/* The walk through a saved object, shared by torch_value.c and the files for single kinds of values. */
#ifndef RN_CHECKPOINT_TORCH_WALK_H
#define RN_CHECKPOINT_TORCH_WALK_H

#include "checkpoint/torch.h"

typedef struct rn_found_tensor {
    char *name;
    rn_tensor *tensor;
} rn_found_tensor;

enum { RN_PASSED_KINDS = 16, RN_PASSED_TEXT = 640 };

/* Objects that nobody looks into: one of each global by its name in the file, how many there were in all. */
typedef struct rn_passed_over {
    const rn_pickle_global *kind[RN_PASSED_KINDS];
    size_t kinds, listed, objects;
    char text[RN_PASSED_TEXT]; /* "args (argparse.Namespace), optimizer (torch.optim.adam.Adam)" */
    size_t length;
} rn_passed_over;

typedef struct rn_torch_walk {
    rn_reader *reader;
    const rn_torch_source *source;
    rn_found_tensor *found;
    size_t count, capacity;
    char *name; /* of the value being looked at, with its zero */
    size_t length, name_capacity;
    rn_passed_over passed;
} rn_torch_walk;

/* ---- torch_walk.c: names and what is found under them ----------------------------------------------------------- */

rn_status rn_walk_begin(rn_torch_walk *w);
void rn_walk_end(rn_torch_walk *w); /* in every case */
rn_message *rn_walk_message(const rn_torch_walk *w);
const rn_allocator *rn_walk_allocator(const rn_torch_walk *w);
/* Fails with RN_NO_MEMORY and the name. */
rn_status rn_walk_no_memory(const rn_torch_walk *w);
/* Adds "." and a part to the name; *length is what to go back to, whatever the status. */
rn_status rn_walk_enter(size_t *length, rn_torch_walk *w, const char *part, size_t part_length);
void rn_walk_leave(rn_torch_walk *w, size_t length);
/* A tensor under the present name. Takes it over in every case. */
rn_status rn_walk_keep(rn_torch_walk *w, rn_tensor *tensor);

/* ---- torch_tensor.c: calls that make tensors --------------------------------------------------------------------- */

rn_status rn_walk_add_layout(rn_torch_walk *w, const rn_torch_layout *layout);
rn_status rn_walk_add_rebuilt(rn_torch_walk *w, const rn_pickle_global *function, const rn_pickle_items *arguments);
rn_status rn_walk_add_subclass(rn_torch_walk *w, const rn_pickle_items *arguments);

/* ---- torch_module.c: modules by their attributes ----------------------------------------------------------------- */

/* The value is a module of torch.nn, or of TorchScript. */
rn_status rn_walk_is_module(bool *module, const rn_torch_walk *w, const rn_pickle_value *value);
/* What is done with a value under its key. */
typedef rn_status (*rn_walk_visitor)(rn_torch_walk *w, const rn_pickle_value *key, const rn_pickle_value *value,
                                     int depth);
/* `visit` sees what belongs to the module's state_dict(); modules within are values like others. */
rn_status rn_walk_visit_module(rn_torch_walk *w, const rn_pickle_value *value, rn_walk_visitor visit, int depth);

/* ---- torch_opaque.c: what is passed over ------------------------------------------------------------------------- */

/* Notes that the present value is not looked into. `global` made it; NULL: its key is no text. */
rn_status rn_walk_pass_over(rn_torch_walk *w, const rn_pickle_global *global);
/* At the end: metadata and the log say what was passed over; a file of nothing else is refused. */
rn_status rn_walk_report_passed(const rn_torch_walk *w);

#endif
