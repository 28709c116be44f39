/* SPDX-License-Identifier: MIT */
/*
 * Real files, where they are there: every one holds exactly PyTorch's values (CRC-32 over all tensors' row-major bytes
 * in order, computed with PyTorch 1.13) or is refused with a sentence that helps.
 */
#include "support/support.h"

#include <zlib.h>

static const struct {
    const char *file;
    size_t count;
    uint32_t crc;
} readable[] = {
    { "checkpoints/burn/bfloat16.pt", 1, 0xa1e78309 },
    { "checkpoints/burn/bool.pt", 1, 0xe39b85db },
    { "checkpoints/burn/buffers.pt", 2, 0xd7ce0b63 },
    { "checkpoints/burn/checkpoint.pt", 5, 0x2dc054d8 },
    { "checkpoints/burn/complex_structure.pt", 6, 0x21e94a13 },
    { "checkpoints/burn/empty.pt", 1, 0x00000000 },
    { "checkpoints/burn/extreme_values.pt", 1, 0xebf5b5c0 },
    { "checkpoints/burn/float16.pt", 1, 0xbb8ee886 },
    { "checkpoints/burn/float32.pt", 1, 0xa2331c99 },
    { "checkpoints/burn/float64.pt", 1, 0xb34966bc },
    { "checkpoints/burn/int16.pt", 1, 0xfc47656d },
    { "checkpoints/burn/int32.pt", 1, 0x15dbbe7e },
    { "checkpoints/burn/int64.pt", 1, 0xd8d833a9 },
    { "checkpoints/burn/int8.pt", 1, 0x3bfa25d6 },
    { "checkpoints/burn/large_shape.pt", 1, 0x959aded1 },
    { "checkpoints/burn/legacy_shared_storage.pt", 3, 0x03927dad },
    { "checkpoints/burn/legacy_uncloned_views.pt", 2, 0xabdbcf92 },
    { "checkpoints/burn/legacy_with_offsets.pt", 3, 0x517888d3 },
    { "checkpoints/burn/mixed_types.pt", 4, 0x1e8561d4 },
    { "checkpoints/burn/nested_dict.pt", 4, 0x58e05307 },
    { "checkpoints/burn/parameter.pt", 1, 0x3b35bc91 },
    { "checkpoints/burn/scalar.pt", 1, 0xe4cb510a },
    { "checkpoints/burn/simple_legacy.pt", 3, 0x3183bc93 },
    { "checkpoints/burn/special_values.pt", 1, 0x855d06a5 },
    { "checkpoints/burn/state_dict.pt", 4, 0x94e380ee },
    { "checkpoints/burn/tar_2d_tensor.tar", 1, 0xee21ffc0 },
    { "checkpoints/burn/tar_float32.tar", 1, 0xa2331c99 },
    { "checkpoints/burn/tar_float64.tar", 1, 0xb34966bc },
    { "checkpoints/burn/tar_int64.tar", 1, 0xd8d833a9 },
    { "checkpoints/burn/tar_multi_dtype.tar", 3, 0x3482c354 },
    { "checkpoints/burn/tar_weight_bias.tar", 2, 0x9d365d99 },
    { "checkpoints/burn/tensor_2d.pt", 1, 0x1939e524 },
    { "checkpoints/burn/tensor_3d.pt", 1, 0xbca9858f },
    { "checkpoints/burn/tensor_4d.pt", 1, 0x85df120c },
    { "checkpoints/burn/uint8.pt", 1, 0x88eef038 },
    { "checkpoints/candle/fortran_tensor_3d.pth", 1, 0x98f15fcb },
    { "checkpoints/candle/test.pt", 1, 0x49b0b1a6 },
    { "checkpoints/candle/test_with_key.pt", 1, 0x49b0b1a6 },
    { "checkpoints/candle/voices.safetensors", 2, 0xc5b2d4af },
    { "checkpoints/other/checkpoint.pth", 8, 0x47bdf9bf },
    { "checkpoints/other/squeezenet.pth", 152, 0x9f5a4239 },
    { "checkpoints/other/transfer_learn_full_prec.pytorch_state", 213, 0x55fabd12 },
    { "weights/cifar_resnet20.th", 97, 0x1d128e52 },
    { "weights/cifar_resnet56.th", 277, 0xcd9c9b8c },
    { "weights/squeezenet1_0_imagenet.pth", 52, 0x2a1db0c8 },
};

