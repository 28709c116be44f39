/* SPDX-License-Identifier: MIT */
#include "checkpoint/commands.h"
#include "common/language.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN_BYTES = 120 };

const char *show_shape(char text[SHAPE_TEXT], const rn_tensor *tensor, const char *brackets)
{
    size_t length = (size_t)snprintf(text, SHAPE_TEXT, "%c", brackets[0]);

    for (int32_t i = 0; i < rn_tensor_rank(tensor); i++)
        length += (size_t)snprintf(text + length, SHAPE_TEXT - length, "%s%" PRId64, i > 0 ? ", " : "",
                                   rn_tensor_shape(tensor)[i]);
    snprintf(text + length, SHAPE_TEXT - length, "%c", brackets[1]);
    return text;
}

void show_value(const char *value, int full)
{
    const size_t length = strlen(value);
    char shown[SHOWN_BYTES + 1];
    size_t cut = SHOWN_BYTES;

    if (full || length <= SHOWN_BYTES) {
        text_print(stdout, value);
        return;
    }
    while (cut > 0 && ((unsigned char)value[cut] & 0xc0) == 0x80)
        cut--;
    memcpy(shown, value, cut);
    shown[cut] = '\0';
    text_print(stdout, shown);
    printf(_("... (%zu bytes)"), length);
}
