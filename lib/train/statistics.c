/* SPDX-License-Identifier: MIT */
#include "train/statistics.h"

#include <string.h>

/* Bytes of an entry that is a buffer; 0 of a parameter. Values lie without gaps. */
static size_t bytes_of(const rn_parameter *entry)
{
    return entry->is_parameter ? 0 : (size_t)entry->count * rn_dtype_size(entry->value->dtype);
}

size_t rn_statistics_bytes(const rn_parameters *parameters)
{
    size_t bytes = 0;

    for (size_t i = 0; i < parameters->count; i++)
        bytes += bytes_of(&parameters->entry[i]);
    return bytes;
}

void rn_statistics_copy(char *bytes, const rn_parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        const size_t count = bytes_of(&parameters->entry[i]);

        if (count > 0)
            memcpy(bytes, parameters->entry[i].value->data, count);
        bytes += count;
    }
}

rn_status rn_statistics_restore(rn_parameters *parameters, const char *bytes, rn_message *message)
{
    const rn_status status = rn_parameters_begin_write(parameters, message);

    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < parameters->count; i++) {
        const size_t count = bytes_of(&parameters->entry[i]);
        char *const value = parameters->entry[i].value->data;

        if (count > 0 && memcmp(value, bytes, count) != 0) {
            memcpy(value, bytes, count);
            rn_parameters_written(parameters, i);
        }
        bytes += count;
    }
    rn_parameters_end_change(parameters);
    return RN_OK;
}
