/* SPDX-License-Identifier: MIT */
/*
 * Philox4x32-10: ten rounds of multiplication and xor turn a counter of 128 bits under a key of 64 bits into 128 random
 * bits. J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 *
 * Seed, a and b need 192 bits, and the block number and the stream need some too. So one Philox call under the seed
 * permutes (a, b); the result gives the key and half of the counter of the stream. For one seed, two different (a, b)
 * never share both.
 */
#include "base/random.h"

#include <math.h>

enum { ROUNDS = 10, STREAM_SHIFT = 24 };

void rn_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t p0 = UINT64_C(0xD2511F53) * x0, p1 = UINT64_C(0xCD9E8D57) * x2;

        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

rn_random rn_random_at(uint64_t seed, rn_stream stream, uint64_t a, uint64_t b)
{
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    const uint32_t index[4] = { (uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b, (uint32_t)(b >> 32) };
    uint32_t mixed[4];

    rn_philox(mixed, index, key);
    return (rn_random){
        .key = { mixed[0], mixed[1] },
        .counter = { 0, (uint32_t)stream << STREAM_SHIFT, mixed[2], mixed[3] },
        .used = 4,
    };
}

uint32_t rn_random_next(rn_random *random)
{
    if (random->used == 4) {
        rn_philox(random->block, random->counter, random->key);
        if (++random->counter[0] == 0)
            random->counter[1]++; /* 24 bits are below the stream */
        random->used = 0;
    }
    return random->block[random->used++];
}

/* Two words, the first one low. */
static uint64_t next_64(rn_random *random)
{
    const uint64_t low = rn_random_next(random);

    return low | (uint64_t)rn_random_next(random) << 32;
}

double rn_random_uniform(rn_random *random)
{
    return (double)(next_64(random) >> 11) * 0x1p-53;
}

double rn_random_normal(rn_random *random)
{
    static const double two_pi = 6.283185307179586477;
    const double radius = sqrt(-2 * log(1 - rn_random_uniform(random)));

    return radius * cos(two_pi * rn_random_uniform(random));
}

uint64_t rn_random_below(rn_random *random, uint64_t limit)
{
    uint64_t word, rejected;

    if (limit <= 1)
        return 0;
    rejected =
        (0 - limit) % limit; /* 2^64 mod limit: without so many first values, each remainder is equally frequent */
    do
        word = next_64(random);
    while (word < rejected);
    return word % limit;
}
