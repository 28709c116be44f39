/* SPDX-License-Identifier: MIT */
#include "finetune/look.h"
#include "common/interrupt.h"
#include "common/machines.h"
#include "common/sentence.h"

enum { NAMED = 10 };

static int32_t go_on(size_t done, size_t count, void *payload)
{
    (void)done;
    (void)count;
    (void)payload;
    return interrupt_signal() != 0;
}

rn_status look_at_photos(size_t *bad, rn_dataset *photos, const args_program *program)
{
    char text[SENTENCE_SIZE];
    rn_scan *scan = NULL;
    const rn_status status = rn_dataset_scan(&scan, photos, RN_OPTIONS(rn_scan, .progress = go_on));

    *bad = rn_scan_count(scan);
    for (size_t i = 0; i < *bad && i < NAMED && machines_first(); i++)
        text_line(stderr, "%s: %s", program->name, sentence_translate(text, sizeof text, rn_scan_message(scan, i)));
    rn_scan_destroy(scan);
    return status;
}
