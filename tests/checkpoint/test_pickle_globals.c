/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

#include "checkpoint/pickle.h"

static const rn_pickle_global *find(const char *module, const char *name)
{
    return rn_pickle_global_find(module, strlen(module), name, strlen(name));
}

static void the_words_of_a_state_dict_are_known(void **state)
{
    (void)state;
    assert_int_equal(find("collections", "OrderedDict")->kind, RN_GLOBAL_DICTIONARY);
    assert_int_equal(find("torch._utils", "_rebuild_tensor_v2")->kind, RN_GLOBAL_TENSOR);
    assert_int_equal(find("torch", "HalfStorage")->dtype, RN_FLOAT16);
    assert_int_equal(find("torch.cuda", "FloatStorage")->dtype, RN_FLOAT32);
}

static void everything_else_is_unknown(void **state)
{
    (void)state;
    assert_null(find("os", "system"));
    assert_null(find("builtins", "eval"));
    assert_null(find("builtins", "getattr"));
    assert_null(find("torch", "load"));
    assert_null(find("torch", "FloatStorag"));
    assert_null(find("torch", "FloatStorage2"));
    assert_null(find("torc", "FloatStorage"));
    assert_null(find("", ""));
    assert_null(rn_pickle_global_find("torch\0x", 7, "FloatStorage", 12));
    assert_null(rn_pickle_global_find("torch", 5, "FloatStorage\0", 13));
}

static void harm_is_refused_by_name(void **state)
{
    (void)state;
    EXPECT_FIXTURES("harm.pth", "harm4.pth", "harm.legacy.pth");
}

static void what_is_understood_but_not_read_says_so(void **state)
{
    (void)state;
    EXPECT_FIXTURES("complex.pth", "sparse.pth", "array.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_a_state_dict_are_known),
        cmocka_unit_test(everything_else_is_unknown),
        cmocka_unit_test(harm_is_refused_by_name),
        cmocka_unit_test(what_is_understood_but_not_read_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
