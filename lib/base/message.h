/* SPDX-License-Identifier: MIT */
/* The sentence that explains a failure. Rooms below the context write into one that is handed to them. */
#ifndef RN_BASE_MESSAGE_H
#define RN_BASE_MESSAGE_H

#include <resnet/status.h>
#include <stdarg.h>

typedef struct rn_message {
    char text[1024];
} rn_message;

/*
 * Writes the sentence (cut to fit, never in the middle of a UTF-8 character; control characters become '?') and gives
 * the status back: `return rn_fail(m, RN_SHAPE, "...")`. message may be NULL.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
rn_status
rn_fail(rn_message *message, rn_status status, const char *format, ...);

/*
 * RN_INVALID_ARGUMENT for a call whose handle is NULL, so that there is no context to write into. The two words
 * (static) are kept for this thread, as errno is, until rn_fail writes a sentence; they stand in for a context's
 * message, which would be that of an older failure.
 */
rn_status rn_fail_null(const char *call, const char *what);
/* "call: what is NULL" of this thread's last failure, if that was one of rn_fail_null; else NULL. Valid until the
 * thread's next call. */
const char *rn_null_sentence(void);

/* The same writing for a function that has its arguments already. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 0)))
#endif
void rn_message_write(rn_message *message, const char *format, va_list arguments);

#endif
