/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints of 64 bits: enough to notice damage or another file by mistake, no defence against somebody who means
 * it. A word is mixed in by xor, an odd multiplier (2^64 / golden ratio) and a shift that brings high bits down, as in
 * splitmix64.
 */
#ifndef RN_BASE_MIX_H
#define RN_BASE_MIX_H

#include <stdint.h>
#include <string.h>

static inline uint64_t rn_mix(uint64_t id, uint64_t word)
{
    id = (id ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return id ^ (id >> 32);
}

static inline uint64_t rn_mix_text(uint64_t id, const char *text)
{
    for (; *text != '\0'; text++)
        id = rn_mix(id, (unsigned char)*text);
    return rn_mix(id, UINT64_C(0x100)); /* an end that no byte equals: "ab" "c" is not "a" "bc" */
}

static inline uint64_t rn_mix_number(uint64_t id, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return rn_mix(id, bits);
}

#endif