static const struct {
    const char *file;
    rn_status status;
    const char *part;
} refused[] = {
    { "checkpoints/burn/broken.pt", RN_FORMAT, "3 bytes" },
    { "checkpoints/other/lfs_pointer_squeezenet.pt", RN_FORMAT, "git-lfs pointer" },
    { "checkpoints/other/train.pt", RN_FORMAT, "train (datasets.arrow_dataset.Dataset)" },
};

static uint32_t crc_of(const rn_checkpoint *checkpoint)
{
    uLong crc = crc32_z(0, NULL, 0);

    for (size_t i = 0; i < rn_checkpoint_count(checkpoint); i++) {
        const rn_tensor *tensor = rn_checkpoint_tensor(checkpoint, i);
        const size_t nbytes = (size_t)rn_tensor_count(tensor) * rn_dtype_size(rn_tensor_dtype(tensor));
        unsigned char *bytes = malloc(nbytes + 1);

        assert_non_null(bytes);
        assert_int_equal(rn_tensor_read(tensor, rn_tensor_dtype(tensor), bytes, nbytes), RN_OK);
        crc = crc32_z(crc, bytes, nbytes);
        free(bytes);
    }
    return (uint32_t)crc;
}

static void real_files_hold_what_pytorch_reads(void **state)
{
    rn_context *context;

    (void)state;
    (void)rn_test_data("checkpoints"); /* skips where there are none */
    context = rn_test_context(1, RN_ISA_AUTO);
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
        const char *path = rn_test_data_or_null(readable[i].file);
        rn_checkpoint *checkpoint;

        if (path == NULL)
            continue;
        require_ok(context, rn_checkpoint_open(&checkpoint, context, path, NULL));
        assert_int_equal(rn_checkpoint_count(checkpoint), readable[i].count);
        if (crc_of(checkpoint) != readable[i].crc)
            fail_msg("%s has other values than PyTorch's", path);
        rn_checkpoint_destroy(checkpoint);
    }
    rn_context_destroy(context);
}

static void others_are_refused_with_a_sentence_that_helps(void **state)
{
    rn_context *context;

    (void)state;
    (void)rn_test_data("checkpoints");
    context = rn_test_context(1, RN_ISA_AUTO);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *path = rn_test_data_or_null(refused[i].file);
        rn_checkpoint *checkpoint;

        if (path == NULL)
            continue;
        require_status(context, rn_checkpoint_open(&checkpoint, context, path, NULL), refused[i].status);
        assert_non_null(strstr(rn_context_message(context), refused[i].part));
        assert_non_null(strstr(rn_context_message(context), path));
    }
    rn_context_destroy(context);
}

static void names_and_metadata_of_a_trained_network_are_bare(void **state)
{
    rn_context *context;
    rn_checkpoint *checkpoint;
    const char *path = rn_test_data("weights/cifar_resnet20.th");

    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    require_ok(context, rn_checkpoint_open(&checkpoint, context, path, NULL));
    assert_non_null(rn_checkpoint_find(checkpoint, "layer1.0.conv1.weight"));
    assert_string_equal(rn_checkpoint_metadata(checkpoint, "rn.nesting"), "state_dict");
    assert_string_equal(rn_checkpoint_metadata(checkpoint, "rn.prefix"), "module.");
    assert_string_equal(rn_checkpoint_metadata(checkpoint, "best_prec1"), "91.78000183105469");
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files_hold_what_pytorch_reads),
        cmocka_unit_test(others_are_refused_with_a_sentence_that_helps),
        cmocka_unit_test(names_and_metadata_of_a_trained_network_are_bare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
