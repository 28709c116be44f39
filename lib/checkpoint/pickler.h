/* SPDX-License-Identifier: MIT */
/*
 * Writes pickles of protocol 2, in the words that torch.load(weights_only=True) understands: dictionaries, lists,
 * tuples, text, numbers, truth values, None and tensors. A container is opened, filled with values (a dictionary with
 * keys and values in turn) and closed.
 */
#ifndef RN_CHECKPOINT_PICKLER_H
#define RN_CHECKPOINT_PICKLER_H

#include "checkpoint/bytes.h"
#include "checkpoint/checkpoint.h"

typedef enum rn_pickler_container {
    RN_PICKLER_ORDERED = 0, /* collections.OrderedDict, what a state dict is */
    RN_PICKLER_DICT = 1,
    RN_PICKLER_LIST = 2, /* a list */
    RN_PICKLER_TUPLE = 3 /* a tuple */
} rn_pickler_container;

/* Words that recur are put into the memo once. */
enum { RN_PICKLER_WORDS = 4 + RN_BOOL + 1 };

typedef struct rn_pickler {
    rn_bytes *out;
    bool known[RN_PICKLER_WORDS]; /* already in the memo, under its number */
} rn_pickler;

void rn_pickler_begin(rn_pickler *pickler, rn_bytes *out);
void rn_pickler_end(rn_pickler *pickler);

void rn_pickler_open(rn_pickler *pickler, rn_pickler_container container);
void rn_pickler_close(rn_pickler *pickler, rn_pickler_container container);
void rn_pickler_none(rn_pickler *pickler);
void rn_pickler_truth(rn_pickler *pickler, bool value);
void rn_pickler_integer(rn_pickler *pickler, int64_t value);
void rn_pickler_number(rn_pickler *pickler, double value);
void rn_pickler_text(rn_pickler *pickler, const char *text); /* UTF-8 of less than 4 GiB */
/* The tensor, row-major, whose elements are the storage "number" of the archive. */
void rn_pickler_tensor(rn_pickler *pickler, const rn_tensor *tensor, size_t number);

/* The pickle of a state dict: an OrderedDict of all tensors; tensor i is the storage "i". */
void rn_pickle_write(rn_bytes *out, const rn_checkpoint *checkpoint);

/* An archive of any pickle whose tensors are those of a checkpoint: tensor i is the storage "i". Its names are not
 * written. RN_UNSUPPORTED: the pickle is too large to be read back. RN_NO_MEMORY, RN_IO. */
rn_status rn_torch_zip_write_pickle(const rn_checkpoint *checkpoint, const rn_bytes *pickle, const char *path);

#endif
