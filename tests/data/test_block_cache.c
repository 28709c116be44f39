/* SPDX-License-Identifier: MIT */
/* The cache of blocks that decoding threads use. */
#include "data/block_cache.h"
#include "support/support.h"

static void what_was_released_is_handed_out_again(void **state)
{
    rn_block_cache cache = { 0 };
    const rn_allocator allocator = rn_block_cache_allocator(&cache);
    void *const first = rn_allocate(&allocator, 10000);

    (void)state;
    assert_non_null(first);
    assert_int_equal((uintptr_t)first % RN_ALIGNMENT, 0);
    memset(first, 1, 10000);
    rn_release(&allocator, first);
    assert_ptr_equal(rn_allocate(&allocator, 9000), first);
    rn_release(&allocator, first);
    assert_int_equal(cache.allocations, 1);
    rn_block_cache_clear(&cache);
    assert_int_equal(cache.kept, 0);
}

static void the_smallest_that_fits_is_taken(void **state)
{
    rn_block_cache cache = { 0 };
    const rn_allocator allocator = rn_block_cache_allocator(&cache);
    void *const large = rn_allocate(&allocator, 100000), *const small = rn_allocate(&allocator, 1000);
    void *const middle = rn_allocate(&allocator, 10000);

    (void)state;
    rn_release(&allocator, large);
    rn_release(&allocator, middle);
    rn_release(&allocator, small);
    assert_ptr_equal(rn_allocate(&allocator, 5000), middle);
    assert_ptr_equal(rn_allocate(&allocator, 5000), large);
    assert_ptr_equal(rn_allocate(&allocator, 10), small);
    rn_release(&allocator, small);
    rn_release(&allocator, middle);
    rn_release(&allocator, large);
    rn_block_cache_clear(&cache);
}

/* Sizes that vary as those of photos do: after a while nothing is allocated. */
static void a_steady_load_allocates_nothing(void **state)
{
    rn_block_cache cache = { 0 };
    const rn_allocator allocator = rn_block_cache_allocator(&cache);
    size_t before = 0;
    uint32_t random = 1;

    (void)state;
    for (int photo = 0; photo < 400; photo++) {
        void *block[6];

        for (size_t i = 0; i < 6; i++) {
            random = random * 1664525u + 1013904223u;
            block[i] = rn_allocate(&allocator, (i + 1) * 20000 + random % 10000);
            assert_non_null(block[i]);
            memset(block[i], 7, (i + 1) * 20000);
        }
        for (size_t i = 0; i < 6; i++)
            rn_release(&allocator, block[i]);
        if (photo == 200)
            before = cache.allocations;
    }
    assert_int_equal(cache.allocations, before);
    assert_true(cache.allocations < 40);
    rn_block_cache_clear(&cache);
}

static void what_is_kept_is_bounded(void **state)
{
    rn_block_cache cache = { 0 };
    const rn_allocator allocator = rn_block_cache_allocator(&cache);
    void *block[3 * RN_CACHED_BLOCKS], *giant;

    (void)state;
    for (size_t i = 0; i < 3 * RN_CACHED_BLOCKS; i++)
        block[i] = rn_allocate(&allocator, 1000 * (i + 1));
    for (size_t i = 0; i < 3 * RN_CACHED_BLOCKS; i++)
        rn_release(&allocator, block[i]);
    assert_int_equal(cache.count, RN_CACHED_BLOCKS);
    assert_true(cache.kept >= 25 * 1000 * RN_CACHED_BLOCKS); /* the largest */
    giant = rn_allocate(&allocator, (size_t)200 << 20);
    assert_non_null(giant);
    rn_release(&allocator, giant);
    assert_true(cache.kept < (size_t)1 << 27);
    rn_block_cache_clear(&cache);
    assert_int_equal(cache.count, 0);
}

static void what_cannot_be_had_is_null(void **state)
{
    rn_block_cache cache = { 0 };
    const rn_allocator allocator = rn_block_cache_allocator(&cache);

    (void)state;
    assert_null(rn_allocate(&allocator, SIZE_MAX));
    assert_null(rn_allocate_array(&allocator, SIZE_MAX / 4, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_released_is_handed_out_again),
        cmocka_unit_test(the_smallest_that_fits_is_taken),
        cmocka_unit_test(a_steady_load_allocates_nothing),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(what_cannot_be_had_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
