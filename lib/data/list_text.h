/* SPDX-License-Identifier: MIT */
/* Rows of fields out of a text: CSV as RFC 4180 has it, the same with other separators, and "path label". */
#ifndef RN_DATA_LIST_TEXT_H
#define RN_DATA_LIST_TEXT_H

#include "base/message.h"

#include <stddef.h>

enum { RN_LIST_COLUMNS = 256 }; /* that are looked at; a row may have more */

typedef struct rn_list_text {
    const char *name; /* of the file, for messages */
    rn_message *message;
    char *at, *end;
    size_t line;    /* at `at`, from 1 */
    char separator; /* 0: not known yet */
    size_t columns; /* of every row; 0: not known yet */
} rn_list_text;

typedef struct rn_list_row {
    char *field[RN_LIST_COLUMNS]; /* of the text; each ends in a zero */
    size_t count;                 /* also those beyond the array */
    size_t line;
} rn_list_row;

/* Begins to read `nbytes` bytes, behind which there is a zero; the text is changed while it is read. RN_FORMAT: bytes
 * that are no text. */
rn_status rn_list_text_begin(rn_list_text *text, char *bytes, size_t nbytes, char separator, const char *name,
                             rn_message *message);
/* The next row; RN_END behind the last. RN_FORMAT, with the line. */
rn_status rn_list_text_next(rn_list_row *row, rn_list_text *text);

#endif
