/* SPDX-License-Identifier: MIT */
/*
 * Opcodes of https://docs.python.org/3/library/pickletools.html. A tensor is
 *   torch._utils._rebuild_tensor_v2(storage, 0, size, strides, False, OrderedDict())
 *   where storage is the persistent id ('storage', torch.FloatStorage, 'i', 'cpu', numel)
 */
#include "checkpoint/pickler.h"

#include <stdio.h>
#include <string.h>

enum word { WORD_DICTIONARY, WORD_REBUILD, WORD_STORAGE, WORD_CPU, WORD_TYPE /* + dtype */ };

_Static_assert(WORD_TYPE + RN_BOOL + 1 == RN_PICKLER_WORDS, "every word has its place in the memo");

static const char *const storage_types[] = {
    [RN_FLOAT32] = "ctorch\nFloatStorage\n",     [RN_FLOAT64] = "ctorch\nDoubleStorage\n",
    [RN_FLOAT16] = "ctorch\nHalfStorage\n",      [RN_INT64] = "ctorch\nLongStorage\n",
    [RN_BFLOAT16] = "ctorch\nBFloat16Storage\n", [RN_INT8] = "ctorch\nCharStorage\n",
    [RN_INT16] = "ctorch\nShortStorage\n",       [RN_INT32] = "ctorch\nIntStorage\n",
    [RN_UINT8] = "ctorch\nByteStorage\n",        [RN_BOOL] = "ctorch\nBoolStorage\n",
};

static void put_opcode(rn_pickler *p, char opcode)
{
    rn_bytes_append(p->out, &opcode, 1);
}

void rn_pickler_text(rn_pickler *p, const char *text)
{
    put_opcode(p, 'X');
    rn_bytes_number(p->out, strlen(text), 4);
    rn_bytes_text(p->out, text);
}

/* The smallest form, as Python chooses it. */
void rn_pickler_integer(rn_pickler *p, int64_t value)
{
    if (value >= 0 && value <= 0xff) {
        put_opcode(p, 'K');
        rn_bytes_number(p->out, (uint64_t)value, 1);
    } else if (value >= 0 && value <= 0xffff) {
        put_opcode(p, 'M');
        rn_bytes_number(p->out, (uint64_t)value, 2);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        put_opcode(p, 'J');
        rn_bytes_number(p->out, (uint64_t)value, 4);
    } else {
        rn_bytes_text(p->out, "\x8a\x08");
        rn_bytes_number(p->out, (uint64_t)value, 8);
    }
}

void rn_pickler_number(rn_pickler *p, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_opcode(p, 'G');
    for (int shift = 56; shift >= 0; shift -= 8) /* the only number that pickle writes with its highest byte first */
        rn_bytes_number(p->out, bits >> shift, 1);
}

void rn_pickler_truth(rn_pickler *p, bool value)
{
    put_opcode(p, value ? '\x88' : '\x89');
}

void rn_pickler_none(rn_pickler *p)
{
    put_opcode(p, 'N');
}

/* A word by its number in the memo; the first time as `opcodes`, or as text if there are none. */
static void put_word(rn_pickler *p, int word, const char *opcodes, const char *text)
{
    if (p->known[word]) {
        put_opcode(p, 'h');
    } else {
        if (opcodes != NULL)
            rn_bytes_text(p->out, opcodes);
        else
            rn_pickler_text(p, text);
        put_opcode(p, 'q');
        p->known[word] = true;
    }
    rn_bytes_number(p->out, (uint64_t)word, 1);
}

static void put_dictionary(rn_pickler *p)
{
    put_word(p, WORD_DICTIONARY, "ccollections\nOrderedDict\n", NULL);
    rn_bytes_text(p->out, ")R");
}

void rn_pickler_open(rn_pickler *p, rn_pickler_container container)
{
    if (container == RN_PICKLER_ORDERED)
        put_dictionary(p);
    else if (container != RN_PICKLER_TUPLE)
        put_opcode(p, container == RN_PICKLER_DICT ? '}' : ']');
    put_opcode(p, '(');
}

void rn_pickler_close(rn_pickler *p, rn_pickler_container container)
{
    static const char opcodes[] = {
        [RN_PICKLER_ORDERED] = 'u', [RN_PICKLER_DICT] = 'u', [RN_PICKLER_LIST] = 'e', [RN_PICKLER_TUPLE] = 't'
    };

    put_opcode(p, opcodes[container]);
}

static void put_sizes(rn_pickler *p, const int64_t *values, int32_t count)
{
    rn_pickler_open(p, RN_PICKLER_TUPLE);
    for (int32_t i = 0; i < count; i++)
        rn_pickler_integer(p, values[i]);
    rn_pickler_close(p, RN_PICKLER_TUPLE);
}

void rn_pickler_tensor(rn_pickler *p, const rn_tensor *tensor, size_t number)
{
    int64_t strides[RN_MAX_RANK];
    char key[24];

    snprintf(key, sizeof key, "%zu", number);
    put_word(p, WORD_REBUILD, "ctorch._utils\n_rebuild_tensor_v2\n", NULL);
    rn_bytes_text(p->out, "((");
    put_word(p, WORD_STORAGE, NULL, "storage");
    put_word(p, WORD_TYPE + (int)tensor->dtype, storage_types[tensor->dtype], NULL);
    rn_pickler_text(p, key);
    put_word(p, WORD_CPU, NULL, "cpu");
    rn_pickler_integer(p, rn_tensor_count(tensor));
    rn_bytes_text(p->out, "tQ");
    rn_pickler_integer(p, 0);
    put_sizes(p, tensor->shape, tensor->rank);
    rn_order_strides(strides, tensor->rank, tensor->shape, RN_ROW_MAJOR);
    put_sizes(p, strides, tensor->rank);
    rn_pickler_truth(p, false);
    put_dictionary(p);
    rn_bytes_text(p->out, "tR");
}

void rn_pickler_begin(rn_pickler *p, rn_bytes *out)
{
    *p = (rn_pickler){ .out = out };
    rn_bytes_text(out, "\x80\x02");
}

void rn_pickler_end(rn_pickler *p)
{
    put_opcode(p, '.');
}

void rn_pickle_write(rn_bytes *out, const rn_checkpoint *checkpoint)
{
    rn_pickler p;

    rn_pickler_begin(&p, out);
    rn_pickler_open(&p, RN_PICKLER_ORDERED);
    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        rn_pickler_text(&p, checkpoint->tensors[i].name);
        rn_pickler_tensor(&p, checkpoint->tensors[i].tensor, i);
    }
    rn_pickler_close(&p, RN_PICKLER_ORDERED);
    rn_pickler_end(&p);
}
