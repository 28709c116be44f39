/* SPDX-License-Identifier: MIT */
/* Options structs grow at their end; an older caller's is shorter, a newer caller's longer than ours. */
#include "base/options.h"

#include <string.h>

rn_status rn_options_read(void *options, size_t size, const void *source, rn_message *message)
{
    const unsigned char *const bytes = source;
    size_t given = size;

    memset(options, 0, size);
    if (source != NULL) {
        memcpy(&given, source, sizeof given);
        if (given < sizeof given)
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "struct_size of an options struct is %zu: make it with RN_OPTIONS", given);
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

double rn_option_number(double value, double standard)
{
    if (value == 0)
        return standard;
    return value == RN_ZERO ? 0 : value;
}
