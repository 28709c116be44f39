/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: a context whose large allocations fail, as on a small machine, and files that are
 * memory. */
#ifndef RN_TESTS_FUZZ_H
#define RN_TESTS_FUZZ_H

#define _GNU_SOURCE
#include <resnet/resnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FUZZ_LARGEST = 1 << 28 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

static inline void *fuzz_allocate(size_t bytes, size_t alignment, void *payload)
{
    (void)payload;
    return bytes > FUZZ_LARGEST ? NULL : aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
}

static inline void fuzz_release(void *memory, void *payload)
{
    (void)payload;
    free(memory);
}

static inline void fuzz_require(int condition)
{
    if (!condition)
        abort();
}

static inline rn_context *fuzz_context(void)
{
    rn_context *context;

    fuzz_require(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = fuzz_allocate,
                                                        .release = fuzz_release)) == RN_OK);
    return context;
}

/* A file in memory that holds these bytes; its name goes into `path`. The caller closes. */
static inline int fuzz_file(char path[64], const uint8_t *bytes, size_t nbytes)
{
    const int handle = memfd_create("input", MFD_CLOEXEC);

    fuzz_require(handle >= 0);
    fuzz_require(nbytes == 0 || write(handle, bytes, nbytes) == (ssize_t)nbytes);
    snprintf(path, 64, "/proc/self/fd/%d", handle);
    return handle;
}

#endif
