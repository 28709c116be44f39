/* SPDX-License-Identifier: MIT */
#include "report/page.h"

#include "base/text.h"
#include "image/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void rn_put(rn_page *page, const char *markup)
{
    rn_file_replace_write(page->file, markup, strlen(markup)); /* an error stays until commit */
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* What stands for a character that markup would obey, or NULL. */
static const char *entity_of(char character)
{
    switch (character) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* The character that the text begins with; gives its bytes. */
static size_t put_character(rn_page *page, const char *text, size_t left)
{
    char shown[5] = { 0 };
    unsigned character = 0;
    const size_t count = rn_text_character(&character, text, left);
    const char *const entity = entity_of(text[0]);

    if (entity != NULL) {
        rn_put(page, entity);
        return 1;
    }
    if (count == 0 || (character & 0xfffe) == 0xfffe) { /* no character, which XML does not allow either */
        rn_put(page, "?");
        return count > 0 ? count : 1;
    }
    memcpy(shown, text, count);
    shown[rn_text_clean(shown, count)] = '\0';
    rn_put(page, shown);
    return count;
}

void rn_put_text(rn_page *page, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        const size_t count = put_character(page, text, left);

        text += count;
        left -= count;
    }
}

void rn_put_cut(rn_page *page, const char *text, size_t characters)
{
    const char *at = text, *cut = text;
    size_t left = strlen(text);

    for (size_t i = 0; i < characters && left > 0; i++) {
        const size_t count = rn_text_character(NULL, at, left);

        cut = at; /* in front of the last one that fits */
        at += count > 0 ? count : 1;
        left -= count > 0 ? count : 1;
    }
    if (left == 0) {
        rn_put_text(page, text);
        return;
    }
    while (text < cut)
        text += put_character(page, text, (size_t)(cut - text));
    rn_put(page, "\xe2\x80\xa6"); /* an ellipsis */
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static void put_count(rn_page *page, int64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, value);
    rn_put(page, text);
}

void rn_put_number(rn_page *page, double value, int32_t digits)
{
    char text[32];
    size_t at = sizeof text - 1;
    double scale = 1;
    uint64_t scaled;

    if (isnan(value) || fabs(value) > 1e11) {
        rn_put_shortest(page, value);
        return;
    }
    for (int32_t i = 0; i < digits; i++)
        scale *= 10;
    scaled = (uint64_t)llround(fabs(value) * scale);
    if (value < 0 && scaled > 0)
        rn_put(page, "-");
    text[at] = '\0';
    for (int32_t i = 0; i <= digits || scaled > 0; i++, scaled /= 10) { /* from the last digit to the first */
        if (i == digits && i > 0)
            text[--at] = '.';
        text[--at] = (char)('0' + scaled % 10);
    }
    rn_put(page, text + at);
}

void rn_put_shortest(rn_page *page, double value)
{
    const double size = fabs(value);
    char text[64];

    if (!isfinite(value)) {
        rn_put(page, isnan(value) ? "\xe2\x80\x93" : value > 0 ? "infinite" : "-infinite");
    } else if (size != 0 && (size < 1e-4 || size > 1e11)) {
        const double power = floor(log10(size)); /* a number below 1e-300 has too small a power: 0.1e-300 */

        rn_decimal_print(text, sizeof text, round(1e6 * (value / pow(10, fmax(power, -300)))) / 1e6);
        rn_put(page, text);
        rn_put(page, "e");
        put_count(page, (int64_t)fmax(power, -300));
    } else {
        rn_decimal_print(text, sizeof text, value);
        rn_put(page, text);
    }
}

void rn_put_part(rn_page *page, double part)
{
    rn_put_number(page, 100 * part, 1);
    if (!isnan(part))
        rn_put(page, "\xc2\xa0%"); /* they stay on one line */
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* What a directive asks for; gives what follows it. */
static const char *put_argument(rn_page *page, const char *directive, va_list *arguments)
{
    enum { CHARACTERS = 80 };
    int32_t longs = 0, digits = 0;

    for (; *directive == 'l' || *directive == 'z'; directive++)
        longs += *directive == 'l' ? 1 : 3;
    if (directive[0] == '.') {
        digits = directive[1] - '0';
        directive += 2;
    }
    switch (*directive) {
    case 's': rn_put_cut(page, va_arg(*arguments, const char *), CHARACTERS); break;
    case 'd':
        put_count(page, longs == 0   ? va_arg(*arguments, int)
                        : longs == 1 ? va_arg(*arguments, long)
                                     : va_arg(*arguments, long long));
        break;
    case 'u': put_count(page, (int64_t)va_arg(*arguments, size_t)); break;
    case 'f': rn_put_number(page, va_arg(*arguments, double), digits); break;
    case 'g': rn_put_shortest(page, va_arg(*arguments, double)); break;
    default: rn_put(page, "%"); break;
    }
    return directive + 1;
}

void rn_print(rn_page *page, const char *markup, ...)
{
    va_list arguments;

    va_start(arguments, markup);
    while (*markup != '\0') {
        const size_t length = strcspn(markup, "%");

        rn_file_replace_write(page->file, markup, length);
        markup += length;
        if (*markup == '%')
            markup = put_argument(page, markup + 1, &arguments);
    }
    va_end(arguments);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

void rn_put_base64(rn_page *page, const unsigned char *bytes, size_t nbytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < nbytes; i += 3) {
        const size_t count = nbytes - i < 3 ? nbytes - i : 3;
        const unsigned word =
            (unsigned)bytes[i] << 16 | (count > 1 ? (unsigned)bytes[i + 1] << 8 : 0) | (count > 2 ? bytes[i + 2] : 0);
        char four[5] = { 0 };

        for (size_t k = 0; k < 4; k++)
            four[k] = k <= count ? digit[word >> (18 - 6 * k) & 63] : '=';
        rn_put(page, four);
    }
}
