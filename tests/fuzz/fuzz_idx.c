/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry for MNIST's files: what opens has as many pictures as it says, and all of them can be read. The
 * labels fit the count that the pictures claim, if that is small. */
#include "fuzz.h"

enum { HEADER = 8, MOST = 64 };

static uint32_t claimed_count(const uint8_t *bytes, size_t nbytes)
{
    return nbytes < HEADER ? 1
                           : (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 | bytes[7];
}

static int write_labels(char path[64], uint32_t count)
{
    uint8_t labels[HEADER + MOST] = { 0, 0, 8, 1, 0, 0, 0, (uint8_t)count };

    return fuzz_file(path, labels, HEADER + count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    const uint32_t claimed = claimed_count(bytes, nbytes), count = claimed < MOST ? claimed : 1;
    rn_context *const context = fuzz_context();
    char images[64], labels[64];
    const int first = fuzz_file(images, bytes, nbytes), second = write_labels(labels, count);
    rn_dataset *dataset;

    if (rn_idx_open(&dataset, context, images, labels, NULL) == RN_OK) {
        rn_scan *scan;

        fuzz_require(rn_dataset_count(dataset) == count);
        fuzz_require(rn_dataset_scan(&scan, dataset, NULL) == RN_OK);
        fuzz_require(rn_scan_count(scan) == 0);
        rn_scan_destroy(scan);
        rn_dataset_destroy(dataset);
    }
    fuzz_require(rn_idx_open(&dataset, context, labels, images, NULL) != RN_OK);
    close(first);
    close(second);
    rn_context_destroy(context);
    return 0;
}
