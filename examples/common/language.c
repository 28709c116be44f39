/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/language.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

void language_begin(void)
{
    static const char place[] = "share/locale";
    char path[PATH_SIZE + sizeof place];
    const ssize_t length = readlink("/proc/self/exe", path, PATH_SIZE);

    if (length <= 0 || length == PATH_SIZE)
        return;
    path[length] = '\0';
    for (int up = 0; up < 2 && strrchr(path, '/') != NULL; up++)
        *strrchr(path, '/') = '\0';
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", place);
    setlocale(LC_MESSAGES, ""); /* LC_NUMERIC stays that of C */
    bindtextdomain("resnet", path);
    bind_textdomain_codeset("resnet", "UTF-8");
    bind_textdomain_codeset("libc", "UTF-8"); /* strerror's */
    textdomain("resnet");
}
