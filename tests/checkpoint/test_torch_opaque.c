/* SPDX-License-Identifier: MIT */
/* A neighbour does not spoil a file, is not looked into, and is spoken of. */
#include "checkpoint/expect.h"
#include "checkpoint/hostile.h"

#include "checkpoint/checkpoint.h"

static void unknown_objects_are_passed_over(void **state)
{
    (void)state;
    EXPECT_FIXTURES("neighbours.zip.pth", "neighbours.legacy.pth", "neighbours4.pth", "python2_objects.pth");
}

static void tensors_that_are_not_read_are_passed_over(void **state)
{
    (void)state;
    EXPECT_FIXTURES("unread.zip.pth", "unread.legacy.pth", "storage.zip.pth", "storage.legacy.pth",
                    "untyped.legacy.pth", "negative_view.pth");
}

static void what_lies_beneath_is_no_tensor_of_the_file(void **state)
{
    (void)state;
    EXPECT_FIXTURES("beneath.pth", "optimizer.pth", "storages.pth", "array.pth");
}

static void a_class_derived_from_a_dictionary_is_one(void **state)
{
    (void)state;
    EXPECT_FIXTURES("derived.zip.pth", "derived.legacy.pth", "derived4.pth", "derived_shared.zip.pth",
                    "derived_shared.legacy.pth", "derived_loop.pth");
}

static void keep_warning(rn_log_level level, const char *line, void *payload)
{
    char *kept = payload;

    assert_int_equal(level, RN_LOG_WARNING);
    assert_int_equal(kept[0], '\0'); /* one line for all */
    snprintf(kept, 1024, "%s", line);
}

static void the_log_says_what_was_passed_over(void **state)
{
    char kept[1024] = "";
    rn_context *context;
    rn_checkpoint *checkpoint;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .log = keep_warning, .log_payload = kept)),
                     RN_OK);
    require_ok(context, rn_checkpoint_open(&checkpoint, context,
                                           rn_test_fixture("checkpoint/fixtures/neighbours.zip.pth"), NULL));
    assert_non_null(strstr(kept, "neighbours.zip.pth"));
    assert_non_null(strstr(kept, rn_checkpoint_metadata(checkpoint, "rn.opaque")));
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

/* More kinds, and longer names, than the line has room for. */
static void the_line_stays_short(void **state)
{
    enum { KINDS = 200, LONG = 700 };
    static const int64_t shape[] = { 1 };
    rn_bytes bytes = hostile_begin();
    reading r;

    (void)state;
    append_legacy_start(&bytes);
    APPEND(&bytes, "}(");
    for (size_t i = 0; i < KINDS; i++) {
        char global[32];
        const int length = snprintf(global, sizeof global, "cm\nClass%zu\n)R", i);

        append_text(&bytes, (char)('a' + i % 26), i == 1 ? LONG : 1 + i / 26);
        rn_bytes_append(&bytes, global, (size_t)length);
    }
    append_text(&bytes, 'w', 20);
    append_tensor(&bytes, 1, 1, shape, shape);
    APPEND(&bytes, "u.");
    append_legacy_end(&bytes, 1);
    read_hostile(&r, bytes, rn_torch_legacy_read);
    require_ok(r.context, r.status);
    assert_int_equal(rn_checkpoint_count(r.checkpoint), 1);
    const char *said = rn_checkpoint_metadata(r.checkpoint, "rn.opaque");
    assert_non_null(strstr(said, "a (m.Class0), c (m.Class2)"));
    assert_non_null(strstr(said, " and 185 more"));
    assert_true(strlen(said) < 700);
    end_reading(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_objects_are_passed_over),
        cmocka_unit_test(tensors_that_are_not_read_are_passed_over),
        cmocka_unit_test(what_lies_beneath_is_no_tensor_of_the_file),
        cmocka_unit_test(a_class_derived_from_a_dictionary_is_one),
        cmocka_unit_test(the_log_says_what_was_passed_over),
        cmocka_unit_test(the_line_stays_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
