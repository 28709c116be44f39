/* SPDX-License-Identifier: MIT */
/*
 * Text that comes from files and goes to people: class names, tensor names, messages. A terminal obeys some characters
 * instead of showing them.
 */
#ifndef RN_BASE_TEXT_H
#define RN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes text safe to show, in place, and gives its new length, which is never more. '?' takes the place of a control
 * character (C0, DEL, and C1, U+0080 to U+009F), of a line or paragraph separator, of a character that turns the
 * writing direction around (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069; Unicode Technical Report 36,
 * 2.7) and of each byte that is not UTF-8.
 */
size_t rn_text_clean(char *text, size_t length);

/* The number of bytes of the UTF-8 character that `text` begins with (RFC 3629: no overlong form, no surrogate), 0 if
 * it begins with none. *character (may be NULL) becomes its code point. */
size_t rn_text_character(unsigned *character, const char *text, size_t length);
bool rn_text_is_utf8(const char *text);
/* UTF-8 without a zero byte. */
bool rn_bytes_are_text(const char *bytes, size_t length);

/* Copies clean text into `size` bytes, with a final zero, cut between characters. */
void rn_text_copy(char *target, size_t size, const char *text);

#endif
