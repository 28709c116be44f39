/* SPDX-License-Identifier: MIT */
/*
 * Writing safetensors. The header lists metadata by key and tensors in the checkpoint's order; the data lies with the
 * widest types first, so that every tensor is aligned for its elements and can be mapped. Nothing else goes in (no
 * date, no path), so equal contents give equal bytes.
 */
#include "checkpoint/checkpoint.h"

#include "base/file.h"
#include "checkpoint/bytes.h"
#include "checkpoint/row_major.h"
#include <stdlib.h>
#include <string.h>

enum { WIDEST = 8 }; /* bytes of an element */

static const char *const dtype_names[] = {
    [RN_FLOAT32] = "F32", [RN_FLOAT64] = "F64", [RN_FLOAT16] = "F16", [RN_BFLOAT16] = "BF16", [RN_INT8] = "I8",
    [RN_INT16] = "I16",   [RN_INT32] = "I32",   [RN_INT64] = "I64",   [RN_UINT8] = "U8",      [RN_BOOL] = "BOOL",
};

/* A JSON string; the text is UTF-8. */
static void quote(rn_bytes *out, const char *text)
{
    static const char digits[] = "0123456789abcdef";

    rn_bytes_text(out, "\"");
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c < 0x20) {
            const char escape[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };

            rn_bytes_append(out, escape, sizeof escape);
        } else {
            if (c == '"' || c == '\\')
                rn_bytes_text(out, "\\");
            rn_bytes_append(out, text, 1);
        }
    }
    rn_bytes_text(out, "\"");
}

static int by_key(const void *a, const void *b)
{
    const rn_checkpoint_text_entry *const *x = a, *const *y = b;

    return strcmp((*x)->key, (*y)->key);
}

/* Metadata has no order of its own. */
static void write_metadata(rn_bytes *out, const rn_checkpoint *checkpoint)
{
    const rn_checkpoint_text_entry **sorted = rn_allocate_array(out->allocator, checkpoint->text_count, sizeof *sorted);

    if (sorted == NULL) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < checkpoint->text_count; i++)
        sorted[i] = &checkpoint->texts[i];
    qsort(sorted, checkpoint->text_count, sizeof *sorted, by_key);
    rn_bytes_text(out, "\"__metadata__\":{");
    for (size_t i = 0; i < checkpoint->text_count; i++) {
        rn_bytes_text(out, i == 0 ? "" : ",");
        quote(out, sorted[i]->key);
        rn_bytes_text(out, ":");
        quote(out, sorted[i]->value);
    }
    rn_bytes_text(out, "}");
    rn_release(out->allocator, sorted);
}

static void write_entry(rn_bytes *out, const rn_checkpoint_tensor_entry *entry, uint64_t begin)
{
    const rn_tensor *tensor = entry->tensor;

    quote(out, entry->name);
    rn_bytes_text(out, ":{\"dtype\":\"");
    rn_bytes_text(out, dtype_names[tensor->dtype]);
    rn_bytes_text(out, "\",\"shape\":[");
    for (int32_t i = 0; i < tensor->rank; i++) {
        rn_bytes_text(out, i == 0 ? "" : ",");
        rn_bytes_decimal(out, (uint64_t)tensor->shape[i]);
    }
    rn_bytes_text(out, "],\"data_offsets\":[");
    rn_bytes_decimal(out, begin);
    rn_bytes_text(out, ",");
    rn_bytes_decimal(out, begin + rn_row_major_bytes(tensor));
    rn_bytes_text(out, "]}");
}

static void write_header(rn_bytes *out, const rn_checkpoint *checkpoint)
{
    uint64_t start[WIDEST + 1] = { 0 }; /* where the next tensor of an element size goes */

    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        const size_t size = rn_dtype_size(checkpoint->tensors[i].tensor->dtype);

        for (size_t narrower = 0; narrower < size; narrower++)
            start[narrower] += rn_row_major_bytes(checkpoint->tensors[i].tensor);
    }
    rn_bytes_number(out, 0, 8); /* the length, once it is known */
    rn_bytes_text(out, "{");
    if (checkpoint->text_count > 0)
        write_metadata(out, checkpoint);
    for (size_t i = 0; i < checkpoint->tensor_count; i++) {
        const rn_tensor *tensor = checkpoint->tensors[i].tensor;
        uint64_t *place = &start[rn_dtype_size(tensor->dtype)];

        rn_bytes_text(out, i == 0 && checkpoint->text_count == 0 ? "" : ",");
        write_entry(out, &checkpoint->tensors[i], *place);
        *place += rn_row_major_bytes(tensor);
    }
    rn_bytes_text(out, "}");
    while (out->count % WIDEST != 0 && !out->failed)
        rn_bytes_text(out, " ");
    for (size_t i = 0; i < 8 && !out->failed; i++)
        out->data[i] = (unsigned char)((out->count - 8) >> (8 * i));
}

static void write_piece(void *payload, const void *bytes, size_t nbytes)
{
    (void)rn_file_replace_write(payload, bytes, nbytes); /* an error stays until the commit */
}

static rn_status write_file(const rn_checkpoint *checkpoint, const rn_bytes *header, const char *path)
{
    rn_context *context = checkpoint->context;
    rn_replacement *file;
    rn_status status = rn_file_replace_begin(&file, &context->allocator, path, &context->message);

    if (status != RN_OK)
        return status;
    write_piece(file, header->data, header->count);
    for (size_t size = WIDEST; size > 0; size /= 2)
        for (size_t i = 0; i < checkpoint->tensor_count; i++)
            if (rn_dtype_size(checkpoint->tensors[i].tensor->dtype) == size)
                rn_row_major(checkpoint->tensors[i].tensor, write_piece, file);
    return rn_file_replace_commit(file, &context->message);
}

rn_status rn_safetensors_write(const rn_checkpoint *checkpoint, const char *path)
{
    rn_context *context = checkpoint->context;
    rn_bytes header;
    rn_status status;

    if (rn_checkpoint_find(checkpoint, "__metadata__") != NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT,
                       "%s: safetensors cannot hold a tensor named '__metadata__'", path);
    rn_bytes_init(&header, &context->allocator);
    write_header(&header, checkpoint);
    if (header.failed)
        status = rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for the header", path);
    else if (header.count - 8 > RN_CHECKPOINT_HEADER_BYTES)
        status = rn_fail(&context->message, RN_UNSUPPORTED,
                         "%s: its header of %zu bytes would be longer than safetensors allows", path, header.count - 8);
    else
        status = write_file(checkpoint, &header, path);
    rn_bytes_release(&header);
    return status;
}
