/* SPDX-License-Identifier: MIT */
/*
 * Writes what pickle.dumps gives for OrderedDict([(name, tensor), ...]): for each tensor
 *   torch._utils._rebuild_tensor_v2(storage, 0, size, strides, False, OrderedDict())
 *   where storage is the persistent id ('storage', torch.FloatStorage, 'i', 'cpu', numel)
 * Words that recur are put into the memo once.
 */
#include "checkpoint/pickler.h"

#include <stdio.h>
#include <string.h>

enum word {
    WORD_DICTIONARY,
    WORD_REBUILD,
    WORD_STORAGE,
    WORD_CPU,
    WORD_TYPE /* + dtype */,
    WORDS = WORD_TYPE + RN_BOOL + 1
};

typedef struct pickler {
    rn_bytes *out;
    bool known[WORDS]; /* already in the memo, under its number */
} pickler;

static const char *const storage_types[] = {
    [RN_FLOAT32] = "ctorch\nFloatStorage\n",     [RN_FLOAT64] = "ctorch\nDoubleStorage\n",
    [RN_FLOAT16] = "ctorch\nHalfStorage\n",      [RN_INT64] = "ctorch\nLongStorage\n",
    [RN_BFLOAT16] = "ctorch\nBFloat16Storage\n", [RN_INT8] = "ctorch\nCharStorage\n",
    [RN_INT16] = "ctorch\nShortStorage\n",       [RN_INT32] = "ctorch\nIntStorage\n",
    [RN_UINT8] = "ctorch\nByteStorage\n",        [RN_BOOL] = "ctorch\nBoolStorage\n",
};

static void put_opcode(pickler *p, char opcode)
{
    rn_bytes_append(p->out, &opcode, 1);
}

static void put_text(pickler *p, const char *text)
{
    put_opcode(p, 'X');
    rn_bytes_number(p->out, strlen(text), 4);
    rn_bytes_text(p->out, text);
}

/* The smallest form, as Python chooses it. */
static void put_integer(pickler *p, int64_t value)
{
    if (value <= 0xff) {
        put_opcode(p, 'K');
        rn_bytes_number(p->out, (uint64_t)value, 1);
    } else if (value <= 0xffff) {
        put_opcode(p, 'M');
        rn_bytes_number(p->out, (uint64_t)value, 2);
    } else if (value <= INT32_MAX) {
        put_opcode(p, 'J');
        rn_bytes_number(p->out, (uint64_t)value, 4);
    } else {
        rn_bytes_text(p->out, "\x8a\x08");
        rn_bytes_number(p->out, (uint64_t)value, 8);
    }
}

/* A word by its number in the memo; the first time as `opcodes`, or as text if there are none. */
static void put_word(pickler *p, int word, const char *opcodes, const char *text)
{
    if (p->known[word]) {
        put_opcode(p, 'h');
    } else {
        if (opcodes != NULL)
            rn_bytes_text(p->out, opcodes);
        else
            put_text(p, text);
        put_opcode(p, 'q');
        p->known[word] = true;
    }
    rn_bytes_number(p->out, (uint64_t)word, 1);
}

static void put_dictionary(pickler *p)
{
    put_word(p, WORD_DICTIONARY, "ccollections\nOrderedDict\n", NULL);
    rn_bytes_text(p->out, ")R");
}

static void put_tuple(pickler *p, const int64_t *values, int32_t count)
{
    put_opcode(p, '(');
    for (int32_t i = 0; i < count; i++)
        put_integer(p, values[i]);
    put_opcode(p, 't');
}

static void put_tensor(pickler *p, const rn_tensor *tensor, size_t number)
{
    int64_t strides[RN_MAX_RANK];
    char key[24];

    snprintf(key, sizeof key, "%zu", number);
    put_word(p, WORD_REBUILD, "ctorch._utils\n_rebuild_tensor_v2\n", NULL);
    rn_bytes_text(p->out, "((");
    put_word(p, WORD_STORAGE, NULL, "storage");
    put_word(p, WORD_TYPE + (int)tensor->dtype, storage_types[tensor->dtype], NULL);
    put_text(p, key);
    put_word(p, WORD_CPU, NULL, "cpu");
    put_integer(p, rn_tensor_count(tensor));
    rn_bytes_text(p->out, "tQ");
    put_integer(p, 0);
    put_tuple(p, tensor->shape, tensor->rank);
    rn_order_strides(strides, tensor->rank, tensor->shape, RN_ROW_MAJOR);
    put_tuple(p, strides, tensor->rank);
    put_opcode(p, '\x89');
    put_dictionary(p);
    rn_bytes_text(p->out, "tR");
}

void rn_pickle_write(rn_bytes *out, const rn_checkpoint *checkpoint)
{
    pickler p = { .out = out };

    rn_bytes_text(out, "\x80\x02");
    put_dictionary(&p);
    put_opcode(&p, '(');
    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        put_text(&p, checkpoint->tensors[i].name);
        put_tensor(&p, checkpoint->tensors[i].tensor, i);
    }
    rn_bytes_text(out, "u.");
}
