/* SPDX-License-Identifier: MIT */
/*
 * Small files whose objects, modules and keys ask for much: refused with a sentence that names the limit; and honest
 * files full of unknown objects, which must not be.
 */
#include "checkpoint/hostile.h"

static rn_bytes begin_object(void)
{
    rn_bytes bytes = hostile_begin();

    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2");
    return bytes;
}

static void end_object(reading *r, rn_bytes *bytes, size_t floats)
{
    APPEND(bytes, ".");
    append_legacy_end(bytes, floats);
    read_hostile(r, *bytes, rn_torch_legacy_read);
}

static void many_unknown_objects_have_room(void **state)
{
    enum { COUNT = 50000 };
    static const int64_t one[] = { 1 };
    rn_bytes bytes = begin_object();
    reading r;

    (void)state;
    APPEND(&bytes, "}(X\1\0\0\0tcdatetime\ndatetime\nq\0");
    APPEND(&bytes, "0](");
    append_repeated(&bytes, "h\0C\12\7\xe4\1\2\0\0\0\0\0\0\x85R", 16, COUNT);
    APPEND(&bytes, "eX\1\0\0\0w");
    append_tensor(&bytes, 1, 1, one, one);
    APPEND(&bytes, "u");
    end_object(&r, &bytes, 1);
    assert_int_equal(rn_checkpoint_count(r.checkpoint), 1);
    assert_string_equal(rn_checkpoint_metadata(r.checkpoint, "rn.opaque"), "t.0 (datetime.datetime) and 49999 more");
    require_room(&r);
}

static void long_names_of_globals_are_charged(void **state)
{
    rn_bytes bytes = begin_object();
    reading r;

    (void)state;
    append_text(&bytes, 'm', 1000);
    APPEND(&bytes, "q\0");
    append_text(&bytes, 'n', 1000);
    APPEND(&bytes, "q\1]");
    append_repeated(&bytes, "h\0h\1\x93"
                            "0",
                    6, 20000);
    end_object(&r, &bytes, 0);
    require_limit(&r, &r.budget.memory, "memory");
}

/* (what BUILD gives a module: these buffers, that set) */
static void append_module(rn_bytes *bytes, size_t buffers, size_t fleeting)
{
    APPEND(bytes, "cm\nM\n)\x81}(X\13\0\0\0_parameters}X\10\0\0\0_modules}X\10\0\0\0_buffers}(");
    append_repeated(bytes, "K\0N", 3, buffers);
    append_repeated(bytes, "X\1\0\0\0bN", 7, buffers);
    APPEND(bytes, "uX\33\0\0\0_non_persistent_buffers_setc__builtin__\nset\n](");
    append_repeated(bytes, "X\1\0\0\0a", 6, fleeting);
    APPEND(bytes, "e\x85Rub");
}

static void sets_that_are_looked_through_are_charged(void **state)
{
    rn_bytes bytes = begin_object();
    reading r;

    (void)state;
    append_module(&bytes, 10, 10);
    end_object(&r, &bytes, 0);
    require_ok(r.context, r.status);
    end_reading(&r);
    bytes = begin_object();
    append_module(&bytes, 20000, 20000);
    end_object(&r, &bytes, 0);
    require_limit(&r, &r.budget.work, "repeat far more often");
}

static void attributes_that_are_looked_through_are_charged(void **state)
{
    rn_bytes bytes = begin_object();
    reading r;

    (void)state;
    APPEND(&bytes, "](cm\nM\n)\x81}(");
    append_repeated(&bytes, "X\1\0\0\0aN", 7, 20000);
    APPEND(&bytes, "X\13\0\0\0_parameters}X\10\0\0\0_modules}X\10\0\0\0_buffers}ubq\0");
    append_repeated(&bytes, "h\0", 2, 20000);
    APPEND(&bytes, "e");
    end_object(&r, &bytes, 0);
    require_limit(&r, &r.budget.work, "repeat far more often");
}

static void metadata_of_tensors_that_is_looked_through_is_charged(void **state)
{
    rn_bytes bytes = begin_object();
    reading r;

    (void)state;
    APPEND(&bytes, "](}(");
    append_repeated(&bytes, "X\1\0\0\0aN", 7, 20000);
    APPEND(&bytes, "uq\0"
                   "0ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                   "0X\3\0\0\0cpuK\1tQK\0)))Nh\0tRq\1");
    append_repeated(&bytes, "h\1", 2, 20000);
    APPEND(&bytes, "e");
    end_object(&r, &bytes, 1);
    require_limit(&r, &r.budget.work, "repeat far more often");
}

/* ((((..), (..)), ..), ..): 2 to the power of 40 parts, and a list that holds itself. */
static void keys_that_hold_themselves_end(void **state)
{
    static const int64_t one[] = { 1 };
    rn_bytes bytes = begin_object();
    reading r;

    (void)state;
    APPEND(&bytes, "}(K\1");
    append_repeated(&bytes, "2\x86", 2, 40);
    APPEND(&bytes, "K\1]q\0h\0a\x85K\2X\1\0\0\0w");
    append_tensor(&bytes, 1, 1, one, one);
    APPEND(&bytes, "u");
    end_object(&r, &bytes, 1);
    require_ok(r.context, r.status);
    assert_int_equal(rn_checkpoint_count(r.checkpoint), 1);
    assert_string_equal(rn_checkpoint_metadata(r.checkpoint, "rn.opaque"),
                        "the object itself (a key that is no text) and 1 more");
    end_reading(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_unknown_objects_have_room),
        cmocka_unit_test(long_names_of_globals_are_charged),
        cmocka_unit_test(sets_that_are_looked_through_are_charged),
        cmocka_unit_test(attributes_that_are_looked_through_are_charged),
        cmocka_unit_test(metadata_of_tensors_that_is_looked_through_is_charged),
        cmocka_unit_test(keys_that_hold_themselves_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
