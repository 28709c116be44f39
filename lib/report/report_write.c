/* SPDX-License-Identifier: MIT */
/* The page as a whole: what is asked for, its head, its sections, its foot. */
#define _POSIX_C_SOURCE 200809L
#include "report/sections.h"

#include "base/options.h"
#include "classes/classes.h"
#include "graph/graph.h"
#include <resnet/version.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

RN_NO_TAIL_PADDING(rn_report_options, photos);

enum { PHOTOS = 24, MAX_PHOTOS = 1000 };

/* ---- head and foot ----------------------------------------------------------------------------------------------- */

static void put_head(rn_page *page, const char *title)
{
    rn_print(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
        "'unsafe-inline'; script-src 'unsafe-inline'\"/>\n<link rel=\"icon\" href=\"data:,\"/>\n<title>%s</title>\n"
        "<style>\n",
        title);
    rn_put(page, rn_report_colours);
    rn_put(page, rn_report_style);
    rn_put(page, rn_report_chart_style);
    rn_put(page, rn_report_more_style);
    rn_print(page, "</style></head>\n<body>\n<header><h1>%s</h1>\n", title);
}

/* How far the last phase is, by the trainer's state. */
static void put_progress(rn_page *page, const rn_run *run)
{
    const rn_json *phase = rn_json_first(rn_json_member(run->state, "phases"));
    double epochs = NAN, done = 0, complete = 0;

    for (const rn_json *next = phase; next != NULL; next = rn_json_next(next))
        phase = next;
    if (phase == NULL || rn_json_string(rn_json_member(phase, "name")) == NULL)
        return;
    rn_json_number(&epochs, rn_json_member(phase, "epochs"));
    rn_json_number(&done, rn_json_member(run->state, "epoch"));
    rn_json_number(&complete, rn_json_member(phase, "complete"));
    rn_print(page, "<p class=\"sub\">Phase %s", rn_json_string(rn_json_member(phase, "name")));
    if (complete != 0)
        rn_put(page, ", the last one, is complete.</p>\n");
    else
        rn_print(page, ": epoch %g of %g is done.</p>\n", done, epochs);
}

static void put_figure(rn_page *page, const char *label, double part)
{
    rn_print(page, "<div><dt>%s</dt><dd>", label);
    rn_put_part(page, part);
    rn_put(page, "</dd></div>\n");
}

static void put_figures(rn_page *page, const rn_report *report)
{
    const rn_run *const run = report->run;
    const rn_evaluation_result *const result = report->result;
    rn_class_scores mean = { .struct_size = sizeof mean };

    rn_put(page, "<dl class=\"figures\">\n");
    if (run != NULL && run->best != SIZE_MAX) {
        put_figure(page, "Best validation accuracy", run->epoch[run->best].valid_accuracy);
        rn_print(page, "<div><dt>Best epoch</dt><dd>%zu of %zu</dd></div>\n", run->best + 1, run->count);
    }
    if (result != NULL) {
        put_figure(page, "Accuracy of the evaluation", rn_evaluation_top(result, 1));
        if (result->classes > 5)
            put_figure(page, "Among the first five", rn_evaluation_top(result, 5));
        rn_evaluation_average(&mean, result, RN_AVERAGE_MACRO);
        put_figure(page, "Mean F1 of the classes", mean.f1);
        rn_print(page, "<div><dt>Photos</dt><dd>%" PRId64 "</dd></div>\n", result->counted);
    }
    rn_put(page, "</dl>\n");
}

static void put_links(rn_page *page, const rn_report *report)
{
    const struct {
        bool is_there;
        const char *link;
    } links[] = {
        { report->run != NULL, "<a href=\"#curves\">Training</a>\n" },
        { report->result != NULL, "<a href=\"#evaluation\">Evaluation</a>\n" },
        { report->result != NULL && report->result->mistake_count > 0 && report->options.mistakes > 0,
          "<a href=\"#mistakes\">Mistakes</a>\n" },
        { report->result != NULL && report->options.photos > 0, "<a href=\"#photos\">Photos</a>\n" },
        { report->run != NULL && report->run->state != NULL, "<a href=\"#settings\">Settings</a>\n" },
        { report->model != NULL, "<a href=\"#network\">Network</a>\n" },
    };

    rn_put(page, "<nav aria-label=\"Sections\">\n");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        rn_put(page, links[i].is_there ? links[i].link : "");
    rn_put(page, "</nav></header>\n<main>\n");
}

/* "model name : AMD EPYC ...", where the system says it. */
static void put_cpu(rn_page *page)
{
    FILE *const file = fopen("/proc/cpuinfo", "re");
    char line[256];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *const colon = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        rn_print(page, ", %s", colon + 1 + (colon[1] == ' '));
        break;
    }
    if (file != NULL)
        fclose(file);
}

