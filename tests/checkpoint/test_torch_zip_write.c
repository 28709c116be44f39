/* SPDX-License-Identifier: MIT */
#include "checkpoint/saving.h"

static void what_is_saved_is_read_back_without_metadata(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = make_checkpoint(context), *again;
    const char *path = rn_test_path(rn_test_directory(), "x.pth");

    (void)state;
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_TORCH, NULL));
    require_ok(context, rn_checkpoint_open(&again, context, path, NULL));
    assert_same_tensors(checkpoint, again);
    assert_int_equal(rn_checkpoint_metadata_count(again), 0);
    rn_checkpoint_destroy(again);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void equal_contents_give_equal_bytes_under_any_name(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *one = make_checkpoint(context), *other = make_checkpoint(context), *again;
    const char *directory = rn_test_directory();
    const char *first = rn_test_path(directory, "first"), *second = rn_test_path(directory, "second"),
               *third = rn_test_path(directory, "third");

    (void)state;
    require_ok(context, rn_checkpoint_save(one, first, RN_FORMAT_TORCH, NULL));
    require_ok(context, rn_checkpoint_save(other, second, RN_FORMAT_TORCH, NULL));
    assert_same_file(first, second);
    require_ok(context, rn_checkpoint_open(&again, context, first, NULL));
    require_ok(context, rn_checkpoint_save(again, third, RN_FORMAT_TORCH, NULL));
    assert_same_file(first, third);
    rn_checkpoint_destroy(again);
    rn_checkpoint_destroy(one);
    rn_checkpoint_destroy(other);
    rn_context_destroy(context);
}

static void data_is_aligned_to_64_bytes(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = make_checkpoint(context), *again;
    const char *path = rn_test_path(rn_test_directory(), "x.pth");

    (void)state;
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_TORCH, NULL));
    require_ok(context, rn_checkpoint_open(&again, context, path, NULL));
    for (size_t i = 0; i < rn_checkpoint_count(again); i++) {
        assert_ptr_equal(rn_checkpoint_tensor(again, i)->storage,
                         rn_checkpoint_tensor(again, 0)->storage); /* the mapping */
        assert_int_equal((uintptr_t)rn_tensor_const_data(rn_checkpoint_tensor(again, i)) % 64, 0);
    }
    rn_checkpoint_destroy(again);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

/*
 * PyTorch, where it is installed, is the judge: same names, types, shapes and bytes as in the safetensors file of the
 * same checkpoint.
 */
static void pytorch_reads_it(void **state)
{
    static const char script[] =
        "import sys, json, struct, torch\n"
        "raw = open(sys.argv[2], 'rb').read()\n"
        "n = struct.unpack('<Q', raw[:8])[0]\n"
        "header = json.loads(raw[8:8 + n]); header.pop('__metadata__')\n"
        "for options in ({}, {'weights_only': True}):\n"
        "    state = torch.load(sys.argv[1], **options)\n"
        "    assert type(state).__name__ == 'OrderedDict' and list(state) == list(header)\n"
        "    for name, tensor in state.items():\n"
        "        begin, end = header[name]['data_offsets']\n"
        "        assert list(tensor.shape) == header[name]['shape'] and tensor.is_contiguous()\n"
        "        flat = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor\n"
        "        assert flat.numpy().tobytes() == raw[8 + n + begin:8 + n + end]\n";
    rn_context *context;
    rn_checkpoint *checkpoint;
    const char *directory = rn_test_directory();
    char command[512];

    (void)state;
    if (system("/usr/bin/python3 -c 'import torch, numpy' 2> /dev/null") != 0) {
        print_message("skipped: PyTorch is not installed\n");
        skip();
    }
    context = rn_test_context(1, RN_ISA_AUTO);
    checkpoint = make_checkpoint(context);
    require_ok(context, rn_checkpoint_save(checkpoint, rn_test_path(directory, "x.pth"), RN_FORMAT_TORCH, NULL));
    require_ok(context,
               rn_checkpoint_save(checkpoint, rn_test_path(directory, "x.safetensors"), RN_FORMAT_SAFETENSORS, NULL));
    FILE *file = fopen(rn_test_path(directory, "check.py"), "w");
    assert_non_null(file);
    assert_true(fputs(script, file) >= 0);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "cd %s && /usr/bin/python3 check.py x.pth x.safetensors", directory);
    assert_int_equal(system(command), 0);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_saved_is_read_back_without_metadata),
        cmocka_unit_test(equal_contents_give_equal_bytes_under_any_name),
        cmocka_unit_test(data_is_aligned_to_64_bytes),
        cmocka_unit_test(pytorch_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
