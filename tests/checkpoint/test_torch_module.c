/* SPDX-License-Identifier: MIT */
/* Modules saved whole give the tensors of their state_dict(), and no metadata. */
#include "checkpoint/expect.h"

static void whole_modules_hold_their_state_dicts(void **state)
{
    (void)state;
    EXPECT_FIXTURES("module.zip.pth", "module.legacy.pth", "module4.pth", "traced.fx.pth");
}

static void modules_are_values_like_any_other(void **state)
{
    (void)state;
    EXPECT_FIXTURES("network.pth", "classifier.pth");
}

static void programs_of_torchscript_hold_their_state_dicts(void **state)
{
    (void)state;
    EXPECT_FIXTURES("script.pth", "traced.pth", "frozen.pth");
}

static void attributes_are_no_metadata(void **state)
{
    static const char *const files[] = { "module.zip.pth", "module4.pth", "traced.fx.pth", "script.pth", "traced.pth" };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        rn_checkpoint *checkpoint;

        snprintf(name, sizeof name, "checkpoint/fixtures/%s", files[i]);
        require_ok(context, rn_checkpoint_open(&checkpoint, context, rn_test_fixture(name), NULL));
        if (rn_checkpoint_metadata_count(checkpoint) > 0)
            fail_msg("%s: metadata '%s'", files[i], rn_checkpoint_metadata_key(checkpoint, 0));
        rn_checkpoint_destroy(checkpoint);
    }
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_modules_hold_their_state_dicts),
        cmocka_unit_test(modules_are_values_like_any_other),
        cmocka_unit_test(programs_of_torchscript_hold_their_state_dicts),
        cmocka_unit_test(attributes_are_no_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
