/* SPDX-License-Identifier: MIT */
/* What a call can answer. The status is complete by itself; rn_context_message() explains it to a person. */
#ifndef RESNET_STATUS_H
#define RESNET_STATUS_H

#include <resnet/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The values are fixed for ever; new ones are appended. */
typedef enum rn_status {
    RN_OK = 0,
    RN_END = 1,              /* nothing more to give: the end of an epoch, no failure */
    RN_INVALID_ARGUMENT = 2, /* the caller's argument makes no sense: NULL, a negative size, an unknown name */
    RN_SHAPE = 3,            /* shapes or types do not fit together */
    RN_NO_MEMORY = 4,        /* the allocator refused, or a size does not fit size_t */
    RN_IO = 5,               /* the operating system refused: no such file, no space, no permission */
    RN_FORMAT = 6,           /* a file is not what it claims to be, or is damaged */
    RN_UNSUPPORTED = 7,      /* understood, but not built here */
    RN_STATE = 8,            /* the right call at the wrong time: backward without forward, step without gradient */
    RN_BUSY = 9,             /* the object is in use elsewhere */
    RN_CANCELLED = 10,       /* a callback asked to stop */
    RN_INTERNAL = 11         /* a bug of the library; please report it */
} rn_status;

/* The name of a status, such as "RN_SHAPE". Static string, never NULL, any thread. */
RN_API const char *rn_status_string(rn_status status);

#ifdef __cplusplus
}
#endif

#endif
