/* SPDX-License-Identifier: MIT */
/*
 * A digest (base/mix.h) of a checkpoint's tensors and metadata. Tensors and entries are added up, since the order in a
 * file is the container's.
 */
#include "base/mix.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/row_major.h"
#include "store/keys.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Pieces end between elements; those of a training file have four or eight bytes. */
static void mix_bytes(void *payload, const void *bytes, size_t nbytes)
{
    uint64_t *const digest = payload;
    size_t at = 0;

    for (; at + sizeof(uint32_t) <= nbytes; at += sizeof(uint32_t)) {
        uint32_t word;

        memcpy(&word, (const char *)bytes + at, sizeof word);
        *digest = rn_mix(*digest, word);
    }
    for (; at < nbytes; at++)
        *digest = rn_mix(*digest, ((const unsigned char *)bytes)[at]);
}

static uint64_t digest_of(const rn_checkpoint *file)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < rn_checkpoint_count(file); i++) {
        const rn_tensor *const tensor = rn_checkpoint_tensor(file, i);
        uint64_t digest = rn_mix(rn_mix_text(1, rn_checkpoint_name(file, i)), (uint64_t)rn_tensor_dtype(tensor));

        for (int32_t axis = 0; axis < rn_tensor_rank(tensor); axis++)
            digest = rn_mix(digest, (uint64_t)rn_tensor_shape(tensor)[axis]);
        rn_row_major(tensor, mix_bytes, &digest);
        sum += digest;
    }
    for (size_t i = 0; i < rn_checkpoint_metadata_count(file); i++) {
        const char *const key = rn_checkpoint_metadata_key(file, i);

        if (strcmp(key, RN_KEY_DIGEST) != 0)
            sum += rn_mix_text(rn_mix_text(2, key), rn_checkpoint_metadata(file, key));
    }
    return sum;
}

static const char *digest_text(char text[17], const rn_checkpoint *file)
{
    snprintf(text, 17, "%016" PRIx64, digest_of(file));
    return text;
}

rn_status rn_file_seal(rn_checkpoint *file)
{
    char text[17];

    return rn_checkpoint_set_metadata(file, RN_KEY_DIGEST, digest_text(text, file));
}

rn_status rn_file_check_seal(const rn_checkpoint *file, const char *path, rn_message *message)
{
    const char *const sealed = rn_checkpoint_metadata(file, RN_KEY_DIGEST);
    char text[17];

    if (sealed != NULL && strcmp(sealed, digest_text(text, file)) == 0)
        return RN_OK;
    return rn_fail(message, RN_FORMAT, "%s is damaged: what it holds is not what was written", path);
}
