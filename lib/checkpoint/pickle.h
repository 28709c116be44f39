/* SPDX-License-Identifier: MIT */
/*
 * A pickle as a tree of values. Pickle is a program for a stack machine; ours only builds this tree. A call in the
 * pickle becomes a value that says what would have been called with which arguments, and whoever knows its meaning
 * reads it; nothing is looked up or run. A global that is not in the table of pickle_globals.c is a stranger: what it
 * makes is opaque, and what is put into that is forgotten, but for keys with values: a class of one's own that is
 * filled like a dictionary is derived from one.
 */
#ifndef RN_CHECKPOINT_PICKLE_H
#define RN_CHECKPOINT_PICKLE_H

#include "base/budget.h"
#include "base/message.h"
#include <resnet/tensor.h>
#include <stdint.h>

/* What a global that we know is good for. */
typedef enum rn_global_kind {
    RN_GLOBAL_DICTIONARY = 1, /* OrderedDict and its like */
    RN_GLOBAL_TENSOR,         /* (storage, offset, size, strides, ...) */
    RN_GLOBAL_PARAMETER,      /* (tensor, ...) */
    RN_GLOBAL_SUBCLASS,       /* (function, type, arguments, state) */
    RN_GLOBAL_STORAGE,        /* a storage's element type */
    RN_GLOBAL_SIZE,           /* torch.Size: (tuple) */
    RN_GLOBAL_NUMPY_SCALAR,   /* (dtype, bytes) */
    RN_GLOBAL_NUMPY_DTYPE,    /* ('f8', ...) */
    RN_GLOBAL_ENCODE,         /* _codecs.encode: bytes written as text by protocol 2 */
    RN_GLOBAL_HARMLESS,       /* harmless and of no interest: a device, a type */
    /* From here on opaque. */
    RN_GLOBAL_UNSUPPORTED, /* understood, not read */
    RN_GLOBAL_PAIRS,       /* a storage of complex numbers, two of an element type each, not read */
    RN_GLOBAL_SCRIPT,      /* a class of a TorchScript program */
    RN_GLOBAL_STRANGER     /* not in the table */
} rn_global_kind;

typedef struct rn_pickle_global {
    const char *module, *name;
    rn_global_kind kind;
    rn_dtype dtype;   /* of a storage; of one that is not read, a type as wide, if there is one */
    const char *what; /* of what is unsupported */
} rn_pickle_global;

/* NULL: not one that we know. */
const rn_pickle_global *rn_pickle_global_find(const char *module, size_t module_length, const char *name,
                                              size_t name_length);

typedef enum rn_pickle_type {
    RN_PICKLE_NONE = 0,
    RN_PICKLE_BOOL,       /* integer */
    RN_PICKLE_INTEGER,    /* integer */
    RN_PICKLE_LONG,       /* text: two's complement, little-endian, more than 8 bytes */
    RN_PICKLE_FLOAT,      /* number */
    RN_PICKLE_TEXT,       /* text, and whatever Python 2 wrote as a string */
    RN_PICKLE_BYTES,      /* text */
    RN_PICKLE_TUPLE,      /* items */
    RN_PICKLE_LIST,       /* items */
    RN_PICKLE_SET,        /* items */
    RN_PICKLE_DICTIONARY, /* items: key, value, key, value ... */
    RN_PICKLE_GLOBAL,     /* global */
    RN_PICKLE_CALL,       /* call */
    RN_PICKLE_PERSISTENT  /* items: the id alone */
} rn_pickle_type;

typedef struct rn_pickle_items rn_pickle_items;
typedef struct rn_pickle_call rn_pickle_call;

typedef struct rn_pickle_value {
    uint32_t type;   /* an rn_pickle_type */
    uint32_t length; /* of text */
    union {
        int64_t integer;
        double number;
        const char *text; /* inside the pickle's bytes; no zero byte follows */
        rn_pickle_items *items;
        const rn_pickle_global *global;
        rn_pickle_call *call;
    } as;
} rn_pickle_value;

struct rn_pickle_items {
    rn_pickle_value *value;
    size_t count, capacity;
};

struct rn_pickle_call {
    const rn_pickle_global *function;
    rn_pickle_items *arguments;
    rn_pickle_value state;    /* of a BUILD; NONE if there was none */
    rn_pickle_items *entries; /* of what nobody knows: key, value, ..., as in a dictionary; NULL if there are none */
};

/* Key, value, key, value ... of a dictionary, or of what was filled like one. NULL: neither. */
const rn_pickle_items *rn_pickle_entries(const rn_pickle_value *value);

/* The global of a value that nobody may look into: a stranger or what it made, or what is not read. NULL otherwise. */
const rn_pickle_global *rn_pickle_opaque(const rn_pickle_value *value);

typedef struct rn_pickle_block rn_pickle_block;

/* A finished pickle. Values live until it is released; texts as long as the bytes. */
typedef struct rn_pickle {
    rn_budget *budget; /* what it was charged goes back when it is released */
    size_t charged;
    rn_pickle_block *blocks;
    rn_pickle_value root;
    rn_pickle_items persistent; /* every persistent id, in order */
    size_t consumed;            /* bytes up to and with STOP */
} rn_pickle;

/*
 * Reads one pickle from the start of `bytes`; more may follow it. RN_FORMAT: damaged, or beyond a limit or the budget;
 * RN_NO_MEMORY. `path` is for messages. Release in every case but failure, while the budget lives.
 */
rn_status rn_pickle_read(rn_pickle *pickle, rn_budget *budget, const char *path, const unsigned char *bytes,
                         size_t nbytes, rn_message *message);
void rn_pickle_release(rn_pickle *pickle); /* all zero is fine */

/* The text of a value is `text`. */
bool rn_pickle_is_text(const rn_pickle_value *value, const char *text);
/* The value of a text key in a dictionary; NULL if there is none. */
const rn_pickle_value *rn_pickle_member(const rn_pickle_value *dictionary, const char *key);
/* Items of a tuple, list or torch.Size; NULL otherwise. */
const rn_pickle_items *rn_pickle_sequence(const rn_pickle_value *value);

/*
 * A number, truth value or string as text in `text` of `size` bytes, numbers so that reading them gives the same value,
 * without regard to the locale. False if it is something else, does not fit, or is text with a zero byte or not UTF-8.
 */
bool rn_pickle_print(char *text, size_t size, const rn_pickle_value *value);
/*
 * A dictionary's key as text: besides those None, bytes as b'..', globals by their names, and tuples, lists, sets and
 * calls of all of these as Python shows them, but texts without quotes: "(layer, 1)", "torch.device(cpu)". The work is
 * charged to the budget; false, too, if that is spent.
 */
bool rn_pickle_print_key(char *text, size_t size, const rn_pickle_value *key, rn_budget *budget);
/* The work of printing it, for a budget: a shared value may be printed at every visit. 0: its type never is. */
size_t rn_pickle_print_work(const rn_pickle_value *value);

#endif
