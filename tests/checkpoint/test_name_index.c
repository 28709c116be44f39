/* SPDX-License-Identifier: MIT */
#include "checkpoint/name_index.h"
#include "support/support.h"

enum { NAMES = 100000, SIZE = 24 };

static void a_hundred_thousand_names_are_found_and_no_others(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_name_index index = { 0 };
    char(*names)[SIZE] = malloc((size_t)NAMES * SIZE);
    char other[SIZE];
    size_t position;

    (void)state;
    assert_non_null(names);
    assert_false(rn_name_index_find(&position, &index, "layer0"));
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(names[i], SIZE, "layer%zu.weight", i);
        assert_true(rn_name_index_insert(&index, &allocator, names[i], i));
    }
    for (size_t i = 0; i < NAMES; i++) {
        assert_true(rn_name_index_find(&position, &index, names[i]));
        assert_int_equal(position, i);
        snprintf(other, SIZE, "layer%zu.weigh", i);
        assert_false(rn_name_index_find(&position, &index, other));
    }
    rn_name_index_clear(&index);
    assert_false(rn_name_index_find(&position, &index, names[0]));
    assert_true(rn_name_index_insert(&index, &allocator, names[1], 7));
    assert_true(rn_name_index_find(&position, &index, names[1]));
    assert_int_equal(position, 7);
    rn_name_index_release(&index, &allocator);
    free(names);
}

static void names_of_every_length_are_told_apart(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_name_index index = { 0 };
    char names[40][40];
    size_t position;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        memset(names[i], 'x', i);
        names[i][i] = '\0';
        assert_true(rn_name_index_insert(&index, &allocator, names[i], i));
    }
    for (size_t i = 0; i < 40; i++) {
        assert_true(rn_name_index_find(&position, &index, names[i]));
        assert_int_equal(position, i);
    }
    rn_name_index_release(&index, &allocator);
}

static void without_memory_nothing_changes(void **state)
{
    rn_test_allocator counts = { .fail_at = 1, .sticky = 1 };
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &counts };
    rn_name_index index = { 0 };
    char names[64][SIZE];
    size_t count = 0, position;

    (void)state;
    for (; count < 64; count++) {
        snprintf(names[count], SIZE, "%zu", count);
        if (!rn_name_index_insert(&index, &allocator, names[count], count))
            break;
    }
    assert_in_range(count, 1, 63);
    for (size_t i = 0; i < count; i++)
        assert_true(rn_name_index_find(&position, &index, names[i]));
    assert_false(rn_name_index_find(&position, &index, names[count]));
    rn_name_index_release(&index, &allocator);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_names_are_found_and_no_others),
        cmocka_unit_test(names_of_every_length_are_told_apart),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
