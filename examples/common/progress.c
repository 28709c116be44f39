/* SPDX-License-Identifier: MIT */
/*
 * What is left is reckoned from what was measured: seconds of a training batch of this phase, of a validation batch, of
 * saving at an epoch's end. A phase that has not begun costs as much more as its `work` says, which "~" marks.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/progress.h"
#include "common/interrupt.h"
#include "common/language.h"
#include "common/line.h"
#include "common/terminal.h"
#include "common/text.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { PARTS = 7, WIDE = 100, LOSS_SIZE = 16 };

static const double redraw_seconds = 0.1; /* faster is no use to anyone, and a burden to a slow line */

static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- what is left ------------------------------------------------------------------------------------------------ */

static double pace(const progress_pace *p, double otherwise)
{
    return p->count > 0 ? p->seconds / p->count : otherwise;
}

/* Seconds of a whole epoch of a phase of the plan. */
static double epoch_seconds(const progress *shown, const rn_progress *p, const progress_phase *phase)
{
    const double work = shown->plan[shown->now].work, train = pace(&shown->train, 0);

    return (double)p->batches * train * phase->work / work +
           (double)shown->valid_batches * pace(&shown->valid, train / work) + pace(&shown->end, 0);
}

/* Seconds that this epoch still takes. */
static double epoch_left(const progress *shown, const rn_progress *p)
{
    const double train = pace(&shown->train, 0);
    const int64_t valid = shown->valid_batches - shown->valid_batch;

    return (double)(p->batches - p->batch) * train +
           (double)(valid > 0 ? valid : 0) * pace(&shown->valid, train / shown->plan[shown->now].work) +
           pace(&shown->end, 0);
}

static double run_left(const progress *shown, const rn_progress *p)
{
    double seconds =
        epoch_left(shown, p) + (double)(p->epochs - p->epoch - 1) * epoch_seconds(shown, p, &shown->plan[shown->now]);

    for (size_t i = shown->now + 1; i < shown->plan_count; i++)
        seconds += shown->plan[i].epochs * epoch_seconds(shown, p, &shown->plan[i]);
    return seconds;
}

char *progress_time(char text[PROGRESS_TIME_SIZE], double seconds)
{
    const long long whole = seconds < 1e9 ? (long long)(seconds + 0.5) : 1000000000;

    if (whole >= 100 * 3600)
        snprintf(text, PROGRESS_TIME_SIZE, "%lld d %lld h", whole / 86400, whole % 86400 / 3600);
    else if (whole >= 3600)
        snprintf(text, PROGRESS_TIME_SIZE, "%lld:%02lld:%02lld", whole / 3600, whole % 3600 / 60, whole % 60);
    else
        snprintf(text, PROGRESS_TIME_SIZE, "%lld:%02lld", whole / 60, whole % 60);
    return text;
}

/* ---- the moving line --------------------------------------------------------------------------------------------- */

/* So many places behind the point, as long as it stays a number that one can read. */
static const char *loss_text(char text[LOSS_SIZE], int places, double loss)
{
    snprintf(text, LOSS_SIZE, fabs(loss) < 1e6 ? "%.*f" : "%.*e", places, loss);
    return text;
}

static void write_parts(line_part *parts, const progress *shown, const rn_progress *p, int wide)
{
    const int validating = shown->valid_batch > 0;
    const int last_phase = shown->now + 1 == shown->plan_count;
    char left[PROGRESS_TIME_SIZE], loss[LOSS_SIZE], name[LINE_PART_SIZE - 32];

    text_escape(name, sizeof name, p->phase);
    snprintf(parts[0].text, LINE_PART_SIZE, "%s %d/%d", name, p->epoch + 1, p->epochs);
    if (validating)
        snprintf(parts[1].text, LINE_PART_SIZE, _("valid %lld/%lld"), (long long)shown->valid_batch,
                 (long long)shown->valid_batches);
    else
        snprintf(parts[1].text, LINE_PART_SIZE, "%s%lld/%lld", wide ? _("batch ") : "", (long long)p->batch,
                 (long long)p->batches);
    snprintf(parts[2].text, LINE_PART_SIZE, _("loss %s"), loss_text(loss, 3, p->loss));
    snprintf(parts[3].text, LINE_PART_SIZE, "%s %.3f", wide ? _("accuracy") : _("acc"), p->accuracy);
    snprintf(parts[4].text, LINE_PART_SIZE, p->images_per_second < 10 ? "%.1f%s" : "%.0f%s", p->images_per_second,
             wide ? _(" images/s") : _("/s"));
    snprintf(parts[5].text, LINE_PART_SIZE, "%s%s", wide ? _("epoch ") : "", progress_time(left, epoch_left(shown, p)));
    snprintf(parts[6].text, LINE_PART_SIZE, _("run %s%s%s"), last_phase ? "" : "~",
             progress_time(left, run_left(shown, p)), wide ? _(" left") : "");
}

static void draw(progress *shown, const rn_progress *p, double now)
{
    static const int ranks[PARTS] = { 9, 8, 5, 6, 2, 4, 7 };
    const int columns = terminal_columns(stdout);
    const double all = (double)(p->batches + shown->valid_batches);
    line_part parts[PARTS];
    char line[LINE_SIZE];

    for (int i = 0; i < PARTS; i++)
        parts[i].rank = ranks[i];
    write_parts(parts, shown, p, columns >= WIDE);
    /* The last column stays free: what stands there makes some terminals begin a new line. */
    line_fit(line, columns - 1, parts, PARTS, (double)(p->batch + shown->valid_batch) / all);
    printf("\r%s\033[K", line);
    fflush(stdout);
    shown->line_open = 1;
    shown->drawn = now;
}

