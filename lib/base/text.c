/* SPDX-License-Identifier: MIT */
/* Which characters may be shown. */
#include "base/text.h"

#include <string.h>

size_t rn_text_character(unsigned *character, const char *text, size_t length)
{
    const unsigned char *const byte = (const unsigned char *)text;
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t count;
    unsigned value;

    if (length == 0)
        return 0;
    count = byte[0] < 0x80 ? 1 : byte[0] < 0xc0 ? 0 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : byte[0] < 0xf8 ? 4 : 0;
    if (count == 0 || count > length)
        return 0;
    value = count == 1 ? byte[0] : byte[0] & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (byte[i] & 0x3fu);
    }
    if (value < least[count] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    if (character != NULL)
        *character = value;
    return count;
}

bool rn_bytes_are_text(const char *bytes, size_t length)
{
    while (length > 0) {
        const size_t count = *bytes != '\0' ? rn_text_character(NULL, bytes, length) : 0;

        if (count == 0)
            return false;
        bytes += count;
        length -= count;
    }
    return true;
}

bool rn_text_is_utf8(const char *text)
{
    return rn_bytes_are_text(text, strlen(text));
}

static bool is_obeyed(unsigned character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) || character == 0x61c || character == 0x200e ||
           character == 0x200f || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

size_t rn_text_clean(char *text, size_t length)
{
    size_t kept = 0;

    for (size_t at = 0; at < length;) {
        unsigned character = 0;
        const size_t count = rn_text_character(&character, text + at, length - at);

        if (count == 0 || is_obeyed(character)) {
            text[kept++] = '?';
        } else {
            memmove(text + kept, text + at, count);
            kept += count;
        }
        at += count > 0 ? count : 1;
    }
    return kept;
}

void rn_text_copy(char *target, size_t size, const char *text)
{
    const size_t length = strlen(text);
    size_t kept = 0;

    if (size == 0)
        return;
    for (size_t count = 1; kept < length && count > 0;) {
        unsigned character;

        count = rn_text_character(&character, text + kept, length - kept);
        if (count >= size - kept)
            break;
        kept += count;
    }
    memcpy(target, text, kept);
    target[kept] = '\0';
}
