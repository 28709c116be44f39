/* SPDX-License-Identifier: MIT */
/* Source of the bytes' meaning: RFC 3629 (UTF-8), RFC 8259 (JSON), RFC 4180 (CSV), Unicode TR9 (direction). */
#include "common/text.h"
#include "common/language.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

enum { LINE_SIZE = 8192 };

/* Bytes of the character that begins at `text`, which is put into *character; 0 if they are no UTF-8. */
static int decode(uint32_t *character, const unsigned char *text)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const int length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;

    *character = length > 1 ? text[0] & (0x7fu >> length) : text[0];
    for (int i = 1; i < length; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        *character = *character << 6 | (text[i] & 0x3fu);
    }
    if (*character < least[length] || *character > 0x10ffff || *character >> 11 == 0xd800 >> 11)
        return 0;
    return length;
}

/* A control of C0 or C1, a line or paragraph separator, or one that changes the direction of what follows. */
static int steers(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x61c || character == 0x200e ||
           character == 0x200f || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

enum { SHOWN_SIZE = 4 * 4 + 1 };

/* The character at `text` as it may be printed; gives how many bytes of the text it is. */
static int show(char shown[SHOWN_SIZE], const unsigned char *text)
{
    uint32_t character;
    const int length = decode(&character, text), bytes = length > 0 ? length : 1;
    const int hidden = length == 0 || steers(character);

    for (int i = 0; i < bytes; i++)
        snprintf(shown + i * (hidden ? 4 : 1), 5, hidden ? "\\x%02X" : "%c", text[i]);
    return bytes;
}

char *text_escape(char *to, size_t size, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char shown[SHOWN_SIZE];
    size_t used = 0;

    while (*at != '\0') {
        at += show(shown, at);
        if (used + strlen(shown) >= size)
            break;
        memcpy(to + used, shown, strlen(shown));
        used += strlen(shown);
    }
    to[used] = '\0';
    return to;
}

void text_print(FILE *stream, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    char shown[SHOWN_SIZE];

    while (*at != '\0') {
        at += show(shown, at);
        fputs(shown, stream);
    }
}

void text_line(FILE *stream, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(line, sizeof line, _(format), arguments) >= 0)
        text_print(stream, line);
    va_end(arguments);
    fputc('\n', stream);
}

void text_json_string(FILE *stream, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    fputc('"', stream);
    while (*at != '\0') {
        uint32_t character;
        const int length = decode(&character, at), bytes = length > 0 ? length : 1;

        if (length == 0)
            fprintf(stream, "\\\\x%02X", *at);
        else if (steers(character))
            fprintf(stream, "\\u%04x", (unsigned)character);
        else if (*at == '"' || *at == '\\')
            fprintf(stream, "\\%c", *at);
        else
            fwrite(at, 1, (size_t)bytes, stream);
        at += bytes;
    }
    fputc('"', stream);
}

void text_csv(FILE *stream, const char *text)
{
    const int quoted =
        text[strcspn(text, ",\"")] != '\0' || *text == ' ' || (*text != '\0' && text[strlen(text) - 1] == ' ');
    const unsigned char *at = (const unsigned char *)text;
    char shown[SHOWN_SIZE];

    if (quoted)
        fputc('"', stream);
    while (*at != '\0') {
        if (*at == '"')
            fputc('"', stream);
        at += show(shown, at);
        fputs(shown, stream);
    }
    if (quoted)
        fputc('"', stream);
}

void text_json_number(FILE *stream, double number)
{
    if (isfinite(number))
        fprintf(stream, "%.9g", number);
    else
        fputs("null", stream);
}
