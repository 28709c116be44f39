/* SPDX-License-Identifier: MIT */
/*
 * The programs' messages in the user's language (gettext, text domain "resnet"). What a program is for others to read,
 * JSON, CSV, names of options, stays as it is, and numbers have a point in every language.
 */
#ifndef EXAMPLES_LANGUAGE_H
#define EXAMPLES_LANGUAGE_H

#include <libintl.h>

/* A text to be translated here and now; one in a table, which is translated when it is printed. */
#define _(text) gettext(text)
#define N_(text) text

/*
 * Chooses the language that the environment asks for: LC_ALL, LC_MESSAGES, LANG, LANGUAGE. Translations lie in
 * ../share/locale of where the program lies.
 */
void language_begin(void);

#endif
