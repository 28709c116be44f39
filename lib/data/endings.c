/* SPDX-License-Identifier: MIT */
/* The endings of pictures. Those without a decoder are known by name so that nobody trains on a third of a folder
 * without a word. */
#include "data/endings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const photos[] = {
    ".jpg",  ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm",
#ifdef RN_WITH_WEBP
    ".webp",
#endif
#ifdef RN_WITH_TIFF
    ".tif",  ".tiff",
#endif
};
static const char *const others[] = { ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif",
                                      ".jp2",  ".j2k", ".jxl",  ".jxr", ".dng",  ".cr2",  ".nef",
                                      ".arw",  ".tga", ".svg",  ".ico", ".psd",  ".apng" };

_Static_assert(sizeof others / sizeof *others == RN_OTHER_ENDINGS, "one count for each ending");

static int find_ending(const char *name, const char *const *endings, size_t count)
{
    const size_t length = strlen(name);

    for (size_t i = 0; i < count && name[0] != '.'; i++) {
        const size_t tail = strlen(endings[i]);

        if (length > tail && strcasecmp(name + length - tail, endings[i]) == 0)
            return (int)i;
    }
    return -1;
}

bool rn_is_photo(const char *name)
{
    return find_ending(name, photos, sizeof photos / sizeof *photos) >= 0;
}

int rn_other_ending(const char *name)
{
    return rn_is_photo(name) ? -1 : find_ending(name, others, RN_OTHER_ENDINGS);
}

bool rn_is_hidden(const char *name)
{
    /* macOS's zips, Synology's thumbnails (which end in .jpg), Windows, ext4 */
    static const char *const systems[] = { "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information",
                                           "lost+found" };

    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (strcmp(name, systems[i]) == 0)
            return true;
    return name[0] == '.';
}

size_t rn_passed_over_total(const rn_passed_over *passed)
{
    size_t total = 0;

    for (size_t i = 0; i < RN_OTHER_ENDINGS; i++)
        total += passed->count[i];
    return total;
}

void rn_passed_over_text(char *text, size_t size, const rn_passed_over *passed)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < RN_OTHER_ENDINGS && used < size; i++) {
        if (passed->count[i] > 0)
            used += (size_t)snprintf(text + used, size - used, "%s%zu %s", used > 0 ? ", " : "", passed->count[i],
                                     others[i]);
    }
}
