/* SPDX-License-Identifier: MIT */
/*
 * What each opcode of protocols 1 to 5 does (Python's pickletools.py describes them). Those that name globals and call
 * them are in pickle_calls.c.
 */
#include "checkpoint/unpickler.h"

#include "checkpoint/checkpoint.h"
#include <string.h>

/* Skips what does not matter: the protocol (1 byte), the length of a frame (8). */
static rn_status op_skip(rn_unpickler *u, int32_t nbytes)
{
    return rn_unpickler_take(u, (size_t)nbytes) == NULL ? rn_unpickler_damaged(u, "it ends too early") : RN_OK;
}

static rn_status op_stop(rn_unpickler *u, int32_t unused)
{
    const rn_pickle_value *root = rn_unpickler_pop(u, 1);

    (void)unused;
    if (root == NULL || u->mark_count > 0)
        return rn_unpickler_damaged(u, "it stops without a value");
    u->pickle->root = *root;
    u->stopped = true;
    return RN_OK;
}

static rn_status op_mark(rn_unpickler *u, int32_t unused)
{
    (void)unused;
    return rn_unpickler_mark(u);
}

static rn_status op_pop(rn_unpickler *u, int32_t unused)
{
    (void)unused;
    if (rn_unpickler_pop(u, 1) != NULL)
        return RN_OK;
    if (u->mark_count == 0)
        return rn_unpickler_damaged(u, "the stack is empty");
    u->mark_count--;
    return RN_OK;
}

static rn_status op_pop_mark(rn_unpickler *u, int32_t unused)
{
    size_t count;

    (void)unused;
    return rn_unpickler_pop_mark(u, &count) == NULL ? rn_unpickler_damaged(u, "there is no mark") : RN_OK;
}

static rn_status op_duplicate(rn_unpickler *u, int32_t unused)
{
    (void)unused;
    if (rn_unpickler_available(u) == 0)
        return rn_unpickler_damaged(u, "the stack is empty");
    return rn_unpickler_push(u, u->stack[u->count - 1]);
}

static rn_status op_none(rn_unpickler *u, int32_t unused)
{
    (void)unused;
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_NONE });
}

static rn_status op_bool(rn_unpickler *u, int32_t truth)
{
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_BOOL, .as.integer = truth });
}

static int64_t signed_bytes(const unsigned char *bytes, size_t count)
{
    uint64_t bits = count > 0 && (bytes[count - 1] & 0x80) != 0 ? UINT64_MAX : 0;
    int64_t value;

    for (size_t i = count; i-- > 0;)
        bits = bits << 8 | bytes[i];
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `width` bytes, little-endian; only four bytes carry a sign. */
static rn_status op_integer(rn_unpickler *u, int32_t width)
{
    const unsigned char *bytes = rn_unpickler_take(u, (size_t)width);

    if (bytes == NULL)
        return rn_unpickler_damaged(u, "it ends inside a number");
    const int64_t value = width == 1 ? bytes[0] : width == 2 ? rn_get_u16(bytes) : signed_bytes(bytes, 4);
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_INTEGER, .as.integer = value });
}

/* A length of `width` bytes, then so many bytes of a two's complement number. */
static rn_status op_long(rn_unpickler *u, int32_t width)
{
    const unsigned char *prefix = rn_unpickler_take(u, (size_t)width);
    const unsigned char *bytes = NULL;
    size_t count = 0;

    if (prefix != NULL) {
        count = width == 1 ? prefix[0] : rn_get_u32(prefix);
        bytes = rn_unpickler_take(u, count);
    }
    if (bytes == NULL)
        return rn_unpickler_damaged(u, "it ends inside a number");
    if (count <= 8)
        return rn_unpickler_push(
            u, (rn_pickle_value){ .type = RN_PICKLE_INTEGER, .as.integer = signed_bytes(bytes, count) });
    return rn_unpickler_push(
        u, (rn_pickle_value){ .type = RN_PICKLE_LONG, .length = (uint32_t)count, .as.text = (const char *)bytes });
}

/* Digits with a sign in front: a number, or where 64 bits may not hold it, a text that looks like it. */
static rn_status push_decimal(rn_unpickler *u, const unsigned char *line, size_t length)
{
    enum { FIT = 18 };
    const bool negative = length > 0 && line[0] == '-';
    const size_t digits = length - (size_t)negative;
    uint64_t magnitude = 0;

    if (digits == 0)
        return rn_unpickler_damaged(u, "a decimal number is empty");
    for (size_t i = negative; i < length; i++) {
        if (line[i] < '0' || line[i] > '9')
            return rn_unpickler_damaged(u, "a decimal number has other signs in it");
        magnitude = i > FIT ? 0 : magnitude * 10 + (uint64_t)(line[i] - '0');
    }
    if (digits > FIT)
        return rn_unpickler_push(
            u, (rn_pickle_value){ .type = RN_PICKLE_TEXT, .length = (uint32_t)length, .as.text = (const char *)line });
    const int64_t value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_INTEGER, .as.integer = value });
}

