/* SPDX-License-Identifier: MIT */
/* Patterns match a whole name or a leading part of it up to a dot. */
#include "params/parameters.h"

#include "support/support.h"

typedef struct pattern_case {
    const char *pattern, *name;
    bool matches;
} pattern_case;

static const pattern_case cases[] = {
    { "*", "fc.weight", true },
    { "layer1", "layer1.0.conv1.weight", true },
    { "layer1", "layer10.0.conv1.weight", false },
    { "layer1.0", "layer1.0.conv1.weight", true },
    { "layer1.*.conv1", "layer1.0.conv1.weight", true },
    { "layer1.*.conv1", "layer1.0.conv2.weight", false },
    { "*.bn2.weight", "layer1.0.bn2.weight", true },
    { "*.bn2.weight", "layer1.0.bn2.bias", false },
    { "layer?", "layer3.1.bn1.bias", true },
    { "layer?", "layer.1", false },
    { "layer*bias", "layer3.1.bn1.bias", true }, /* a dot is nothing special */
    { "conv1.weight", "conv1.weight", true },
    { "weight", "conv1.weight", false }, /* not from the middle */
    { "", "conv1.weight", false },
    { "conv1.", "conv1.weight", false },
    { "Conv1", "conv1.weight", false },
    { "[cf]*", "fc.bias", true },
};

static void names_match_from_their_start_to_a_dot(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (rn_name_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
            fail_msg("pattern %s, name %s", cases[i].pattern, cases[i].name);
    }
}

static void a_very_long_name_is_matched_as_a_whole(void **state)
{
    static char name[5000];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    memcpy(name, "head.", 5);
    name[4000] = '.';
    assert_true(rn_name_matches("head", name));
    assert_true(rn_name_matches("head.*", name));
    assert_false(rn_name_matches("tail", name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_from_their_start_to_a_dot),
        cmocka_unit_test(a_very_long_name_is_matched_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
