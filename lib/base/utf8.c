/* SPDX-License-Identifier: MIT */
/* UTF-8, told from other bytes. */
#include "base/utf8.h"

#include <string.h>

size_t rn_utf8_length(const unsigned char *at, size_t left)
{
    const unsigned char lead = at[0];
    const size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;  /* no longer than needed */
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf; /* no surrogates, at most U+10FFFF */

    if (length > left || (length > 1 && (at[1] < low || at[1] > high)))
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

bool rn_utf8_is_valid(const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        const size_t length = rn_utf8_length((const unsigned char *)text, left);

        if (length == 0)
            return false;
        text += length;
        left -= length;
    }
    return true;
}
