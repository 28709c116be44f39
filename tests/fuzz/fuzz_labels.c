/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry for label files: labels change names alone, and every name is a text. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    static const char *const folders[] = { "1", "2", "x" };
    rn_context *const context = fuzz_context();
    rn_classes *classes, *labelled;
    char path[64];
    const int handle = fuzz_file(path, bytes, nbytes);

    fuzz_require(rn_classes_create(&classes, context, folders, NULL, 3) == RN_OK);
    if (rn_classes_label(&labelled, classes, path) == RN_OK) {
        fuzz_require(rn_classes_count(labelled) == 3);
        for (size_t i = 0; i < 3; i++)
            fuzz_require(strcmp(rn_classes_folder(labelled, i), folders[i]) == 0 &&
                         rn_classes_name(labelled, i) != NULL);
        rn_classes_destroy(labelled);
    }
    rn_classes_destroy(classes);
    close(handle);
    rn_context_destroy(context);
    return 0;
}