/* A decimal line: how Python 2 wrote numbers beyond 32 bits. "00" and "01" are truth values. */
static rn_status op_decimal(rn_unpickler *u, int32_t unused)
{
    const unsigned char *line = NULL;
    size_t length = 0;
    rn_status status = rn_unpickler_take_line(&line, &length, u);

    (void)unused;
    if (status != RN_OK)
        return status;
    if (length == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1'))
        return op_bool(u, line[1] == '1');
    return push_decimal(u, line, length);
}

/* The same for the numbers beyond 32 bits of protocol 1, which end in "L". */
static rn_status op_decimal_long(rn_unpickler *u, int32_t unused)
{
    const unsigned char *line = NULL;
    size_t length = 0;
    rn_status status = rn_unpickler_take_line(&line, &length, u);

    (void)unused;
    if (status != RN_OK)
        return status;
    return push_decimal(u, line, length > 0 && line[length - 1] == 'L' ? length - 1 : length);
}

static rn_status op_float(rn_unpickler *u, int32_t unused)
{
    const unsigned char *bytes = rn_unpickler_take(u, 8);
    uint64_t bits = 0;
    double number;

    (void)unused;
    if (bytes == NULL)
        return rn_unpickler_damaged(u, "it ends inside a number");
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | bytes[i];
    memcpy(&number, &bits, sizeof number);
    return rn_unpickler_push(u, (rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = number });
}

#define TEXT(width) (width)
#define BYTES(width) (-(width))

/* A length of `width` bytes, then so many bytes; a negative width stands for bytes, not text. */
static rn_status op_text(rn_unpickler *u, int32_t width)
{
    const unsigned char *prefix = rn_unpickler_take(u, (size_t)(width < 0 ? -width : width));
    const uint32_t type = width < 0 ? RN_PICKLE_BYTES : RN_PICKLE_TEXT;
    const unsigned char *bytes = NULL;
    uint64_t length = 0;

    if (prefix != NULL) {
        length = width == 1 || width == -1   ? prefix[0]
                 : width == 4 || width == -4 ? rn_get_u32(prefix)
                                             : rn_get_u64(prefix);
        bytes = length > UINT32_MAX ? NULL : rn_unpickler_take(u, (size_t)length);
    }
    if (bytes == NULL)
        return rn_unpickler_damaged(u, "it ends inside a string");
    return rn_unpickler_push(
        u, (rn_pickle_value){ .type = type, .length = (uint32_t)length, .as.text = (const char *)bytes });
}

static rn_status op_empty(rn_unpickler *u, int32_t type)
{
    return rn_unpickler_push_made(u, (rn_pickle_type)type, NULL, 0);
}

static rn_status op_from_mark(rn_unpickler *u, int32_t type)
{
    size_t count;
    const rn_pickle_value *values = rn_unpickler_pop_mark(u, &count);

    if (values == NULL || (type == RN_PICKLE_DICTIONARY && count % 2 != 0))
        return rn_unpickler_damaged(u, "a container has no beginning");
    return rn_unpickler_push_made(u, (rn_pickle_type)type, values, count);
}

static rn_status op_tuple(rn_unpickler *u, int32_t count)
{
    const rn_pickle_value *values = rn_unpickler_pop(u, (size_t)count);

    if (values == NULL)
        return rn_unpickler_damaged(u, "the stack is empty");
    return rn_unpickler_push_made(u, RN_PICKLE_TUPLE, values, (size_t)count);
}

/* An opaque value keeps keys with values and swallows the rest. */
static rn_status extend_opaque(rn_unpickler *u, const rn_pickle_value *opaque, rn_pickle_type type,
                               const rn_pickle_value *values, size_t count)
{
    rn_pickle_call *const call = opaque->type == RN_PICKLE_CALL ? opaque->as.call : NULL;
    rn_pickle_value made;

    if (call == NULL || type != RN_PICKLE_DICTIONARY)
        return RN_OK;
    if (call->entries != NULL)
        return rn_unpickler_append(u, call->entries, values, count);
    const rn_status status = rn_unpickler_make(&made, u, type, values, count);
    if (status == RN_OK)
        call->entries = made.as.items;
    return status;
}

/* The value below the popped ones takes them if it is a container of this type. */
static rn_status extend(rn_unpickler *u, rn_pickle_type type, const rn_pickle_value *values, size_t count)
{
    if (values == NULL || rn_unpickler_available(u) == 0)
        return rn_unpickler_damaged(u, "there is no container to add to");
    if (type == RN_PICKLE_DICTIONARY && count % 2 != 0)
        return rn_unpickler_damaged(u, "a key has no value");
    if (rn_pickle_opaque(&u->stack[u->count - 1]) != NULL)
        return extend_opaque(u, &u->stack[u->count - 1], type, values, count);
    if (u->stack[u->count - 1].type != (uint32_t)type)
        return rn_unpickler_damaged(u, "there is no container to add to");
    return rn_unpickler_append(u, u->stack[u->count - 1].as.items, values, count);
}

/* One item, or a key and its value. */
static rn_status op_add(rn_unpickler *u, int32_t type)
{
    const size_t count = type == RN_PICKLE_DICTIONARY ? 2 : 1;

    return extend(u, (rn_pickle_type)type, rn_unpickler_pop(u, count), count);
}

static rn_status op_add_from_mark(rn_unpickler *u, int32_t type)
{
    size_t count = 0;
    const rn_pickle_value *values = rn_unpickler_pop_mark(u, &count);

    return extend(u, (rn_pickle_type)type, values, count);
}

static rn_status op_put(rn_unpickler *u, int32_t width)
{
    const unsigned char *bytes = rn_unpickler_take(u, (size_t)width);

    if (bytes == NULL)
        return rn_unpickler_damaged(u, "it ends too early");
    return rn_unpickler_put(u, width == 1 ? bytes[0] : rn_get_u32(bytes));
}

static rn_status op_get(rn_unpickler *u, int32_t width)
{
    const unsigned char *bytes = rn_unpickler_take(u, (size_t)width);

    if (bytes == NULL)
        return rn_unpickler_damaged(u, "it ends too early");
    const size_t index = width == 1 ? bytes[0] : rn_get_u32(bytes);
    return rn_unpickler_recall(u, index);
}

/* Protocol 4: the next free number. */
static rn_status op_memoize(rn_unpickler *u, int32_t unused)
{
    size_t next = u->memoized;

    (void)unused;
    u->memoized++;
    return rn_unpickler_put(u, next);
}

/* Extension codes, textual persistent ids and out-of-band buffers are left out: torch.save writes none. */
const rn_opcode rn_opcodes[256] = {
    [0x80] = { op_skip, 1 }, /* PROTO */
    [0x95] = { op_skip, 8 }, /* FRAME */
    ['.'] = { op_stop, 0 },
    ['('] = { op_mark, 0 },
    ['0'] = { op_pop, 0 },
    ['1'] = { op_pop_mark, 0 },
    ['2'] = { op_duplicate, 0 },
    ['N'] = { op_none, 0 },
    [0x88] = { op_bool, 1 },
    [0x89] = { op_bool, 0 },
    ['I'] = { op_decimal, 0 },
    ['L'] = { op_decimal_long, 0 },
    ['J'] = { op_integer, 4 },
    ['K'] = { op_integer, 1 },
    ['M'] = { op_integer, 2 },
    [0x8a] = { op_long, 1 },
    [0x8b] = { op_long, 4 },
    ['G'] = { op_float, 0 },
    ['T'] = { op_text, TEXT(4) },   /* BINSTRING */
    ['U'] = { op_text, TEXT(1) },   /* SHORT_BINSTRING */
    ['X'] = { op_text, TEXT(4) },   /* BINUNICODE */
    [0x8c] = { op_text, TEXT(1) },  /* SHORT_BINUNICODE */
    [0x8d] = { op_text, TEXT(8) },  /* BINUNICODE8 */
    ['B'] = { op_text, BYTES(4) },  /* BINBYTES */
    ['C'] = { op_text, BYTES(1) },  /* SHORT_BINBYTES */
    [0x8e] = { op_text, BYTES(8) }, /* BINBYTES8 */
    [0x96] = { op_text, BYTES(8) }, /* BYTEARRAY8 */
    [')'] = { op_empty, RN_PICKLE_TUPLE },
    [']'] = { op_empty, RN_PICKLE_LIST },
    ['}'] = { op_empty, RN_PICKLE_DICTIONARY },
    [0x8f] = { op_empty, RN_PICKLE_SET },
    ['t'] = { op_from_mark, RN_PICKLE_TUPLE },
    ['l'] = { op_from_mark, RN_PICKLE_LIST },
    ['d'] = { op_from_mark, RN_PICKLE_DICTIONARY },
    [0x91] = { op_from_mark, RN_PICKLE_SET }, /* FROZENSET */
    [0x85] = { op_tuple, 1 },
    [0x86] = { op_tuple, 2 },
    [0x87] = { op_tuple, 3 },
    ['a'] = { op_add, RN_PICKLE_LIST },
    ['s'] = { op_add, RN_PICKLE_DICTIONARY },
    ['e'] = { op_add_from_mark, RN_PICKLE_LIST },
    ['u'] = { op_add_from_mark, RN_PICKLE_DICTIONARY },
    [0x90] = { op_add_from_mark, RN_PICKLE_SET },
    ['q'] = { op_put, 1 },
    ['r'] = { op_put, 4 },
    [0x94] = { op_memoize, 0 },
    ['h'] = { op_get, 1 },
    ['j'] = { op_get, 4 },
    ['c'] = { rn_op_global, 0 },
    [0x93] = { rn_op_stack_global, 0 },
    ['R'] = { rn_op_call, 2 },     /* REDUCE */
    [0x81] = { rn_op_call, 2 },    /* NEWOBJ */
    [0x92] = { rn_op_call, 3 },    /* NEWOBJ_EX */
    ['i'] = { rn_op_instance, 0 }, /* INST */
    ['o'] = { rn_op_object, 0 },   /* OBJ */
    ['b'] = { rn_op_build, 0 },
    ['Q'] = { rn_op_persistent, 0 },
};
