/* SPDX-License-Identifier: MIT */
/*
 * Printing text that comes from elsewhere: names of files, classes and tensors may hold whatever somebody put there.
 * What would steer a terminal (C0 and C1 controls, line ends, changes of writing direction) and bytes that are no UTF-8
 * are told apart here, once; everything else is printed as it is.
 */
#ifndef EXAMPLES_TEXT_H
#define EXAMPLES_TEXT_H

#include <stdio.h>

/* The text; what must not reach a terminal as the \xNN of its bytes. */
void text_print(FILE *stream, const char *text);

/* The same into memory, cut to whole characters where it does not fit; gives `to` back. */
char *text_escape(char *to, size_t size, const char *text);

/*
 * One line, formatted as printf does, without the line end in `format`, which is translated (language.h). Printed by
 * text_print; cut after 8191 bytes.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void text_line(FILE *stream, const char *format, ...);

/* A JSON string in quotes: controls as \u00NN, bytes that are no UTF-8 as the text \xNN. */
void text_json_string(FILE *stream, const char *text);
/* A field of a CSV file, in quotes where it needs them; a caller ends records with "\r\n" (RFC 4180). */
void text_csv(FILE *stream, const char *text);
/* A JSON number, null if it is not finite. */
void text_json_number(FILE *stream, double number);

#endif
