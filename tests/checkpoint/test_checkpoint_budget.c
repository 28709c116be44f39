/* SPDX-License-Identifier: MIT */
/*
 * Small files that ask for much: each is refused with a sentence that names the limit, before it has had more than the
 * budget allows; and honest files of the same kinds, which must not be.
 */
#include "checkpoint/hostile.h"

/* A file of torch.save whose object is a dictionary of this list: `count` times the same bytes. */
static void read_list(reading *r, const void *item, size_t nbytes, size_t count)
{
    rn_bytes bytes = hostile_begin();

    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2}X\7\0\0\0history](");
    append_repeated(&bytes, item, nbytes, count);
    APPEND(&bytes, "es.");
    append_legacy_end(&bytes, 0);
    read_hostile(r, bytes, rn_torch_legacy_read);
}

static void long_lists_of_numbers_have_room(void **state)
{
    enum { COUNT = 100000 };
    reading r;

    (void)state;
    read_list(&r, "G?\xb9\x99\x99\x99\x99\x99\x9a", 9, COUNT); /* 0.1 */
    assert_int_equal(rn_checkpoint_metadata_count(r.checkpoint), COUNT);
    require_room(&r);
    read_list(&r, "K\7", 2, COUNT);
    assert_int_equal(rn_checkpoint_metadata_count(r.checkpoint), COUNT);
    require_room(&r);
    read_list(&r, "X\5\0\0\0label", 10, COUNT);
    assert_int_equal(rn_checkpoint_metadata_count(r.checkpoint), COUNT);
    require_room(&r);
}

static void many_small_tensors_have_room(void **state)
{
    enum { COUNT = 10000 };
    rn_bytes bytes = hostile_begin();
    reading r;

    (void)state;
    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2}(");
    for (size_t i = 0; i < COUNT; i++) {
        char name[16];

        snprintf(name, sizeof name, "%zu", i);
        APPEND(&bytes, "X");
        rn_bytes_number(&bytes, strlen(name), 4);
        rn_bytes_text(&bytes, name);
        append_tensor(&bytes, 4, 1, (const int64_t[]){ 4 }, (const int64_t[]){ 1 });
    }
    APPEND(&bytes, "u.");
    append_legacy_end(&bytes, 4);
    read_hostile(&r, bytes, rn_torch_legacy_read);
    assert_int_equal(rn_checkpoint_count(r.checkpoint), COUNT);
    require_room(&r);
}

/* ---- work ------------------------------------------------------------------------------------------------------ */

/* A key of `length` characters in a dictionary that is referred to `times` times. */
static void read_shared_key(reading *r, size_t length, size_t times, const char *value)
{
    rn_bytes bytes = hostile_begin();

    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2]}q\0");
    append_text(&bytes, 'k', length);
    rn_bytes_text(&bytes, value);
    APPEND(&bytes, "s0("); /* filled, then off the stack */
    append_repeated(&bytes, "h\0", 2, times);
    APPEND(&bytes, "e.");
    append_legacy_end(&bytes, 0);
    read_hostile(r, bytes, rn_torch_legacy_read);
}

static void a_key_that_is_seen_again_and_again_is_charged(void **state)
{
    reading r;

    (void)state;
    read_shared_key(&r, 50000, 20000, "N"); /* 10^9 characters of 90 KB */
    require_limit(&r, &r.budget.work, "repeat far more often");
    read_shared_key(&r, 30, 100, "N");
    require_ok(r.context, r.status);
    assert_true(spent(&r.budget.work) > 30 * 100);
    end_reading(&r);
}

/* `count` references to one value in a list. */
static void read_references(reading *r, const rn_bytes *value, size_t count)
{
    rn_bytes bytes = hostile_begin();

    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2]");
    rn_bytes_append(&bytes, value->data, value->count);
    APPEND(&bytes, "q\0"
                   "0(");
    append_repeated(&bytes, "h\0", 2, count);
    APPEND(&bytes, "e.");
    append_legacy_end(&bytes, 0);
    read_hostile(r, bytes, rn_torch_legacy_read);
}

static void a_text_that_is_not_kept_is_charged_all_the_same(void **state)
{
    rn_bytes text = hostile_begin();
    reading r;

    (void)state;
    append_text(&text, 'x', 50000);
    text.data[text.count - 1] = 0xff; /* not UTF-8: left out, after all of it was looked at */
    read_references(&r, &text, 20000);
    require_limit(&r, &r.budget.work, "repeat far more often");
    rn_bytes_release(&text);
}

static void a_text_that_is_kept_again_and_again_is_charged(void **state)
{
    rn_bytes text = hostile_begin();
    reading r;

    (void)state;
    append_text(&text, 'x', 50000);
    read_references(&r, &text, 20000);
    require_limit(&r, &r.budget.memory, "memory");
    rn_bytes_release(&text);
}

/* Keys that are long numbers: each digit of the 154 is a division of 64 bytes. */
static void a_long_number_that_is_printed_again_and_again_is_charged(void **state)
{
    enum { TIMES = 30000 };
    rn_bytes bytes = hostile_begin();
    reading r;

    (void)state;
    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2](X\7\0\0\0storagectorch\nFloatStorage\n\x8a\x40");
    append_repeated(&bytes, "\x7f", 1, 64);
    APPEND(&bytes, "X\3\0\0\0cpuK\1tq\0"
                   "0");
    append_repeated(&bytes, "h\0Q0", 4, TIMES);
    APPEND(&bytes, ".");
    append_legacy_end(&bytes, 0);
    read_hostile(&r, bytes, rn_torch_legacy_read);
    require_limit(&r, &r.budget.work, "repeat far more often");
}

