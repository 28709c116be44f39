/* SPDX-License-Identifier: MIT */
/* The stack machine (unpickler.c) behind rn_pickle_read (pickle.c): shared by them, pickle_opcodes.c and
 * pickle_calls.c. */
#ifndef RN_CHECKPOINT_UNPICKLER_H
#define RN_CHECKPOINT_UNPICKLER_H

#include "checkpoint/pickle.h"

enum { RN_UNPICKLER_LINE = 1000 }; /* bytes of a name */

typedef struct rn_unpickler {
    rn_pickle *pickle;
    const char *path;
    rn_message *message;
    const unsigned char *bytes;
    size_t nbytes, at;
    rn_pickle_value *stack;
    size_t count, capacity;
    size_t *marks; /* heights of the stack */
    size_t mark_count, mark_capacity;
    rn_pickle_value *memo;
    size_t memo_capacity, memoized; /* numbers dealt by MEMOIZE */
    size_t opcodes;                 /* run so far */
    bool stopped;
} rn_unpickler;

typedef struct rn_opcode {
    rn_status (*run)(rn_unpickler *u, int32_t argument); /* NULL: not understood */
    int32_t argument;
} rn_opcode;
extern const rn_opcode rn_opcodes[256];

/* The opcodes of pickle_calls.c. */
rn_status rn_op_global(rn_unpickler *u, int32_t unused);
rn_status rn_op_stack_global(rn_unpickler *u, int32_t unused);
rn_status rn_op_call(rn_unpickler *u, int32_t operands);
rn_status rn_op_object(rn_unpickler *u, int32_t unused);
rn_status rn_op_instance(rn_unpickler *u, int32_t unused);
rn_status rn_op_build(rn_unpickler *u, int32_t unused);
rn_status rn_op_persistent(rn_unpickler *u, int32_t unused);

/* Fails with RN_FORMAT and the place. */
rn_status rn_unpickler_damaged(const rn_unpickler *u, const char *what);
/* Charges work to the budget. RN_FORMAT: more than the file's size justifies. */
rn_status rn_unpickler_work(rn_unpickler *u, size_t units);
/* Memory that lives as long as the pickle. */
rn_status rn_unpickler_allocate(void **memory, rn_unpickler *u, size_t nbytes);
/* The next `count` bytes; NULL: the end of the pickle comes first. */
const unsigned char *rn_unpickler_take(rn_unpickler *u, size_t count);
/* A line of text of at most RN_UNPICKLER_LINE bytes, without its end. */
rn_status rn_unpickler_take_line(const unsigned char **line, size_t *length, rn_unpickler *u);

rn_status rn_unpickler_push(rn_unpickler *u, rn_pickle_value value);
/* Values above the last mark. */
size_t rn_unpickler_available(const rn_unpickler *u);
/*
 * `count` values from the top, in the order in which they were pushed; they stay readable until the next push. NULL:
 * there are not that many.
 */
const rn_pickle_value *rn_unpickler_pop(rn_unpickler *u, size_t count);
rn_status rn_unpickler_mark(rn_unpickler *u);
/* The same as pop for everything above the last mark, which goes too. */
const rn_pickle_value *rn_unpickler_pop_mark(rn_unpickler *u, size_t *count);

/* A container with these items; and the same onto the stack. */
rn_status rn_unpickler_make(rn_pickle_value *made, rn_unpickler *u, rn_pickle_type type, const rn_pickle_value *values,
                            size_t count);
rn_status rn_unpickler_push_made(rn_unpickler *u, rn_pickle_type type, const rn_pickle_value *values, size_t count);
rn_status rn_unpickler_append(rn_unpickler *u, rn_pickle_items *items, const rn_pickle_value *values, size_t count);

/* The memo: keeps the top of the stack under a number; pushes what was kept. */
rn_status rn_unpickler_put(rn_unpickler *u, size_t index);
rn_status rn_unpickler_recall(rn_unpickler *u, size_t index);

#endif
