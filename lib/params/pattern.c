/* SPDX-License-Identifier: MIT */
/* Patterns over dotted names, as shells match file names; a dot is nothing special. */
#define _POSIX_C_SOURCE 200809L
#include "params/parameters.h"

#include <fnmatch.h>
#include <string.h>

enum { PART_SIZE = 1024 }; /* no parameter has a longer name */

bool rn_name_matches(const char *pattern, const char *name)
{
    char part[PART_SIZE];

    if (fnmatch(pattern, name, 0) == 0)
        return true;
    for (const char *dot = strchr(name, '.'); dot != NULL && (size_t)(dot - name) < PART_SIZE;
         dot = strchr(dot + 1, '.')) {
        const size_t length = (size_t)(dot - name);

        memcpy(part, name, length);
        part[length] = '\0';
        if (fnmatch(pattern, part, 0) == 0)
            return true;
    }
    return false;
}
