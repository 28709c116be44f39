/* SPDX-License-Identifier: MIT */
/* The numbered examples check themselves: they end with 0 only if what they show came out. */
#include "examples/programs.h"
#include "train/runs.h"

#include <unistd.h>

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

static void names_of_tensors_do_not_steer_a_terminal(void **state)
{
    const char *directory = rn_test_directory();
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *file = NULL;
    rn_tensor *scalar = NULL;
    size_t size;
    char *text;

    (void)state;
    require_ok(context, rn_tensor_create(&scalar, context, RN_FLOAT32, 0, NULL, RN_ROW_MAJOR));
    require_ok(context, rn_checkpoint_create(&file, context));
    require_ok(context, rn_checkpoint_add(file, "esc\x1b]0;t\x07\nc1\xc2\x9b", scalar));
    require_ok(context,
               rn_checkpoint_save(file, rn_test_path(directory, "odd.safetensors"), RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    rn_tensor_destroy(scalar);
    rn_context_destroy(context);
    assert_int_equal(
        rn_test_program(directory, (const char *const[]){ "04_read_pytorch_file", "odd.safetensors", NULL }, 0, -1), 0);
    text = rn_test_file(rn_test_path(directory, "out"), &size);
    assert_non_null(text);
    assert_non_null(strstr(text, "esc\\x1B]0;t\\x07\\x0Ac1\\xC2\\x9B"));
    assert_ptr_equal(strchr(text, '\n'), text + size - 1);
    free(text);
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    static const char *const names[] = { "01_tensor", "02_layer_gradients", "03_own_network", "04_read_pytorch_file" };

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    for (int i = 0; i < 4; i++) {
        const char *directory = rn_test_directory();
        size_t size;
        char *text;

        assert_int_equal(rn_test_program_into("/dev/full", directory, (const char *const[]){ names[i], NULL }), 1);
        text = rn_test_file(rn_test_path(directory, "err"), &size);
        assert_non_null(strstr(text, "standard output"));
        free(text);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor),
        cmocka_unit_test(a_layer_with_its_gradients),
        cmocka_unit_test(ones_own_network_learns),
        cmocka_unit_test(a_file_of_pytorch),
        cmocka_unit_test(names_of_tensors_do_not_steer_a_terminal),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
