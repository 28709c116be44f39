/* SPDX-License-Identifier: MIT */
/*
 * Looking at the values of a pickle, and printing the simple ones, and keys. numpy's scalars print as the numbers that
 * they are.
 */
#include "checkpoint/pickle.h"

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool rn_pickle_is_text(const rn_pickle_value *value, const char *text)
{
    return value->type == RN_PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(value->as.text, text, value->length) == 0;
}

const rn_pickle_value *rn_pickle_member(const rn_pickle_value *dictionary, const char *key)
{
    if (dictionary->type != RN_PICKLE_DICTIONARY)
        return NULL;
    const rn_pickle_items *items = dictionary->as.items;
    for (size_t i = 0; i + 1 < items->count; i += 2)
        if (rn_pickle_is_text(&items->value[i], key))
            return &items->value[i + 1];
    return NULL;
}

const rn_pickle_items *rn_pickle_sequence(const rn_pickle_value *value)
{
    if (value->type == RN_PICKLE_TUPLE || value->type == RN_PICKLE_LIST)
        return value->as.items;
    if (value->type == RN_PICKLE_CALL && value->as.call->function->kind == RN_GLOBAL_SIZE &&
        value->as.call->arguments->count == 1) {
        const rn_pickle_value *inner = &value->as.call->arguments->value[0];

        if (inner->type == RN_PICKLE_TUPLE || inner->type == RN_PICKLE_LIST)
            return inner->as.items;
    }
    return NULL;
}

const rn_pickle_items *rn_pickle_entries(const rn_pickle_value *value)
{
    return value->type == RN_PICKLE_DICTIONARY ? value->as.items
           : value->type == RN_PICKLE_CALL     ? value->as.call->entries
                                               : NULL;
}

const rn_pickle_global *rn_pickle_opaque(const rn_pickle_value *value)
{
    const rn_pickle_global *global = value->type == RN_PICKLE_GLOBAL ? value->as.global
                                     : value->type == RN_PICKLE_CALL ? value->as.call->function
                                                                     : NULL;

    if (global == NULL || global->kind < RN_GLOBAL_UNSUPPORTED)
        return NULL;
    return global;
}

/*
 * Few digits that read back as the same number (a denormal one has fewer than 15), with a point whatever the locale has
 * there (which may be more than one byte).
 */