/* ---- an epoch's end ---------------------------------------------------------------------------------------------- */

static void print_json(const rn_progress *p, double seconds)
{
    const struct {
        const char *name;
        double value;
    } fields[] = {
        { "epoch", p->epoch + 1 },
        { "epochs", p->epochs },
        { "train_loss", p->loss },
        { "train_accuracy", p->accuracy },
        { "valid_loss", p->valid_loss },
        { "valid_accuracy", p->valid_accuracy },
        { "best_accuracy", p->best_accuracy },
        { "lr", p->lr },
        { "seconds", seconds },
        { "loading_seconds", p->loading_seconds },
        { "images_per_second", p->images_per_second },
        { "skipped", (double)p->skipped },
    };

    printf("{\"event\": \"epoch\", \"phase\": ");
    text_json_string(stdout, p->phase);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        printf(", \"%s\": ", fields[i].name);
        text_json_number(stdout, fields[i].value);
    }
    printf(", \"best\": %s}\n", p->is_best ? "true" : "false");
}

static void print_line(const progress *shown, const rn_progress *p, double seconds)
{
    char train[LOSS_SIZE], valid[LOSS_SIZE];

    if (shown->line_open)
        printf("\r\033[K");
    text_print(stdout, p->phase);
    printf(_(" %d/%d  train loss %s accuracy %.3f  valid loss %s accuracy %.3f%s  lr %g  %.1f s"), p->epoch + 1,
           p->epochs, loss_text(train, 4, p->loss), p->accuracy, loss_text(valid, 4, p->valid_loss), p->valid_accuracy,
           p->is_best ? _(" (best)") : "", p->lr, seconds);
    if (p->images_per_second > 0) /* 0: a run went on with the epoch's validation */
        printf(_("  %.1f images/s"), p->images_per_second);
    if (p->skipped > 0)
        printf(_("  %lld photos skipped"), (long long)p->skipped);
    printf("\n");
}

static void end_epoch(progress *shown, const rn_progress *p, double now)
{
    const double seconds = now - shown->epoch_began;

    if (shown->json)
        print_json(p, seconds);
    else
        print_line(shown, p, seconds);
    fflush(stdout);
    shown->line_open = 0;
    shown->inside = 0;
    shown->epochs_done++;
    shown->photos.seconds += shown->epoch_train;
    shown->photos.count += shown->epoch_train * p->images_per_second;
    shown->epoch_train = 0;
    shown->epoch_began = now;
}

/* ---- callbacks --------------------------------------------------------------------------------------------------- */

void progress_begin(progress *shown, size_t phase)
{
    shown->now = phase;
    shown->last = clock_seconds();
    shown->epoch_began = shown->last;
    if (shown->begun == 0)
        shown->begun = shown->last;
    shown->train = (progress_pace){ 0 };
    shown->epoch_train = 0;
    shown->inside = 0;
}

double progress_images_per_second(const progress *shown)
{
    return shown->photos.seconds > 0 ? shown->photos.count / shown->photos.seconds : 0;
}

double progress_seconds(const progress *shown)
{
    return shown->begun > 0 ? clock_seconds() - shown->begun : 0;
}

/* A run that goes on is first heard of behind the first batch that this process trained. */
static void say_where(progress *shown, const rn_progress *p, int validating)
{
    const long long behind = (long long)(validating ? p->batch : p->batch - 1);

    if (p->epoch > 0 || behind > 0 || shown->now > 0)
        text_line(shown->report, "going on: phase %s, epoch %d of %d, after batch %lld of %lld", p->phase, p->epoch + 1,
                  p->epochs, behind, (long long)p->batches);
    else
        text_line(shown->report, "going on: nothing was trained yet, so from the beginning");
    fflush(shown->report);
    shown->resumed = 0;
}

/*
 * Books a batch, and tells one of training from one of validation: during validation all batches of the epoch are done.
 * Where a run goes on with a validation, no photo was trained.
 */
static void book(progress *shown, const rn_progress *p, double seconds)
{
    const int first = !shown->inside, before = first ? 0 : shown->batch < p->batches;
    const int validating = p->batch == p->batches && (first ? p->images_per_second == 0 : !before);

    if (first) {
        shown->batch = p->batch - (validating ? 0 : 1);
        shown->valid_batch = 0;
        shown->inside = 1;
        if (shown->resumed)
            say_where(shown, p, validating);
    }
    if (validating) {
        shown->valid_batch++;
        shown->valid.seconds += seconds;
        shown->valid.count++;
    } else {
        shown->train.seconds += seconds;
        shown->train.count += (double)(p->batch - shown->batch);
        shown->epoch_train += seconds;
    }
    shown->batch = p->batch;
}

int32_t progress_show(const rn_progress *p, void *payload)
{
    progress *const shown = payload;
    const double now = clock_seconds(), seconds = now - shown->last;

    shown->last = now;
    if (p->epoch_ended) {
        shown->end.seconds += seconds;
        shown->end.count++;
        end_epoch(shown, p, now);
    } else {
        book(shown, p, seconds);
        if (shown->terminal && (!shown->line_open || now - shown->drawn >= redraw_seconds))
            draw(shown, p, now);
    }
    return interrupt_signal() != 0 ? RN_FIT_CANCEL : RN_FIT_GO_ON;
}
