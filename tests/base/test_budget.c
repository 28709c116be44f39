/* SPDX-License-Identifier: MIT */
#include "base/budget.h"
#include "support/support.h"

static void what_is_allowed_grows_with_the_file(void **state)
{
    const rn_allocator source = rn_default_allocator();
    rn_budget budget;

    (void)state;
    rn_budget_init(&budget, &source, 1000);
    assert_int_equal(budget.memory.left, 1000 * RN_BUDGET_MEMORY_PER_BYTE + RN_BUDGET_MEMORY_ANYWAY);
    assert_int_equal(budget.work.left, 1000 * RN_BUDGET_WORK_PER_BYTE + RN_BUDGET_WORK_ANYWAY);
    assert_int_equal(budget.elements.left, 1000 * RN_BUDGET_ELEMENTS_PER_BYTE + RN_BUDGET_ELEMENTS_ANYWAY);
    rn_budget_init(&budget, &source, SIZE_MAX / 3); /* no overflow */
    assert_int_equal(budget.memory.left, SIZE_MAX);
    assert_int_equal(budget.work.left, SIZE_MAX);
    assert_int_equal(budget.elements.left, SIZE_MAX);
}

static void each_limit_is_named_when_it_is_passed(void **state)
{
    static const struct {
        bool (*spend)(rn_budget *budget, size_t amount);
        size_t allowed;
        const char *part;
    } limits[] = {
        { rn_budget_memory, 10 * RN_BUDGET_MEMORY_PER_BYTE + RN_BUDGET_MEMORY_ANYWAY, "memory" },
        { rn_budget_work, 10 * RN_BUDGET_WORK_PER_BYTE + RN_BUDGET_WORK_ANYWAY, "repeat" },
        { rn_budget_elements, 10 * RN_BUDGET_ELEMENTS_PER_BYTE + RN_BUDGET_ELEMENTS_ANYWAY, "elements" },
    };
    const rn_allocator source = rn_default_allocator();
    rn_budget budget;
    rn_message message = { "untouched" };

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char number[32];

        rn_budget_init(&budget, &source, 10);
        assert_true(limits[i].spend(&budget, limits[i].allowed - 1));
        assert_true(limits[i].spend(&budget, 1));
        assert_int_equal(rn_budget_settle(&budget, RN_OK, "file", &message), RN_OK);
        assert_false(limits[i].spend(&budget, 1));
        assert_false(limits[i].spend(&budget, 0)); /* it stays passed */
        assert_int_equal(rn_budget_settle(&budget, RN_NO_MEMORY, "file", &message), RN_FORMAT);
        snprintf(number, sizeof number, "%zu", limits[i].allowed);
        assert_non_null(strstr(message.text, "file: "));
        assert_non_null(strstr(message.text, limits[i].part));
        assert_non_null(strstr(message.text, number));
    }
}

static void the_allocator_charges_what_it_gives(void **state)
{
    rn_test_allocator watched = { .fail_at = -1 };
    const rn_allocator source = { rn_test_allocate, rn_test_release, &watched };
    rn_budget budget;

    (void)state;
    rn_budget_init(&budget, &source, 0);
    void *small = rn_allocate(&budget.allocator, 1), *large = rn_allocate(&budget.allocator, 1000000);
    assert_non_null(small);
    assert_non_null(large);
    const size_t spent = RN_BUDGET_MEMORY_ANYWAY - budget.memory.left;
    assert_in_range(spent, 1000001, 1000000 + 3 * RN_ALIGNMENT);
    assert_int_equal(watched.live, 2);
    rn_release(&budget.allocator, small);
    rn_release(&source, large); /* either may release */
    assert_int_equal(watched.live, 0);
    assert_int_equal(budget.memory.left, RN_BUDGET_MEMORY_ANYWAY - spent); /* the sum counts, not the peak */
    rn_budget_return(&budget, spent);
    assert_int_equal(budget.memory.left, RN_BUDGET_MEMORY_ANYWAY);
}

static void a_refused_block_was_never_asked_for(void **state)
{
    rn_test_allocator watched = { .fail_at = -1 };
    const rn_allocator source = { rn_test_allocate, rn_test_release, &watched };
    rn_budget budget;
    rn_message message;

    (void)state;
    rn_budget_init(&budget, &source, 0);
    assert_null(rn_allocate(&budget.allocator, RN_BUDGET_MEMORY_ANYWAY));
    assert_int_equal(watched.calls, 0);
    assert_int_equal(rn_budget_settle(&budget, RN_NO_MEMORY, "file", &message), RN_FORMAT);
}

static void a_lack_of_memory_stays_one(void **state)
{
    rn_test_allocator watched = { .fail_at = 0 };
    const rn_allocator source = { rn_test_allocate, rn_test_release, &watched };
    rn_budget budget;
    rn_message message;

    (void)state;
    rn_budget_init(&budget, &source, 0);
    assert_null(rn_allocate(&budget.allocator, 10));
    assert_int_equal(rn_budget_settle(&budget, RN_NO_MEMORY, "file", &message), RN_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_allowed_grows_with_the_file), cmocka_unit_test(each_limit_is_named_when_it_is_passed),
        cmocka_unit_test(the_allocator_charges_what_it_gives), cmocka_unit_test(a_refused_block_was_never_asked_for),
        cmocka_unit_test(a_lack_of_memory_stays_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
