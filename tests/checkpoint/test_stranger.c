/* SPDX-License-Identifier: MIT */
/* What people hand over instead of a checkpoint is told by name. */
#include "support/support.h"

#include "checkpoint/checkpoint.h"
#include <string.h>

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *bytes;
    size_t nbytes;
    const char *part; /* of the answer; NULL: nobody knows */
} files[] = {
    { BYTES("<!DOCTYPE html><html>"), "a web page" },
    { BYTES("\n\n  <!Doctype HTML PUBLIC>"), "a web page" },
    { BYTES("\xef\xbb\xbf<HTML><HEAD>"), "a web page" },
    { BYTES("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull" },
    { BYTES("<?xml version=\"1.0\"?><Error/>"), "an XML text" },
    { BYTES("<Error><Code>AccessDenied</Code></Error>"), "a text" },
    { BYTES("{\"error\": \"Repository not found\"}"), "a JSON text" },
    { BYTES("Invalid username or password."), "a text" },
    { BYTES("\x1f\x8b\x08\0"), "unpack it" },
    { BYTES("\xfd\x37zXZ\0\0"), "unpack it" },
    { BYTES("7z\xbc\xaf\x27\x1c\0\4"), "unpack it" },
    { BYTES("Rar!\x1a\7\1\0"), "unpack it" },
    { BYTES("BZh91AY"), "unpack it" },
    { BYTES("\x28\xb5\x2f\xfd\0"), "unpack it" },
    { BYTES("\x89HDF\r\n\x1a\n"), "Keras" },
    { BYTES("GGUF\3\0\0\0"), "GGUF" },
    { BYTES("\x93NUMPY\1\0"), "NumPy" },
    { BYTES("\x1c\0\0\0TFL3"), "TensorFlow Lite" },
    { BYTES("\x12\1\0\0\0\0\0\0\0\0"), "MXNet" },
    { BYTES("\x08\x07\x12\x07pytorch\x1a\x03"
            "1.1:\xff"),
      "ONNX" },
    { BYTES("\x08\x04:\xff\x01\n\x05input\x12\x06output"), "ONNX" },
    { BYTES("0123456789012345678901234567890123456789\x57\xfb\x80\x8b\x24\x75\x47\xdb"), "TensorFlow checkpoint" },
    { BYTES(""), NULL },
    { BYTES("notes.\n"), NULL },
    { BYTES("#!/bin/sh\nPK\3\4\0\0\0\0\0\0"), NULL },
    { BYTES("\x08\x07\x12"), NULL },
    { BYTES("\0\0\0\0\x02\0\0\0\x05\0\0\0\0\0\0\0\0"), NULL },
};

static void each_is_told_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *const what = rn_checkpoint_stranger((const unsigned char *)files[i].bytes, files[i].nbytes);

        if (files[i].part == NULL ? what != NULL : what == NULL || strstr(what, files[i].part) == NULL)
            fail_msg("%zu: '%s', not '%s'", i, what != NULL ? what : "", files[i].part != NULL ? files[i].part : "");
    }
}

/* A download that reserved its room first and was broken off. */
static void zeros_are_no_file_yet(void **state)
{
    static unsigned char zeros[300];

    (void)state;
    assert_non_null(strstr(rn_checkpoint_stranger(zeros, sizeof zeros), "broken off"));
    assert_null(rn_checkpoint_stranger(zeros, 200));
    zeros[255] = 1;
    assert_null(rn_checkpoint_stranger(zeros, sizeof zeros));
    zeros[255] = 0;
}

/* However short a file is, nobody looks behind its end: each beginning stands alone, in memory of its size. */
static void nobody_looks_behind_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        for (size_t length = 0; length <= files[i].nbytes; length++) {
            unsigned char *const bytes = malloc(length + (length == 0));

            assert_non_null(bytes);
            memcpy(bytes, files[i].bytes, length);
            (void)rn_checkpoint_stranger(bytes, length);
            free(bytes);
        }
}

static void its_sentence_names_the_file(void **state)
{
    static const char page[] = "<html>Quota exceeded</html>";
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = NULL;

    (void)state;
    require_status(context, rn_checkpoint_read(&checkpoint, context, "resnet18.pth", page, sizeof page - 1, NULL),
                   RN_FORMAT);
    assert_string_equal(rn_context_message(context),
                        "resnet18.pth: this is a web page: the download gave a page instead of the file");
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_by_name),
        cmocka_unit_test(zeros_are_no_file_yet),
        cmocka_unit_test(nobody_looks_behind_the_end),
        cmocka_unit_test(its_sentence_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
