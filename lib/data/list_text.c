/* SPDX-License-Identifier: MIT */
/* Fields are cut out in place: a zero takes the place of what follows them, and what was quoted moves together.
 * RFC 4180: https://www.rfc-editor.org/rfc/rfc4180 */
#include "data/list_text.h"

#include <stdbool.h>
#include <string.h>

rn_status rn_list_text_begin(rn_list_text *text, char *bytes, size_t nbytes, char separator, const char *name,
                             rn_message *message)
{
    static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF in UTF-8 */

    *text = (rn_list_text){ .name = name, .message = message, .line = 1, .separator = separator };
    text->at = bytes + (strncmp(bytes, mark, 3) == 0 ? 3 : 0);
    text->end = bytes + nbytes;
    if (memchr(bytes, '\0', nbytes) != NULL)
        return rn_fail(message, RN_FORMAT, "%s: has zero bytes: not a text in UTF-8 or the like", name);
    return RN_OK;
}

/* To the next line that says something, or to the end. */
static void skip_lines(rn_list_text *text)
{
    while (text->at < text->end) {
        const char *const seen = text->at + strspn(text->at, " \r");

        if (text->at[0] != '#' && *seen != '\n' && *seen != '\0')
            return;
        text->at += strcspn(text->at, "\n");
        if (text->at < text->end) {
            text->at++;
            text->line++;
        }
    }
}

/* The first of the separators that the row holds outside quotes, by rank, not by place. */
static char find_separator(const char *row)
{
    static const char ranks[] = "\t,; ";
    size_t best = sizeof ranks - 2;
    bool quoted = false;

    for (const char *at = row; *at != '\0' && (quoted || *at != '\n'); at++) {
        const char *const rank = strchr(ranks, *at);

        if (*at == '"' && (quoted || at == row || strchr(ranks, at[-1]) != NULL))
            quoted = !quoted;
        else if (!quoted && rank != NULL && (size_t)(rank - ranks) < best)
            best = (size_t)(rank - ranks);
    }
    return ranks[best];
}

/* Ends the text [begin, end) behind its last character that is no blank. */
static void trim(const char *begin, char *end)
{
    while (end > begin && strchr(" \t\r", end[-1]) != NULL)
        end--;
    *end = '\0';
}

static void add_field(rn_list_row *row, char *field)
{
    if (row->count < RN_LIST_COLUMNS)
        row->field[row->count] = field;
    row->count++;
}

/* A path, blanks, and what stands behind the last of them. */
static void cut_at_last_blank(rn_list_row *row, char *begin, char *end)
{
    char *label;

    trim(begin, end);
    begin += strspn(begin, " \t");
    for (label = begin + strlen(begin); label > begin && label[-1] != ' ' && label[-1] != '\t';)
        label--;
    add_field(row, begin);
    if (label > begin) {
        trim(begin, label);
        add_field(row, label);
    }
}

/* Takes the quotes off a field in place and gives what stands behind it, or NULL: it does not end. */
static char *unquote(rn_list_text *text, char *field)
{
    char *to = field;

    for (char *at = field + 1; at < text->end; at++) {
        if (*at == '"' && *++at != '"') {
            *to = '\0'; /* the closing quote, or before it */
            return at + strspn(at, " \r");
        }
        text->line += *at == '\n';
        *to++ = *at;
    }
    return NULL;
}

static char *cut_field(char *stop, rn_list_text *text, char *field)
{
    const char stops[] = { text->separator, '\n', '\0' };
    char *end;

    if (*field == '"') {
        end = unquote(text, field);
        *stop = end != NULL ? *end : '\0';
    } else {
        end = field + strcspn(field, stops);
        *stop = *end;
        trim(field, end);
    }
    return end;
}

static rn_status cut_fields(rn_list_row *row, rn_list_text *text)
{
    char stop;

    do {
        char *const field = text->at + strspn(text->at, " ");
        char *const end = cut_field(&stop, text, field);

        if (end == NULL)
            return rn_fail(text->message, RN_FORMAT, "%s:%zu: a quote that does not end", text->name, row->line);
        if (stop != text->separator && stop != '\n' && stop != '\0')
            return rn_fail(text->message, RN_FORMAT, "%s:%zu: text behind a field in quotes", text->name, text->line);
        add_field(row, field);
        text->at = end + (stop != '\0');
    } while (stop == text->separator);
    text->line += stop == '\n';
    return RN_OK;
}

static void cut_line(rn_list_row *row, rn_list_text *text)
{
    char *const end = text->at + strcspn(text->at, "\n");
    const bool more = *end != '\0';

    cut_at_last_blank(row, text->at, end);
    text->at = end + more;
    text->line += more;
}

rn_status rn_list_text_next(rn_list_row *row, rn_list_text *text)
{
    skip_lines(text);
    if (text->at >= text->end)
        return RN_END;
    row->count = 0;
    row->line = text->line;
    if (text->separator == '\0')
        text->separator = find_separator(text->at);
    if (text->separator == ' ') {
        cut_line(row, text);
    } else {
        const rn_status status = cut_fields(row, text);

        if (status != RN_OK)
            return status;
    }
    text->columns = text->columns == 0 ? row->count : text->columns;
    return row->count == text->columns
               ? RN_OK
               : rn_fail(text->message, RN_FORMAT, "%s:%zu: %zu field%s, and the first row has %zu", text->name,
                         row->line, row->count, row->count == 1 ? "" : "s", text->columns);
}
