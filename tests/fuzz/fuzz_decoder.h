/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for one picture decoder, RN_FUZZ_DECODER, on bytes in memory that end where the file ends. Besides
 * what sanitizers see: a picture is either given whole or not at all, and what is asked for stays within the bound of
 * rn_image_read (include/resnet/image.h), 28 bytes a pixel, 4 a byte of the file and 1 MiB, where a compressed file may
 * have 2^24 pixels and 4096 for each of its bytes.
 */
#include "image/pixels.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

typedef struct bounded {
    size_t live, bound;
} bounded;

enum { GUARD = 64, LARGEST = 1 << 28 };

static void *allocate(size_t bytes, size_t alignment, void *payload)
{
    bounded *const b = payload;
    char *block;

    if (bytes > b->bound - b->live)
        abort();
    if (bytes > LARGEST) /* what a machine may not have */
        return NULL;
    block = aligned_alloc(alignment, GUARD + (bytes + alignment) / alignment * alignment);
    if (block == NULL)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    b->live += bytes;
    return block + GUARD;
}

static void release(void *memory, void *payload)
{
    bounded *const b = payload;
    size_t bytes;

    memcpy(&bytes, (char *)memory - GUARD, sizeof bytes);
    b->live -= bytes;
    free((char *)memory - GUARD);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    bounded b = { 0, 28 * (((size_t)1 << 24) + 4096 * nbytes) + 4 * nbytes + ((size_t)1 << 20) };
    const rn_workbench bench = { .allocator = { .allocate = allocate, .release = release, .payload = &b } };
    uint8_t *const copy = malloc(nbytes + (nbytes == 0));
    rn_message message;
    rn_pixels pixels;
    volatile uint8_t last = 0;

    if (copy == NULL)
        abort();
    if (nbytes > 0)
        memcpy(copy, bytes, nbytes);
    if (RN_FUZZ_DECODER(&pixels, &bench, copy, nbytes, "input", &message) == RN_OK) {
        for (size_t i = 0; i < (size_t)pixels.width * (size_t)pixels.height * 3; i++)
            last = pixels.rgb[i]; /* all of them are there */
        rn_pixels_release(&pixels);
    } else if (pixels.rgb != NULL || memchr(message.text, '\0', sizeof message.text) == NULL) {
        abort();
    }
    if (b.live != 0)
        abort();
    free(copy);
    (void)last;
    return 0;
}
