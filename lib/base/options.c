/* SPDX-License-Identifier: MIT */
/* Options structs grow at their end; an older caller's is shorter, a newer caller's longer than ours. */
#include "base/options.h"

#include <string.h>

void rn_options_init(void *options, size_t size)
{
    if (options == NULL || size < sizeof size)
        return;
    memset(options, 0, size);
    memcpy(options, &size, sizeof size);
}

static bool is_size(size_t given, size_t size, const size_t *older, size_t older_count)
{
    if (given >= size)
        return given <= RN_OPTIONS_LIMIT;
    for (size_t i = 0; i < older_count; i++) {
        if (older[i] == given)
            return true;
    }
    return false;
}

rn_status rn_options_read_older(void *options, size_t size, const size_t *older, size_t older_count, const void *source,
                                rn_message *message)
{
    const unsigned char *const bytes = source;
    size_t given = size;

    memset(options, 0, size);
    if (source != NULL) {
        memcpy(&given, source, sizeof given);
        if (!is_size(given, size, older, older_count))
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "struct_size of an options struct is %zu, not %zu: make it with RN_OPTIONS", given, size);
        for (size_t i = size; i < given; i++) {
            if (bytes[i] != 0)
                return rn_fail(message, RN_INVALID_ARGUMENT,
                               "an option is set that this version of the library does not know (byte %zu of %zu)", i,
                               given);
        }
        memcpy(options, source, given < size ? given : size);
    }
    memcpy(options, &size, sizeof size);
    return RN_OK;
}

rn_status rn_options_read(void *options, size_t size, const void *source, rn_message *message)
{
    return rn_options_read_older(options, size, NULL, 0, source, message);
}

rn_status rn_options_reserved(int64_t reserved, const char *call, rn_message *message)
{
    return reserved == 0
               ? RN_OK
               : rn_fail(message, RN_INVALID_ARGUMENT,
                         "%s: a reserved option is set, which this version of the library does not know", call);
}

double rn_option_number(double value, double standard)
{
    if (value == 0)
        return standard;
    return value == RN_ZERO ? 0 : value;
}
