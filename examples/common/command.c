/* SPDX-License-Identifier: MIT */
/* A command line written as a shell reads it (POSIX, Shell Command Language, 2.2 Quoting). */
#include "common/args.h"

#include <stdlib.h>
#include <string.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_^";

/* Puts a blank and the word behind `at`; gives the new end. At most 4 bytes for each of the word's, and 3. */
static char *add_word(char *at, const char *word)
{
    *at++ = ' ';
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        memcpy(at, word, strlen(word));
        return at + strlen(word);
    }
    *at++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            memcpy(at, "'\\''", 4);
            at += 4;
        } else {
            *at++ = *word;
        }
    }
    *at++ = '\'';
    return at;
}

char *args_command(const char *program, int argc, char *const *argv, const char *more)
{
    const char *const verb = strchr(program, ' ');
    size_t size = strlen(program) + 1 + (more != NULL ? strlen(more) + 3 : 0);
    char *text, *end;

    for (int i = 0; i < argc; i++) {
        size += 4 * strlen(argv[i]) + 3;
        if (more != NULL && i > 0 && strcmp(argv[i], more) == 0)
            more = NULL;
    }
    text = malloc(size);
    if (text == NULL)
        return NULL;
    end = add_word(text, argv[0]);
    if (verb != NULL) {
        memcpy(end, verb, strlen(verb));
        end += strlen(verb);
    }
    for (int i = 1; i < argc; i++)
        end = add_word(end, argv[i]);
    if (more != NULL)
        end = add_word(end, more);
    *end = '\0';
    memmove(text, text + 1, (size_t)(end - text)); /* without the first blank */
    return text;
}
