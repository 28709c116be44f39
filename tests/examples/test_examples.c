/* SPDX-License-Identifier: MIT */
/* The numbered examples check themselves: they end with 0 only if what they show came out. */
#include "examples/programs.h"

static void run(const char *name)
{
    const char *const arguments[] = { name, NULL };

    assert_int_equal(rn_test_program(rn_test_directory(), arguments, 0, -1), 0);
}

static void a_tensor(void **state)
{
    (void)state;
    run("01_tensor");
}

static void a_layer_with_its_gradients(void **state)
{
    (void)state;
    run("02_layer_gradients");
}

static void ones_own_network_learns(void **state)
{
    (void)state;
    run("03_own_network");
}

static void a_file_of_pytorch(void **state)
{
    (void)state;
    run("04_read_pytorch_file");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor),
        cmocka_unit_test(a_layer_with_its_gradients),
        cmocka_unit_test(ones_own_network_learns),
        cmocka_unit_test(a_file_of_pytorch),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
