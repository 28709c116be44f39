/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's zip container, since 1.6 (caffe2/serialize/inline_container.cc): under one directory of any name
 *   data.pkl       the pickled object; storages are persistent ids
 *   data/<key>     the bytes of a storage
 *   byteorder      "little" or "big" (since 2.1); version, and smaller ones that do not matter here
 * A TorchScript archive looks the same but has code/ and constants.pkl: a program, whose data.pkl is a module with its
 * parameters.
 */
#include "checkpoint/torch.h"
#include "checkpoint/zip_archive.h"

#include <stdio.h>
#include <string.h>

typedef struct torch_zip {
    rn_reader *reader;
    rn_zip_archive archive;
    const char *prefix; /* of the names: "resnet18/"; inside the name of data.pkl */
    int prefix_length;
    rn_torch_storages storages; /* those that were asked for */
} torch_zip;

static const rn_zip_entry *find_below(const torch_zip *zip, const char *name)
{
    char full[RN_TORCH_KEY + 1100];
    const int length = snprintf(full, sizeof full, "%.*s%s", zip->prefix_length, zip->prefix, name);

    return length < 0 || (size_t)length >= sizeof full ? NULL : rn_zip_find(&zip->archive, full);
}

static bool is_pickle(const char *name, size_t length)
{
    static const char wanted[] = "data.pkl";
    const size_t wanted_length = sizeof wanted - 1;

    return length >= wanted_length && memcmp(name + length - wanted_length, wanted, wanted_length) == 0 &&
           (length == wanted_length || name[length - wanted_length - 1] == '/');
}

/* A checkpoint that was packed for its way, or another format's archive (Keras, NumPy): its names tell. */
static rn_status fail_other_zip(const torch_zip *zip)
{
    const size_t count = zip->archive.count;

    return rn_fail(&zip->reader->context->message, RN_FORMAT,
                   "%s: a zip archive without data.pkl: not a file of torch.save%s%.100s%s", zip->reader->path,
                   count > 0 ? ", but of '" : "", count > 0 ? zip->archive.entry[0].name : "",
                   count == 0   ? ""
                   : count == 1 ? "': unpack it first"
                                : "' and others: if that is a checkpoint, unpack it first");
}

/* The entry called data.pkl gives the directory. Of two, PyTorch would take the one that its first entry stands
 * beside. */
static rn_status find_pickle(const rn_zip_entry **found, torch_zip *zip)
{
    rn_message *message = &zip->reader->context->message;

    *found = NULL;
    for (size_t i = 0; i < zip->archive.count; i++) {
        const rn_zip_entry *entry = &zip->archive.entry[i];
        const size_t length = strlen(entry->name);

        if (!is_pickle(entry->name, length))
            continue;
        if (*found != NULL)
            return rn_fail(message, RN_FORMAT, "%s: a zip archive with two pickles: '%s' and '%s'", zip->reader->path,
                           (*found)->name, entry->name);
        *found = entry;
        zip->prefix = entry->name;
        zip->prefix_length = (int)(length - strlen("data.pkl"));
    }
    return *found != NULL ? RN_OK : fail_other_zip(zip);
}

static rn_status find_storage(const rn_torch_storage **storage, void *payload, const char *key, rn_dtype dtype)
{
    torch_zip *zip = payload;
    rn_message *message = &zip->reader->context->message;
    char name[RN_TORCH_KEY + 8];
    rn_torch_storage made = { .dtype = dtype };
    rn_status status;

    *storage = rn_torch_storages_find(&zip->storages, key);
    if (*storage != NULL && (*storage)->dtype != dtype)
        return rn_fail(message, RN_UNSUPPORTED, "%s: the storage '%s' is used with two element types",
                       zip->reader->path, key);
    if (*storage != NULL)
        return RN_OK;
    snprintf(name, sizeof name, "data/%s", key);
    const rn_zip_entry *entry = find_below(zip, name);
    if (entry == NULL)
        return rn_fail(message, RN_FORMAT, "%s: the storage '%s' is missing", zip->reader->path, key);
    made.nbytes = (size_t)entry->nbytes;
    status = rn_zip_bytes(&made.owner, &made.data, &zip->archive, entry, rn_dtype_size(dtype));
    if (status != RN_OK)
        return status;
    status = rn_torch_storages_add(&zip->storages, zip->reader, &made, key);
    if (status != RN_OK)
        rn_storage_release(made.owner);
    else
        *storage = rn_torch_storages_find(&zip->storages, key);
    return status;
}

static rn_status check_byte_order(torch_zip *zip)
{
    const rn_zip_entry *entry = find_below(zip, "byteorder");
    rn_storage *owner = NULL;
    char *data;

    if (entry == NULL)
        return RN_OK;
    rn_status status = rn_zip_bytes(&owner, &data, &zip->archive, entry, 1);
    if (status == RN_OK && (entry->nbytes != 6 || memcmp(data, "little", 6) != 0))
        status = rn_fail(&zip->reader->context->message, RN_UNSUPPORTED,
                         "%s: was written on a big-endian machine; those files are not read", zip->reader->path);
    rn_storage_release(owner);
    return status;
}

static rn_status read_object(torch_zip *zip, const rn_zip_entry *entry)
{
    rn_reader *reader = zip->reader;
    const rn_torch_source source = { .find = find_storage, .payload = zip };
    rn_storage *owner = NULL;
    rn_pickle pickle = { 0 };
    char *data;

    if (entry->nbytes > RN_CHECKPOINT_PICKLE_BYTES)
        return rn_fail(&reader->context->message, RN_FORMAT, "%s: its pickle of %llu bytes is larger than %d MiB",
                       reader->path, (unsigned long long)entry->nbytes, (int)(RN_CHECKPOINT_PICKLE_BYTES >> 20));
    rn_status status = rn_zip_bytes(&owner, &data, &zip->archive, entry, 1);
    if (status == RN_OK)
        status = rn_pickle_read(&pickle, reader->budget, reader->path, (const unsigned char *)data,
                                (size_t)entry->nbytes, &reader->context->message);
    if (status == RN_OK)
        status = rn_torch_object_read(reader, &pickle.root, &source);
    rn_pickle_release(&pickle);
    rn_storage_release(owner);
    return status;
}

rn_status rn_torch_zip_read(rn_reader *reader)
{
    torch_zip zip = { .reader = reader };
    rn_message *message = &reader->context->message;
    const rn_zip_entry *entry = NULL;
    rn_status status = rn_zip_open(&zip.archive, reader);

    if (status == RN_OK)
        status = find_pickle(&entry, &zip);
    if (status == RN_OK)
        status = check_byte_order(&zip);
    if (status == RN_OK)
        status = read_object(&zip, entry);
    if (status == RN_OK && rn_checkpoint_count(reader->checkpoint) == 0 && find_below(&zip, "constants.pkl") != NULL)
        status = rn_fail(message, RN_UNSUPPORTED,
                         "%s: a TorchScript program without parameters of its own (torch.jit.freeze makes them "
                         "constants); save the state_dict() of its model with torch.save",
                         reader->path);
    rn_torch_storages_release(&zip.storages, &reader->budget->allocator);
    rn_zip_close(&zip.archive);
    return status;
}