static void put_foot(rn_page *page, const rn_context *context)
{
    const time_t now = time(NULL);
    struct tm utc;
    char when[64] = "";

    if (gmtime_r(&now, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &utc);
    rn_print(page, "</main>\n<footer>Written %s by libresnet %s on %d thread%s, %s", when, rn_version(),
             rn_context_threads(context), rn_context_threads(context) == 1 ? "" : "s",
             rn_isa_name(rn_context_isa(context)));
    put_cpu(page);
    rn_put(page, "</footer>\n<script>\n");
    rn_put(page, rn_report_script);
    rn_put(page, "</script>\n</body></html>\n");
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void put_skipped(rn_page *page, const rn_evaluation_result *result)
{
    const int64_t skipped = (int64_t)result->photos - result->counted;
    int64_t unanswered = 0;

    for (size_t i = 0; i < result->cell_count; i++)
        unanswered += result->cell[i].predicted < 0 ? result->cell[i].count : 0;
    if (skipped > 0)
        rn_print(page, "<p class=\"note\">%" PRId64 " photos could not be read and count nowhere.</p>\n", skipped);
    if (unanswered > 0)
        rn_print(page,
                 "<p class=\"note\">%" PRId64
                 " photos have no answer, since their logits are no numbers: they count as "
                 "wrong.</p>\n",
                 unanswered);
}

static rn_status put_evaluation(rn_page *page, const rn_report *report)
{
    rn_status status;

    rn_put(page, "<section id=\"evaluation\"><h2>Evaluation</h2>\n");
    put_skipped(page, report->result);
    rn_put(page, "<div class=\"pair\">\n");
    rn_report_confusions(page, report);
    status = rn_report_classes(page, report);
    rn_put(page, "</div>\n");
    if (status == RN_OK)
        status = rn_report_matrix(page, report);
    rn_put(page, "</section>\n");
    return status == RN_OK ? rn_report_photos(page, report) : status;
}

static rn_status put_page(rn_page *page, const rn_report *report)
{
    rn_status status = RN_OK;

    put_head(page, report->options.title != NULL ? report->options.title : "Training report");
    if (report->model != NULL)
        rn_print(page, "<p class=\"sub\">%s, %" PRId64 " classes</p>\n", rn_model_name(report->model),
                 rn_model_class_count(report->model));
    if (report->run != NULL)
        put_progress(page, report->run);
    put_figures(page, report);
    put_links(page, report);
    rn_report_curves(page, report);
    if (report->result != NULL)
        status = put_evaluation(page, report);
    rn_report_settings(page, report);
    rn_report_network(page, report);
    put_foot(page, report->context);
    return status;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static rn_status read_number(int32_t *number, const char *name, rn_message *message)
{
    if (*number < -1 || *number > MAX_PHOTOS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_report_write: %s is %d; -1 to %d are possible", name, *number,
                       (int)MAX_PHOTOS);
    *number = *number == 0 ? PHOTOS : *number < 0 ? 0 : *number;
    return RN_OK;
}

static rn_status check_options(rn_report *report)
{
    rn_report_options *const options = &report->options;
    rn_message *const message = &report->context->message;
    rn_status status = RN_OK;

    if (options->directory == NULL && options->model == NULL && options->evaluation == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "rn_report_write: neither directory nor model nor evaluation is given");
    status = read_number(&options->mistakes, "mistakes", message);
    if (status == RN_OK)
        status = read_number(&options->photos, "photos", message);
    if (status != RN_OK)
        return status;
    if (options->picture_bytes == 0)
        options->picture_bytes = (size_t)1 << 20;
    report->model = options->model;
    report->result = options->evaluation;
    if (report->result == NULL)
        return RN_OK;
    if (report->model != NULL && (size_t)rn_model_class_count(report->model) != report->result->classes)
        return rn_fail(message, RN_SHAPE, "the model has %lld classes, the evaluation has %zu",
                       (long long)rn_model_class_count(report->model), report->result->classes);
    report->classes = report->model != NULL && rn_model_classes(report->model) != NULL
                          ? rn_model_classes(report->model)
                          : rn_dataset_classes(report->result->dataset);
    return RN_OK;
}

/* Opens the file, has it filled, and puts it in its place or takes it away. */
static rn_status write_file(rn_context *context, const char *path, rn_status (*fill)(rn_page *, const rn_report *),
                            const rn_report *report)
{
    rn_page page = { .context = context };
    rn_status status = rn_file_replace_begin(&page.file, &context->allocator, path, &context->message);

    if (status != RN_OK)
        return status;
    status = fill(&page, report);
    if (status == RN_OK)
        return rn_file_replace_commit(page.file, &context->message);
    rn_file_replace_abandon(page.file);
    return status;
}

rn_status rn_report_write(rn_context *context, const char *path, const rn_report_options *given)
{
    rn_report report = { .context = context };
    rn_run run;
    rn_status status;

    if (context == NULL)
        return rn_fail_null("rn_report_write", "context");
    if (path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_report_write: path is NULL");
    status = rn_options_read(&report.options, sizeof report.options, given, &context->message);
    if (status == RN_OK)
        status = check_options(&report);
    if (status != RN_OK)
        return status;
    if (report.options.directory != NULL) {
        status = rn_run_read(&run, context, report.options.directory);
        if (status != RN_OK)
            return status;
        report.run = &run;
    }
    status = write_file(context, path, put_page, &report);
    if (report.run != NULL)
        rn_run_release(&run, &context->allocator);
    return status;
}

static rn_status put_curves(rn_page *page, const rn_report *report)
{
    rn_report_curves_file(page, report->run);
    return RN_OK;
}

rn_status rn_report_write_curves(rn_context *context, const char *path, const char *directory)
{
    rn_run run;
    rn_status status;

    if (context == NULL)
        return rn_fail_null("rn_report_write_curves", "context");
    if (path == NULL || directory == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_report_write_curves: %s is NULL",
                       path == NULL ? "path" : "directory");
    status = rn_run_read(&run, context, directory);
    if (status != RN_OK)
        return status;
    status = write_file(context, path, put_curves, &(rn_report){ .run = &run });
    rn_run_release(&run, &context->allocator);
    return status;
}
