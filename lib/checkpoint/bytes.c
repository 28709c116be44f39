/* SPDX-License-Identifier: MIT */
/* Growing bytes: doubled when full. */
#include "checkpoint/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void rn_bytes_init(rn_bytes *bytes, const rn_allocator *allocator)
{
    *bytes = (rn_bytes){ .allocator = allocator };
}

void rn_bytes_release(rn_bytes *bytes)
{
    rn_release(bytes->allocator, bytes->data);
    rn_bytes_init(bytes, bytes->allocator);
}

void rn_bytes_append(rn_bytes *bytes, const void *data, size_t nbytes)
{
    size_t needed;

    if (bytes->failed || nbytes == 0)
        return;
    if (!rn_size_add(&needed, bytes->count, nbytes)) {
        bytes->failed = true;
        return;
    }
    if (needed > bytes->capacity) {
        size_t capacity = bytes->capacity < 256 ? 256 : bytes->capacity;

        while (capacity < needed)
            capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
        unsigned char *grown = rn_grow_array(bytes->allocator, bytes->data, bytes->count, capacity, 1);
        if (grown == NULL) {
            bytes->failed = true;
            return;
        }
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    memcpy(bytes->data + bytes->count, data, nbytes);
    bytes->count = needed;
}

void rn_bytes_text(rn_bytes *bytes, const char *text)
{
    rn_bytes_append(bytes, text, strlen(text));
}

void rn_bytes_number(rn_bytes *bytes, uint64_t number, size_t nbytes)
{
    unsigned char little[8];

    for (size_t i = 0; i < 8; i++)
        little[i] = (unsigned char)(number >> (8 * i));
    rn_bytes_append(bytes, little, nbytes);
}

void rn_bytes_decimal(rn_bytes *bytes, uint64_t number)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRIu64, number);
    rn_bytes_text(bytes, digits);
}
