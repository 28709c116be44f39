/* SPDX-License-Identifier: MIT */
/* Messages are one line for a person, whatever bytes a hostile file put into a name. */
#include "base/message.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Static words of a call without a context, and the sentence made of them. Each thread has its own, as of errno. */
static _Thread_local struct {
    const char *call, *what;
    char sentence[128];
} null_call;

rn_status rn_fail_null(const char *call, const char *what)
{
    null_call.call = call;
    null_call.what = what;
    return RN_INVALID_ARGUMENT;
}

const char *rn_null_sentence(void)
{
    if (null_call.call == NULL)
        return NULL;
    snprintf(null_call.sentence, sizeof null_call.sentence, "%s: %s is NULL", null_call.call, null_call.what);
    return null_call.sentence;
}

/* The length without a UTF-8 character whose end was cut off. */
static size_t whole_characters(const char *text, size_t length)
{
    size_t start = length, needed;
    unsigned char lead;

    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return length;
    lead = (unsigned char)text[start - 1];
    needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return needed > length - (start - 1) ? start - 1 : length;
}

void rn_message_write(rn_message *message, const char *format, va_list arguments)
{
    char text[sizeof message->text]; /* apart, so that the old sentence may be part of the new one */
    const int written = vsnprintf(text, sizeof text, format, arguments);
    size_t length = strlen(written < 0 ? strcpy(text, "") : text);

    if (written >= (int)sizeof text)
        length = whole_characters(text, length);
    length = rn_text_clean(text, length);
    memcpy(message->text, text, length);
    message->text[length] = '\0';
}

rn_status rn_fail(rn_message *message, rn_status status, const char *format, ...)
{
    va_list arguments;

    if (message == NULL)
        return status;
    null_call.call = NULL;
    va_start(arguments, format);
    rn_message_write(message, format, arguments);
    va_end(arguments);
    return status;
}
