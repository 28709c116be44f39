/* SPDX-License-Identifier: MIT */
#include "finetune/page.h"
#include "common/interrupt.h"
#include "common/language.h"
#include "common/machines.h"
#include "common/sentence.h"

enum { SECONDS = 5 }; /* from one page to the next: a page of many epochs takes a moment to write */

static void note(run_page *page, rn_status status)
{
    char text[SENTENCE_SIZE];
    const char *const message = rn_context_message(page->context);

    page->written = time(NULL);
    page->pending = 0;
    if (status == RN_OK || page->failed)
        return;
    page->failed = 1;
    args_clear_line(page->program);
    text_line(stderr, "%s: warning: the page about the run, report.html, is not complete: %s", page->program->name,
              sentence_translate(text, sizeof text, *message != '\0' ? message : rn_status_string(status)));
}

int32_t page_show(const rn_progress *p, void *payload)
{
    run_page *const page = payload;
    const int32_t answer = progress_show(p, page->shown);

    if (page->settings->no_report)
        return answer;
    page->pending |= p->epoch_ended;
    if (page->pending && (answer != RN_FIT_GO_ON || p->epoch + 1 == p->epochs || time(NULL) - page->written >= SECONDS))
        note(page, rn_trainer_write_report(page->trainer, NULL, NULL));
    return answer;
}

static int32_t show_photos(size_t done, size_t count, void *payload)
{
    progress *const shown = payload;

    if (shown->terminal)
        progress_photos(done, count, &shown->line_open);
    return interrupt_signal() != 0;
}

void page_end(run_page *page, rn_model *model, rn_dataset *valid)
{
    const settings *const s = page->settings;
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result = NULL;
    rn_status status = RN_OK;

    if (s->no_report || !machines_first())
        return;
    if (valid != NULL)
        status =
            rn_evaluate(&answer, model, valid,
                        RN_OPTIONS(rn_evaluate, .result = &result, .batch_size = s->batch,
                                   .bad_photos = s->skip_bad_photos, .progress = show_photos, .payload = page->shown));
    if (status == RN_OK)
        status = rn_trainer_write_report(page->trainer, NULL, RN_OPTIONS(rn_report, .evaluation = result));
    note(page, status);
    args_clear_line(page->program);
    rn_evaluation_result_destroy(result);
}
