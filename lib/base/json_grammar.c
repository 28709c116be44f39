/* SPDX-License-Identifier: MIT */
/*
 * The grammar of JSON (RFC 8259), by recursive descent.
 *
 * cJSON answers NULL for a text that is not JSON and for a lack of memory alike. A text that this file finds to be JSON
 * was refused for want of memory.
 */
#include "base/json_grammar.h"

#include <string.h>

enum { LONGEST_NUMBER = 63 };

typedef struct scan {
    const char *at, *end;
} scan;

static char peek(const scan *s)
{
    return s->at < s->end ? *s->at : '\0';
}

static bool accept(scan *s, char wanted)
{
    const bool there = s->at < s->end && *s->at == wanted;

    s->at += there;
    return there;
}

static void skip_space(scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static bool accept_word(scan *s, const char *word)
{
    const size_t length = strlen(word);

    if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
        return false;
    s->at += length;
    return true;
}

static size_t skip_digits(scan *s)
{
    const char *const start = s->at;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return (size_t)(s->at - start);
}

static bool scan_number(scan *s)
{
    const char *const start = s->at;

    (void)accept(s, '-');
    if (!accept(s, '0') && skip_digits(s) == 0)
        return false;
    if (accept(s, '.') && skip_digits(s) == 0)
        return false;
    if (accept(s, 'e') || accept(s, 'E')) {
        if (!accept(s, '+'))
            (void)accept(s, '-');
        if (skip_digits(s) == 0)
            return false;
    }
    return s->at - start <= LONGEST_NUMBER;
}

/* Four hexadecimal digits. */
static bool scan_unit(unsigned *unit, scan *s)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        const char c = peek(s);
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return false;
        *unit = *unit << 4 | (unsigned)digit;
        s->at++;
    }
    return true;
}

/* What follows a backslash. Halves of a pair come together or not at all. */
static bool scan_escape(scan *s)
{
    unsigned unit;

    if (peek(s) != '\0' && strchr("\"\\/bfnrt", peek(s)) != NULL) {
        s->at++;
        return true;
    }
    if (!accept(s, 'u') || !scan_unit(&unit, s) || (unit >= 0xdc00 && unit < 0xe000))
        return false;
    if (unit < 0xd800 || unit >= 0xe000)
        return true;
    return accept_word(s, "\\u") && scan_unit(&unit, s) && unit >= 0xdc00 && unit < 0xe000;
}

static bool scan_string(scan *s)
{
    if (!accept(s, '"'))
        return false;
    while (s->at < s->end && *s->at != '"') {
        if (*s->at++ == '\\' && !scan_escape(s))
            return false;
    }
    return accept(s, '"');
}

static bool scan_value(scan *s);

/* The members of an object or the elements of an array, behind the opening bracket. */
static bool scan_items(scan *s, bool named, char close)
{
    skip_space(s);
    if (accept(s, close))
        return true;
    do {
        skip_space(s);
        if (named) {
            if (!scan_string(s))
                return false;
            skip_space(s);
            if (!accept(s, ':'))
                return false;
        }
        if (!scan_value(s))
            return false;
    } while (accept(s, ','));
    return accept(s, close);
}

/* With the white space on both sides. */
static bool scan_value(scan *s)
{
    bool fine;

    skip_space(s);
    if (accept(s, '{'))
        fine = scan_items(s, true, '}');
    else if (accept(s, '['))
        fine = scan_items(s, false, ']');
    else if (peek(s) == '"')
        fine = scan_string(s);
    else
        fine = accept_word(s, "true") || accept_word(s, "false") || accept_word(s, "null") || scan_number(s);
    skip_space(s);
    return fine;
}

bool rn_json_is_grammatical(const char *text, size_t nbytes)
{
    scan s = { text, text + nbytes };

    return scan_value(&s) && s.at == s.end;
}
