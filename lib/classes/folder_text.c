/* SPDX-License-Identifier: MIT */
/* Names of folders as text that can be written as JSON and told apart afterwards: a name is any bytes. */
#include "base/text.h"
#include "classes/classes.h"

#include <stdio.h>
#include <string.h>

/* Of the character at `at`, 0 if its byte is written as a number. */
static size_t plain_length(const char *at, size_t left)
{
    return at[0] == '\\' && left > 1 && at[1] == 'x' ? 0 : rn_text_character(NULL, at, left);
}

char *rn_folder_text(const rn_allocator *allocator, const char *name)
{
    enum { ESCAPED = 4 };
    size_t left = strlen(name), used = 0, bytes;
    char *text;

    if (!rn_size_multiply(&bytes, left, ESCAPED) || !rn_size_add(&bytes, bytes, 1))
        return NULL;
    text = rn_allocate(allocator, bytes);
    while (text != NULL && left > 0) {
        const size_t length = plain_length(name, left), taken = length > 0 ? length : 1;

        if (length > 0)
            memcpy(text + used, name, length);
        else
            snprintf(text + used, ESCAPED + 1, "\\x%02x", (unsigned)(unsigned char)name[0]);
        used += length > 0 ? length : ESCAPED;
        name += taken;
        left -= taken;
    }
    if (text != NULL)
        text[used] = '\0';
    return text;
}
