/* SPDX-License-Identifier: MIT */
/* Options structs of older and newer callers. */
#include "base/options.h"

#include "support/support.h"

#include <stdlib.h>

typedef struct now_options {
    size_t struct_size;
    int32_t a, b;
    double rate;
} now_options;

RN_NO_TAIL_PADDING(now_options, rate);

typedef struct older_options {
    size_t struct_size;
    int32_t a;
} older_options;

typedef struct newer_options {
    now_options known;
    int64_t unknown;
} newer_options;

static void none_gives_zeros_and_the_size(void **state)
{
    now_options o = { 1, 2, 3, 4 };

    (void)state;
    assert_int_equal(rn_options_read(&o, sizeof o, NULL, NULL), RN_OK);
    assert_int_equal(o.struct_size, sizeof o);
    assert_int_equal(o.a, 0);
    assert_int_equal(o.b, 0);
    assert_true(o.rate == 0);
}

static void an_older_struct_leaves_the_new_fields_zero(void **state)
{
    /* What lies behind the older struct in the caller's memory is not read. */
    struct {
        older_options old;
        int32_t behind[8];
    } caller = { { offsetof(now_options, b), 7 }, { 1, 2, 3, 4, 5, 6, 7, 8 } };
    const size_t older = offsetof(now_options, b);
    now_options o;

    (void)state;
    assert_int_equal(rn_options_read_older(&o, sizeof o, &older, 1, &caller.old, NULL), RN_OK);
    assert_int_equal(o.a, 7);
    assert_int_equal(o.b, 0);
    assert_true(o.rate == 0);
    assert_int_equal(o.struct_size, sizeof o);
}

static void a_newer_struct_passes_only_if_its_new_part_is_zero(void **state)
{
    newer_options newer = { { sizeof newer, 1, 2, 0.5 }, 0 };
    rn_message message = { "" };
    now_options o;

    (void)state;
    assert_int_equal(rn_options_read(&o, sizeof o, &newer, &message), RN_OK);
    assert_int_equal(o.b, 2);
    newer.unknown = INT64_C(1) << 56;
    assert_int_equal(rn_options_read(&o, sizeof o, &newer, &message), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(message.text, "does not know"));
}

static void a_forgotten_size_is_refused(void **state)
{
    now_options given = { 0 }, o;

    (void)state;
    assert_int_equal(rn_options_read(&o, sizeof o, &given, NULL), RN_INVALID_ARGUMENT);
    given.struct_size = sizeof(size_t) - 1;
    assert_int_equal(rn_options_read(&o, sizeof o, &given, NULL), RN_INVALID_ARGUMENT);
}

/* A size that no release had may end within a field; an absurd one must not be read. */
static void a_size_that_never_was_is_refused(void **state)
{
    static const size_t older[] = { offsetof(now_options, b), offsetof(now_options, rate) };
    const size_t sizes[] = { sizeof(size_t),
                             sizeof(size_t) + 1,
                             offsetof(now_options, b) + 1,
                             sizeof(now_options) - 1,
                             sizeof(now_options) - 4,
                             RN_OPTIONS_LIMIT + 1,
                             (size_t)1 << 40,
                             SIZE_MAX };
    now_options o;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        now_options *const given = malloc(sizeof *given); /* alone, so that a sanitizer sees a byte too many */

        assert_non_null(given);
        *given = (now_options){ sizes[i], 1, 2, 3 };
        assert_int_equal(rn_options_read_older(&o, sizeof o, older, 2, given, NULL), RN_INVALID_ARGUMENT);
        assert_int_equal(o.a, 0);
        free(given);
    }
}

static void bindings_make_them_by_hand(void **state)
{
    now_options o = { 1, 2, 3, 4 };

    (void)state;
    rn_options_init(&o, sizeof o);
    assert_int_equal(o.struct_size, sizeof o);
    assert_true(o.a == 0 && o.b == 0 && o.rate == 0);
    rn_options_init(NULL, sizeof o);
    assert_int_equal(rn_options_reserved(0, "call", NULL), RN_OK);
    assert_int_equal(rn_options_reserved(1, "call", NULL), RN_INVALID_ARGUMENT);
}

static void zero_is_the_default_and_rn_zero_is_zero(void **state)
{
    (void)state;
    assert_true(rn_option_number(0, 0.9) == 0.9);
    assert_true(rn_option_number(-0.0, 0.9) == 0.9);
    assert_true(rn_option_number(RN_ZERO, 0.9) == 0);
    assert_true(rn_option_number(0.5, 0.9) == 0.5);
    assert_true(isnan(rn_option_number((double)NAN, 0.9)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_gives_zeros_and_the_size),
        cmocka_unit_test(an_older_struct_leaves_the_new_fields_zero),
        cmocka_unit_test(a_newer_struct_passes_only_if_its_new_part_is_zero),
        cmocka_unit_test(a_forgotten_size_is_refused),
        cmocka_unit_test(a_size_that_never_was_is_refused),
        cmocka_unit_test(bindings_make_them_by_hand),
        cmocka_unit_test(zero_is_the_default_and_rn_zero_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
