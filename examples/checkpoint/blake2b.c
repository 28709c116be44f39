/* SPDX-License-Identifier: MIT */
/* The names are those of RFC 7693: v the working vector, m the words of the block, G the mixing function. */
#include "checkpoint/blake2b.h"

#include <stdio.h>
#include <string.h>

enum { DIGEST = 8, ROUNDS = 12 };

static const uint64_t iv[8] = { 0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu, 0xa54ff53a5f1d36f1u,
                                0x510e527fade682d1u, 0x9b05688c2b3e6c1fu, 0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u };

static const uint8_t sigma[10][16] = {
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, { 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
    { 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 }, { 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
    { 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 }, { 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
    { 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 }, { 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
    { 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 }, { 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static uint64_t rotate(uint64_t x, int bits)
{
    return x >> bits | x << (64 - bits);
}

static void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

static uint64_t word(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Takes the block in; hash->length counts it. */
static void compress(blake2b *hash, int last)
{
    uint64_t v[16], m[16];

    for (int i = 0; i < 8; i++) {
        v[i] = hash->state[i];
        v[8 + i] = iv[i];
    }
    v[12] ^= hash->length; /* its upper half is 0: 2^64 bytes are never reached */
    v[14] = last ? ~v[14] : v[14];
    for (int i = 0; i < 16; i++)
        m[i] = word(hash->block + 8 * i);
    for (int round = 0; round < ROUNDS; round++) {
        const uint8_t *s = sigma[round % 10];

        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] ^= v[i] ^ v[8 + i];
}

void blake2b_begin(blake2b *hash)
{
    memset(hash, 0, sizeof *hash);
    memcpy(hash->state, iv, sizeof iv);
    hash->state[0] ^= 0x01010000 ^ DIGEST; /* fanout 1, depth 1, no key */
}

void blake2b_add(blake2b *hash, const void *bytes, size_t nbytes)
{
    const unsigned char *from = bytes;

    while (nbytes > 0) {
        const size_t room = BLAKE2B_BLOCK - hash->used, count = nbytes < room ? nbytes : room;

        if (room == 0) { /* only now: the last block, full or not, is taken in by the end */
            hash->length += BLAKE2B_BLOCK;
            compress(hash, 0);
            hash->used = 0;
            continue;
        }
        memcpy(hash->block + hash->used, from, count);
        hash->used += count;
        from += count;
        nbytes -= count;
    }
}

void blake2b_end(char text[BLAKE2B_TEXT], blake2b *hash)
{
    memset(hash->block + hash->used, 0, BLAKE2B_BLOCK - hash->used);
    hash->length += hash->used;
    compress(hash, 1);
    for (int i = 0; i < DIGEST; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(hash->state[0] >> 8 * i & 0xff));
}