/* ---- elements -------------------------------------------------------------------------------------------------- */

/* One tensor of `rank` dimensions over `held` floats, `references` times in a list. */
static void read_views(reading *r, size_t held, int32_t rank, const int64_t *shape, const int64_t *strides,
                       size_t references)
{
    rn_bytes bytes = hostile_begin();

    append_legacy_start(&bytes);
    APPEND(&bytes, "\x80\2]");
    append_tensor(&bytes, held, rank, shape, strides);
    APPEND(&bytes, "q\0"
                   "0(");
    append_repeated(&bytes, "h\0", 2, references);
    APPEND(&bytes, "e.");
    append_legacy_end(&bytes, held);
    read_hostile(r, bytes, rn_torch_legacy_read);
}

static void views_that_would_be_huge_are_refused(void **state)
{
    static const int64_t huge[] = { 1 << 17, 1 << 17 }, none[] = { 0, 0 }; /* 64 GiB of one float */
    reading r;

    (void)state;
    read_views(&r, 1, 2, huge, none, 1);
    require_limit(&r, &r.budget.elements, "bytes of elements");
}

static void references_to_one_tensor_are_charged(void **state)
{
    enum { REFERENCES = 10000 };
    reading r;

    (void)state;
    read_views(&r, 100000, 1, (const int64_t[]){ 100000 }, (const int64_t[]){ 1 }, 4000); /* 1.6 GB of 408 KB */
    require_limit(&r, &r.budget.elements, "bytes of elements");
    read_views(&r, 1, 0, NULL, NULL, REFERENCES); /* small ones are charged for themselves, their names and places */
    require_ok(r.context, r.status);
    assert_int_equal(rn_checkpoint_count(r.checkpoint), REFERENCES);
    assert_true(spent(&r.budget.memory) > REFERENCES * (sizeof(rn_tensor) + sizeof(rn_checkpoint_tensor_entry)));
    assert_true(spent(&r.budget.work) > REFERENCES * 256);
    end_reading(&r);
}

static void an_expanded_view_of_moderate_size_is_read_and_saved(void **state)
{
    static const int64_t shape[] = { 1000, 1000 }, none[] = { 0, 0 };
    const char *path = rn_test_path(rn_test_directory(), "view");
    rn_checkpoint *again;
    reading r;

    (void)state;
    read_views(&r, 1, 2, shape, none, 2);
    require_ok(r.context, r.status);
    assert_int_equal(spent(&r.budget.elements), 2 * 4000000);
    for (int format = RN_FORMAT_SAFETENSORS; format <= RN_FORMAT_TORCH; format++) {
        require_ok(r.context, rn_checkpoint_save(r.checkpoint, path, (rn_format)format, NULL));
        require_ok(r.context, rn_checkpoint_open(&again, r.context, path, NULL));
        assert_int_equal(rn_tensor_count(rn_checkpoint_find(again, "1")), 1000000);
        rn_checkpoint_destroy(again);
    }
    end_reading(&r);
}

static void strides_of_single_elements_may_be_anything(void **state)
{
    static const int64_t shape[] = { 1, 3, 1, 2 }, strides[] = { INT64_MAX, 1, INT64_MAX / 2, 3 };
    const char *path = rn_test_path(rn_test_directory(), "strides");
    reading r;

    (void)state;
    read_views(&r, 6, 4, shape, strides, 1);
    require_ok(r.context, r.status);
    const rn_tensor *tensor = rn_checkpoint_find(r.checkpoint, "0");
    for (int i = 0; i < 4; i++)
        assert_in_range(rn_tensor_strides(tensor)[i], 0, 6);
    require_ok(r.context, rn_checkpoint_save(r.checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    require_ok(r.context, rn_checkpoint_save(r.checkpoint, path, RN_FORMAT_TORCH, NULL));
    end_reading(&r);
    read_views(&r, 6, 2, (const int64_t[]){ 0, 2 }, (const int64_t[]){ INT64_MAX, INT64_MAX }, 1); /* no element */
    require_ok(r.context, r.status);
    assert_int_equal(rn_tensor_strides(rn_checkpoint_find(r.checkpoint, "0"))[0], 2);
    end_reading(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_lists_of_numbers_have_room),
        cmocka_unit_test(many_small_tensors_have_room),
        cmocka_unit_test(a_key_that_is_seen_again_and_again_is_charged),
        cmocka_unit_test(a_text_that_is_not_kept_is_charged_all_the_same),
        cmocka_unit_test(a_text_that_is_kept_again_and_again_is_charged),
        cmocka_unit_test(a_long_number_that_is_printed_again_and_again_is_charged),
        cmocka_unit_test(views_that_would_be_huge_are_refused),
        cmocka_unit_test(references_to_one_tensor_are_charged),
        cmocka_unit_test(an_expanded_view_of_moderate_size_is_read_and_saved),
        cmocka_unit_test(strides_of_single_elements_may_be_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
