/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/class_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NUMBER_SIZE = 24, MOST = 1000000 };

/* Names by index. */
typedef struct names {
    char **text;
    size_t count, room;
} names;

static void release(names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->text[i]);
    free(n->text);
}

static int append(names *n, const char *text)
{
    if (n->count == n->room) {
        const size_t room = n->room > 0 ? 2 * n->room : 64;
        char **const more = realloc(n->text, room * sizeof *more);

        if (more == NULL)
            return 0;
        n->text = more;
        n->room = room;
    }
    n->text[n->count] = strdup(text);
    return n->text[n->count] != NULL ? (n->count++, 1) : 0;
}

/* Lines without their ends; empty ones at the end are none. 0: out of memory. */
static int read_lines(names *n, FILE *file)
{
    char *line = NULL;
    size_t room = 0, filled = 0;
    ssize_t length;
    int ok = 1;

    while (ok && n->count < MOST && (length = getline(&line, &room, file)) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        ok = append(n, line);
        filled = *line != '\0' ? n->count : filled;
    }
    free(line);
    while (n->count > filled)
        free(n->text[--n->count]);
    return ok;
}

/* Two classes may have one name (ImageNet has two cranes), two folders may not. */
static rn_status number_folders(rn_classes **classes, rn_context *context, const names *n)
{
    names numbers = { 0 };
    char digits[NUMBER_SIZE];
    rn_status status = RN_OK;

    for (size_t i = 0; i < n->count && status == RN_OK; i++) {
        snprintf(digits, sizeof digits, "%zu", i);
        status = append(&numbers, digits) ? RN_OK : RN_NO_MEMORY;
    }
    if (status == RN_OK)
        status = rn_classes_create(classes, context, (const char *const *)numbers.text, (const char *const *)n->text,
                                   n->count);
    release(&numbers);
    return status;
}

rn_status class_table_read(rn_classes **classes, rn_context *context, const char *path)
{
    rn_dataset *photos = NULL;
    names lines = { 0 };
    struct stat info;
    FILE *file;
    rn_status status;

    *classes = NULL;
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode) && (file = fopen(path, "r")) != NULL) {
        status = read_lines(&lines, file) ? number_folders(classes, context, &lines) : RN_NO_MEMORY;
        fclose(file);
        release(&lines);
        return status;
    }
    status = rn_image_folder_open(&photos, context, path, NULL); /* says what is wrong with a path, too */
    if (status == RN_OK) {
        const rn_classes *const table = rn_dataset_classes(photos);

        for (size_t i = 0; i < rn_classes_count(table) && status == RN_OK; i++)
            status = append(&lines, rn_classes_folder(table, i)) ? RN_OK : RN_NO_MEMORY;
        if (status == RN_OK)
            status = rn_classes_create(classes, context, (const char *const *)lines.text, NULL, lines.count);
    }
    release(&lines);
    rn_dataset_destroy(photos);
    return status;
}
