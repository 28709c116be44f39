/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for lists of photos. The first byte chooses options, the rest is the list. Rows that name "99"
 * are photos: a file in memory with that number.
 */
#include "fuzz.h"

enum { PHOTO = 99 };

static void open_photo(void)
{
    const int handle = memfd_create("photo", MFD_CLOEXEC);

    fuzz_require(handle >= 0 && dup2(handle, PHOTO) == PHOTO);
    close(handle);
}

/* Every sample has a class of the table, and every class a text. */
static void check_dataset(const rn_dataset *dataset)
{
    const rn_classes *const classes = rn_dataset_classes(dataset);

    fuzz_require(rn_dataset_count(dataset) > 0);
    for (size_t i = 0; i < rn_dataset_count(dataset); i++)
        fuzz_require(rn_classes_folder(classes, (size_t)rn_dataset_label(dataset, i)) != NULL &&
                     rn_dataset_path(dataset, i) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    static const char separators[] = { 0, ',', '\t', ' ' };
    static const char *const folders[] = { "cat", "dog", "\\xb2" };
    const uint8_t chosen = nbytes > 0 ? bytes[0] : 0;
    rn_context *const context = fuzz_context();
    rn_classes *classes = NULL;
    rn_dataset *dataset;
    char path[64];
    const int handle = fuzz_file(path, bytes + (nbytes > 0), nbytes - (nbytes > 0));

    open_photo();
    if (chosen & 4)
        fuzz_require(rn_classes_create(&classes, context, folders, NULL, 3) == RN_OK);
    if (rn_image_list_open(&dataset, context, path,
                           RN_OPTIONS(rn_image_list, .separator = separators[chosen & 3], .classes = classes,
                                      .root = "/proc/self/fd", .skip_missing = chosen >> 3 & 1,
                                      .path_number = chosen & 16 ? 2 : 0, .label_number = chosen & 16 ? 1 : 0,
                                      .label_column = chosen & 32 && !(chosen & 16) ? "label" : NULL)) == RN_OK) {
        check_dataset(dataset);
        rn_dataset_destroy(dataset);
    }
    rn_classes_destroy(classes);
    close(PHOTO);
    close(handle);
    rn_context_destroy(context);
    return 0;
}
