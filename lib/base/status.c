/* SPDX-License-Identifier: MIT */
/* Names of statuses. */
#include <resnet/status.h>
#include <stddef.h>

const char *rn_status_string(rn_status status)
{
    static const char *const names[] = {
        [RN_OK] = "RN_OK",
        [RN_END] = "RN_END",
        [RN_INVALID_ARGUMENT] = "RN_INVALID_ARGUMENT",
        [RN_SHAPE] = "RN_SHAPE",
        [RN_NO_MEMORY] = "RN_NO_MEMORY",
        [RN_IO] = "RN_IO",
        [RN_FORMAT] = "RN_FORMAT",
        [RN_UNSUPPORTED] = "RN_UNSUPPORTED",
        [RN_STATE] = "RN_STATE",
        [RN_BUSY] = "RN_BUSY",
        [RN_CANCELLED] = "RN_CANCELLED",
        [RN_INTERNAL] = "RN_INTERNAL",
    };
    const size_t index = (size_t)status;

    return index < sizeof names / sizeof names[0] ? names[index] : "unknown status";
}