static bool print_number(char *text, size_t size, double number)
{
    char digits[64];
    size_t length = 0;
    bool in_point = false;

    if (isnan(number))
        snprintf(digits, sizeof digits, "nan");
    else
        for (int precision = fabs(number) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
            snprintf(digits, sizeof digits, "%.*g", precision, number);
            if (strtod(digits, NULL) == number)
                break;
        }
    for (const char *at = digits; *at != '\0'; at++) {
        const bool plain = (*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || (*at >= 'a' && *at <= 'z');

        if (!plain && in_point)
            continue;
        in_point = !plain;
        if (length + 1 >= size)
            return false;
        text[length++] = plain ? *at : '.';
    }
    text[length] = '\0';
    return true;
}

/* A two's complement number of more than 8 bytes: divided by ten until nothing is left, digits from the back. */
static bool print_long(char *text, size_t size, const unsigned char *bytes, size_t count)
{
    unsigned char magnitude[64];
    char digits[160];
    size_t at = sizeof digits, left = count;
    const bool negative = (bytes[count - 1] & 0x80) != 0;

    if (count > sizeof magnitude) /* 512 bits have 155 digits */
        return false;
    for (unsigned i = 0, carry = negative; i < count; i++) {
        const unsigned byte = (negative ? (unsigned char)~bytes[i] : bytes[i]) + carry;

        magnitude[i] = (unsigned char)byte;
        carry = byte >> 8;
    }
    do {
        unsigned rest = 0;

        for (size_t i = left; i-- > 0;) {
            const unsigned part = rest << 8 | magnitude[i];

            magnitude[i] = (unsigned char)(part / 10);
            rest = part % 10;
        }
        digits[--at] = (char)('0' + rest);
        while (left > 0 && magnitude[left - 1] == 0)
            left--;
    } while (left > 0);
    if (negative)
        digits[--at] = '-';
    if (sizeof digits - at >= size)
        return false;
    memcpy(text, digits + at, sizeof digits - at);
    text[sizeof digits - at] = '\0';
    return true;
}

/*
 * The bytes of a numpy scalar: bytes, or text in which _codecs.encode(text, 'latin1') hides each byte as a character.
 */
static bool scalar_bytes(unsigned char bytes[8], size_t count, const rn_pickle_value *value)
{
    const bool encoded = value->type == RN_PICKLE_CALL && value->as.call->function->kind == RN_GLOBAL_ENCODE &&
                         value->as.call->arguments->count == 2 &&
                         rn_pickle_is_text(&value->as.call->arguments->value[1], "latin1");
    size_t made = 0;

    if (encoded)
        value = &value->as.call->arguments->value[0];
    if (value->type != RN_PICKLE_TEXT && value->type != RN_PICKLE_BYTES)
        return false;
    for (size_t i = 0; i < value->length; i++) {
        unsigned byte = (unsigned char)value->as.text[i];

        if (encoded && byte >= 0xc2 && byte <= 0xc3 && i + 1 < value->length)
            byte = (byte & 3) << 6 | ((unsigned char)value->as.text[++i] & 0x3f);
        else if (encoded && byte >= 0x80)
            return false;
        if (made == count)
            return false;
        bytes[made++] = (unsigned char)byte;
    }
    return made == count;
}

static double float_of(const unsigned char *bytes, size_t size)
{
    float narrow;
    double wide;

    if (size == sizeof narrow) {
        memcpy(&narrow, bytes, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, bytes, sizeof wide);
    return wide;
}

/*
 * numpy.core.multiarray.scalar(dtype('f8', ...), bytes): kind and size are the dtype's name, its state says the byte
 * order.
 */
static bool print_scalar(char *text, size_t size, const rn_pickle_call *call)
{
    unsigned char bytes[9] = { 0 };

    if (call->arguments->count != 2 || call->arguments->value[0].type != RN_PICKLE_CALL)
        return false;
    const rn_pickle_call *dtype = call->arguments->value[0].as.call;
    if (dtype->function->kind != RN_GLOBAL_NUMPY_DTYPE || dtype->arguments->count == 0 ||
        dtype->arguments->value[0].type != RN_PICKLE_TEXT)
        return false;
    const rn_pickle_value *name = &dtype->arguments->value[0];
    const rn_pickle_items *state = rn_pickle_sequence(&dtype->state);
    if (name->length != 2 || (state != NULL && state->count > 1 && rn_pickle_is_text(&state->value[1], ">")))
        return false;
    const char kind = name->as.text[0];
    const size_t width = (size_t)(unsigned char)name->as.text[1] - '0';
    const bool real = kind == 'f' && (width == 4 || width == 8);
    if (!real &&
        !((kind == 'i' || kind == 'u' || kind == 'b') && (width == 1 || width == 2 || width == 4 || width == 8)))
        return false;
    if (!scalar_bytes(bytes, width, &call->arguments->value[1]))
        return false;
    if (real)
        return print_number(text, size, float_of(bytes, width));
    if (kind == 'b')
        return snprintf(text, size, "%s", bytes[0] != 0 ? "true" : "false") < (int)size;
    if (kind == 'i') { /* the sign fills the rest */
        const int fill = (bytes[width - 1] & 0x80) != 0 ? 0xff : 0;

        memset(bytes + width, fill, sizeof bytes - width);
    }
    return print_long(text, size, bytes, sizeof bytes);
}

size_t rn_pickle_print_work(const rn_pickle_value *value)
{
    enum { LITTLE = 32, FLOAT = 256, DENORMAL = 4096, LONGEST = 64, DIGITS_PER_BYTE = 3 };

    switch (value->type) {
    case RN_PICKLE_TEXT: return (size_t)value->length + LITTLE;
    case RN_PICKLE_LONG: /* each digit is a division of all bytes */
        return value->length > LONGEST ? LITTLE : DIGITS_PER_BYTE * (size_t)value->length * value->length + LITTLE;
    case RN_PICKLE_FLOAT: return value->as.number != 0 && fabs(value->as.number) < DBL_MIN ? DENORMAL : FLOAT;
    case RN_PICKLE_CALL: return DENORMAL;
    case RN_PICKLE_BOOL:
    case RN_PICKLE_INTEGER: return LITTLE;
    default: return 0;
    }
}

bool rn_pickle_print(char *text, size_t size, const rn_pickle_value *value)
{
    int length;

    switch (value->type) {
    case RN_PICKLE_BOOL:
        length = snprintf(text, size, "%s", value->as.integer != 0 ? "true" : "false");
        return length >= 0 && (size_t)length < size;
    case RN_PICKLE_INTEGER:
        length = snprintf(text, size, "%lld", (long long)value->as.integer);
        return length >= 0 && (size_t)length < size;
    case RN_PICKLE_LONG: return print_long(text, size, (const unsigned char *)value->as.text, value->length);
    case RN_PICKLE_FLOAT: return print_number(text, size, value->as.number);
    case RN_PICKLE_TEXT:
        if (value->length >= size || !rn_bytes_are_text(value->as.text, value->length))
            return false;
        if (value->length > 0)
            memcpy(text, value->as.text, value->length);
        text[value->length] = '\0';
        return true;
    case RN_PICKLE_CALL:
        return value->as.call->function->kind == RN_GLOBAL_NUMPY_SCALAR && print_scalar(text, size, value->as.call);
    default: return false;
    }
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

typedef struct key_text {
    char *text;
    size_t size, length;
    rn_budget *budget;
} key_text;

static bool put_bytes(key_text *k, const char *bytes, size_t length)
{
    if (length >= k->size - k->length || !rn_bytes_are_text(bytes, length))
        return false;
    if (length > 0)
        memcpy(k->text + k->length, bytes, length);
    k->length += length;
    k->text[k->length] = '\0';
    return true;
}

static bool put_text(key_text *k, const char *text)
{
    return put_bytes(k, text, strlen(text));
}

static bool put_simple(key_text *k, const rn_pickle_value *value)
{
    if (!rn_budget_work(k->budget, rn_pickle_print_work(value)) ||
        !rn_pickle_print(k->text + k->length, k->size - k->length, value))
        return false;
    k->length += strlen(k->text + k->length);
    return true;
}

static bool put_key(key_text *k, const rn_pickle_value *value);

/* Each bracket takes its room, so that a list that holds itself ends with the text. */
static bool put_items(key_text *k, const rn_pickle_items *items, const char *open, const char *close)
{
    bool fits = put_text(k, open);

    for (size_t i = 0; i < items->count && fits; i++)
        fits = (i == 0 || put_text(k, ", ")) && put_key(k, &items->value[i]);
    return fits && put_text(k, close);
}

static bool put_global(key_text *k, const rn_pickle_global *global)
{
    return put_text(k, global->module) && put_text(k, ".") && put_text(k, global->name);
}

static bool put_quoted(key_text *k, const rn_pickle_value *bytes)
{
    return put_text(k, "b'") && put_bytes(k, bytes->as.text, bytes->length) && put_text(k, "'");
}

static bool put_call(key_text *k, const rn_pickle_value *value)
{
    const rn_pickle_call *call = value->as.call;

    if (call->function->kind == RN_GLOBAL_NUMPY_SCALAR)
        return put_simple(k, value);
    if (call->function->kind == RN_GLOBAL_ENCODE && call->arguments->count > 0 &&
        call->arguments->value[0].type == RN_PICKLE_TEXT)
        return put_quoted(k, &call->arguments->value[0]);
    return put_global(k, call->function) && put_items(k, call->arguments, "(", ")");
}

static bool put_key(key_text *k, const rn_pickle_value *value)
{
    switch (value->type) {
    case RN_PICKLE_NONE: return put_text(k, "None");
    case RN_PICKLE_BYTES: return put_text(k, "b'") && put_bytes(k, value->as.text, value->length) && put_text(k, "'");
    case RN_PICKLE_TUPLE: return put_items(k, value->as.items, "(", value->as.items->count == 1 ? ",)" : ")");
    case RN_PICKLE_LIST: return put_items(k, value->as.items, "[", "]");
    case RN_PICKLE_SET: return put_items(k, value->as.items, "{", "}");
    case RN_PICKLE_GLOBAL: return put_global(k, value->as.global);
    case RN_PICKLE_CALL: return put_call(k, value);
    default: return put_simple(k, value);
    }
}

bool rn_pickle_print_key(char *text, size_t size, const rn_pickle_value *key, rn_budget *budget)
{
    key_text k = { .text = text, .size = size, .budget = budget };

    return rn_budget_work(budget, size) && put_key(&k, key);
}
