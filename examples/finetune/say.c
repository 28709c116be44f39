/* SPDX-License-Identifier: MIT */
/* The lines before the first batch and the one behind the last. */
#define _POSIX_C_SOURCE 200809L
#include "common/machines.h"
#include "common/args.h"
#include "common/interrupt.h"
#include "common/language.h"
#include "common/photos.h"
#include "common/sentence.h"
#include "finetune/choices.h"
#include "finetune/settings.h"

#include <string.h>
#include <unistd.h>

/* ---- before ------------------------------------------------------------------------------------------------------ */

/* The run's file of this name, if it is there. */
static const char *find_file(char path[PATH_SIZE], const settings *s, const char *name)
{
    const int length = snprintf(path, PATH_SIZE, "%s/%s", s->directory, name);

    return length > 0 && length < PATH_SIZE && access(path, F_OK) == 0 ? path : NULL;
}

static const char *precision_name(const rn_context *context)
{
    return rn_context_precision(context) == RN_PRECISION_BFLOAT16 ? "bf16" : "fp32";
}

static void say_network(FILE *stream, const outlook *o)
{
    const settings *const s = o->settings;
    char path[PATH_SIZE], text[PATH_SIZE];
    const char *const last = s->resume ? find_file(path, s, "last.safetensors") : NULL;

    text_line(stream, "network: %s, %lld classes; %s%s%s", rn_model_name(o->model),
              (long long)rn_model_class_count(o->model), weights_text(text, sizeof text, &s->weights),
              last != NULL ? _("; then those of the run so far, ") : "", last != NULL ? last : "");
}

static void say_photos(FILE *stream, const outlook *o)
{
    const settings *const s = o->settings;

    if (s->folds > 0) {
        text_line(stream, "photos: %zu classes; %zu photos in %s, in %d folds; %zu files passed over",
                  rn_classes_count(rn_dataset_classes(o->train)), rn_dataset_count(o->train), s->train, (int)s->folds,
                  rn_dataset_ignored(o->train));
        return;
    }
    text_line(stream,
              "photos: %zu classes; %zu photos for training in %s, %zu for validation in %s; %zu files passed over",
              rn_classes_count(rn_dataset_classes(o->train)), rn_dataset_count(o->train), s->train,
              rn_dataset_count(o->valid), s->valid, rn_dataset_ignored(o->train) + rn_dataset_ignored(o->valid));
}

/* How the rate goes. */
static const char *rates_text(char *text, size_t size, const settings *s)
{
    const choice *const schedule = choose_schedule(s->schedule);
    int length;

    if (schedule->number == RN_SCHEDULE_STEP)
        length = snprintf(text, size, _("rate times %g every %d epochs"), s->lr_gamma != 0 ? s->lr_gamma : 0.1,
                          s->lr_step < 0 ? 7 : s->lr_step);
    else
        length = snprintf(text, size, _("rate %s"), _(schedule->title));
    if (s->warmup > 0)
        snprintf(text + length, size - (size_t)length,
                 ngettext(" after %d epoch of warm-up", " after %d epochs of warm-up", (unsigned long)s->warmup),
                 s->warmup);
    return text;
}

/* What is done besides, each with a comma before it; "" if nothing is. */
static const char *aids_text(char *text, size_t size, const settings *s)
{
    const struct {
        const char *name;
        double value;
    } aids[] = { { N_("MixUp"), s->mixup }, { N_("CutMix"), s->cutmix }, { N_("weights averaged with"), s->ema } };
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < sizeof aids / sizeof aids[0] && length < size; i++)
        if (aids[i].value > 0)
            length += (size_t)snprintf(text + length, size - length, ", %s %g", _(aids[i].name), aids[i].value);
    return text;
}

static void say_training(FILE *stream, const outlook *o)
{
    const settings *const s = o->settings;
    const long long all = rn_parameters_elements(rn_model_parameters(o->model), 0);
    char frozen[160] = "", whole[160] = "", rates[160], aids[160];

    if (o->head_parameters > 0)
        snprintf(frozen, sizeof frozen,
                 ngettext("%d epoch of the head (%lld of %lld parameters) at %g",
                          "%d epochs of the head (%lld of %lld parameters) at %g", (unsigned long)s->frozen_epochs),
                 s->frozen_epochs, (long long)o->head_parameters, all, s->frozen_lr);
    if (s->epochs > 0)
        snprintf(whole, sizeof whole,
                 ngettext("%d epoch of everything (%lld parameters) at %g",
                          "%d epochs of everything (%lld parameters) at %g", (unsigned long)s->epochs),
                 s->epochs, all, s->lr);
    text_line(stream, "training: %s%s%s; %s, %s, batches of %d%s; recipe %s", frozen,
              *frozen != '\0' && *whole != '\0' ? _(", then ") : "", whole, choose_optimizer(s->optimizer)->title,
              rates_text(rates, sizeof rates, s), s->batch, aids_text(aids, sizeof aids, s), s->recipe);
}

static void say_machine(FILE *stream, const outlook *o)
{
    const settings *const s = o->settings;
    char path[PATH_SIZE];

    text_line(stream,
              ngettext("computing: on this CPU, %d thread, %s, %s; seed %llu",
                       "computing: on this CPU, %d threads, %s, %s; seed %llu",
                       (unsigned long)rn_context_threads(o->context)),
              rn_context_threads(o->context), rn_isa_name(rn_context_isa(o->context)), precision_name(o->context),
              (unsigned long long)s->seed);
    text_line(stream, "directory: %s%s", s->directory,
              s->resume && find_file(path, s, "last.safetensors") != NULL ? _(", which holds the run that goes on")
              : s->resume ? _(", which holds no run yet: nothing to resume, a new one begins")
                          : "");
}

static void json_text(const char *name, const char *text)
{
    printf(", \"%s\": ", name);
    if (text != NULL)
        text_json_string(stdout, text);
    else
        printf("null");
}

static void json_number(const char *name, double number)
{
    printf(", \"%s\": ", name);
    text_json_number(stdout, number);
}

static void start_object(const outlook *o)
{
    const settings *const s = o->settings;
    char path[PATH_SIZE];

    printf("{\"event\": \"start\"");
    json_text("network", rn_model_name(o->model));
    json_text("weights", s->weights.path);
    json_text("recipe", s->recipe);
    printf(", \"fresh_head\": %s", s->weights.path == NULL || s->weights.fresh_head ? "true" : "false");
    json_number("classes", (double)rn_model_class_count(o->model));
    json_number("parameters", (double)rn_parameters_elements(rn_model_parameters(o->model), 0));
    json_number("head_parameters", (double)o->head_parameters);
    json_number("train_photos", (double)rn_dataset_count(o->train));
    json_number("valid_photos", (double)rn_dataset_count(o->valid));
    json_number("passed_over", (double)(rn_dataset_ignored(o->train) + rn_dataset_ignored(o->valid)));
    json_number("frozen_epochs", o->head_parameters > 0 ? s->frozen_epochs : 0);
    json_number("epochs", s->epochs);
    json_number("batch", s->batch);
    json_number("threads", rn_context_threads(o->context));
    json_text("isa", rn_isa_name(rn_context_isa(o->context)));
    json_text("precision", precision_name(o->context));
    json_text("directory", s->directory);
    printf(", \"resumed\": %s}\n", s->resume && find_file(path, s, "last.safetensors") != NULL ? "true" : "false");
}

rn_status say_start(outlook *o)
{
    const settings *const s = o->settings;
    FILE *const report = args_report(s->json);
    rn_status status = RN_OK;

    /* What a frozen phase trains is counted by freezing for a moment. */
    if (s->frozen_epochs > 0 && s->phase == NULL) {
        status = rn_model_freeze_backbone(o->model);
        if (status == RN_OK) {
            o->head_parameters = rn_parameters_elements(rn_model_parameters(o->model), 1);
            status = rn_model_unfreeze(o->model, "*");
        }
    }
    if (status != RN_OK)
        return status;
    say_network(report, o);
    say_photos(report, o);
    say_training(report, o);
    say_machine(report, o);
    if (s->json)
        start_object(o);
    fflush(report);
    fflush(stdout);
    return RN_OK;
}

/* ---- behind ------------------------------------------------------------------------------------------------------ */

static void end_object(const settings *s, const char *outcome, const outlook *o, const progress *shown, double accuracy)
{
    char path[PATH_SIZE];

    printf("{\"event\": \"end\", \"outcome\": \"%s\"", outcome);
    json_number("best_accuracy", accuracy);
    if (s->folds > 0)
        json_number("spread", s->spread);
    json_number("epochs_trained", shown->epochs_done);
    json_number("seconds", progress_seconds(shown));
    json_number("images_per_second", progress_images_per_second(shown));
    json_text("checkpoint", find_file(path, s, "best.safetensors"));
    json_text("report", o->reported ? find_file(path, s, "report.html") : NULL);
    if (strcmp(outcome, "done") != 0)
        json_text("resume", s->command);
    printf("}\n");
}

static int begins_with(const char *text, const char *beginning)
{
    return beginning != NULL && strncmp(text, beginning, strlen(beginning)) == 0;
}

/* What helps against a failure to find or read photos; NULL if it is about something else. */
static const char *photo_advice(char *text, size_t size, const settings *s, rn_status status, const outlook *o)
{
    const char *const message = rn_context_message(o->context);
    const char *help;

    if (o->train == NULL)
        return status == RN_FORMAT && begins_with(message, s->data) && !begins_with(message, s->labels)
                   ? _("; photos are to lie in DATA/train/CLASS/ and DATA/valid/CLASS/")
                   : NULL;
    help = photos_advice(text, size, o->model, o->train, message);
    if (help == text) /* a training photo of the wrong size: both pipelines are to resize */
        snprintf(text + strlen(text), size - strlen(text), "%s", _(", and --training-pipeline likewise"));
    else if (help == NULL)
        help = photos_advice(text, size, o->model, o->valid, message);
    return help == NULL || help == text
               ? help
               : _("; --skip-bad-photos leaves such photos out (with --resume, what was trained so far is kept)");
}

/* What helps where a run does not go on; NULL: it is not that. */
static const char *resume_advice(const settings *s, rn_status status, const char *message)
{
    const size_t length = strlen(s->directory);
    const int ours = strncmp(message, s->directory, length) == 0 && message[length] == '/' &&
                     strstr(message, ".safetensors") != NULL;

    if (status == RN_STATE && (strstr(message, "last.safetensors was begun ") != NULL ||
                               strstr(message, "last.safetensors is of network ") != NULL ||
                               strstr(message, "class table differs from the model's") != NULL))
        return _(". Here: give it what the run was begun with (DIR/config.json has it), or another --out DIR");
    if (s->resume && ((ours && (status == RN_IO || status == RN_FORMAT)) ||
                      (status == RN_STATE && strstr(message, " holds no last.safetensors ") != NULL)))
        return _(". Here: another --out DIR; --weights FILE begins there with what best or last.safetensors holds, if "
                 "it is whole");
    if (status == RN_STATE && s->resume)
        return _(". More of the same: a larger --epochs; at another rate: --phase NAME --lr X --epochs N trains on in "
                 "a phase of that name");
    return NULL;
}

/* What helps against a failure; NULL if nobody knows. */
static const char *advice(char *text, size_t size, const settings *s, rn_status status, const outlook *o)
{
    const char *const message = rn_context_message(o->context);

    if (s->weights.several)
        return _(". Here: --prefix NAME");
    if (s->weights.other_names &&
        (strstr(message, ": it is another network: ") != NULL || strstr(message, ": it was written for '") != NULL))
        return _(". Here: --arch NAME");
    if (s->weights.other_names)
        return _(". Here: --new-head begins a fresh head, --rename FROM=TO");
    if (s->weights.other_classes)
        return _("; --new-head begins a fresh one, --ignore-class-table takes it as it is");
    if (resume_advice(s, status, message) != NULL)
        return resume_advice(s, status, message);
    if (status == RN_STATE && strstr(message, s->directory) != NULL)
        return _(". Here: --resume goes on with it, --out DIR begins another");
    return photo_advice(text, size, s, status, o);
}

static int stopped(const args_program *program, const settings *s, int began)
{
    const int number = interrupt_signal();

    if (began)
        text_line(stderr, "%s: stopped, and saved in %s. To go on: %s", program->name, s->directory, s->command);
    else
        text_line(stderr, "%s: stopped before the first batch", program->name);
    return number != 0 ? EXIT_SIGNAL + number : EXIT_FAILED;
}

int say_end(const args_program *program, const settings *s, rn_status status, const outlook *o, progress *shown,
            double accuracy)
{
    char text[SENTENCE_SIZE];
    const char *const help = status != RN_OK ? advice(text, sizeof text, s, status, o) : NULL;
    char time[PROGRESS_TIME_SIZE], path[PATH_SIZE];
    const char *const report = o->reported ? find_file(path, s, "report.html") : NULL;
    int answer = 0;

    if (status != RN_OK && !machines_speak())
        return status == RN_CANCELLED && interrupt_signal() != 0 ? EXIT_SIGNAL + interrupt_signal() : EXIT_FAILED;
    args_clear_line(program);
    if (s->json)
        end_object(s, status == RN_OK ? "done" : status == RN_CANCELLED ? "stopped" : "failed", o, shown, accuracy);
    if (status == RN_CANCELLED) {
        answer = stopped(program, s, shown->begun > 0);
    } else if (o->bad > 0) {
        text_line(
            stderr,
            "%s: %zu of %zu validation photos cannot be used, and nothing was trained: mend them or take them out "
            "of %s, or --skip-bad-photos leaves such photos out",
            program->name, o->bad, rn_dataset_count(s->folds > 0 ? o->train : o->valid),
            s->folds > 0 ? s->train : s->valid); /* folds validate on all */
        answer = EXIT_FAILED;
    } else if (status != RN_OK) {
        answer = args_advised(program, status, o->context, help);
    } else if (s->folds > 0) {
        text_line(args_report(s->json),
                  "best validation accuracy %.4f +- %.4f, mean and standard deviation of %d folds; their runs are "
                  "%s/fold1, ...; it took %s",
                  accuracy, s->spread, (int)s->folds, s->directory, progress_time(time, progress_seconds(shown)));
    } else {
        text_line(args_report(s->json),
                  "best validation accuracy %.4f: the network is %s/best.safetensors, the history %s/history.jsonl; it "
                  "took %s",
                  accuracy, s->directory, s->directory, progress_time(time, progress_seconds(shown)));
        if (report != NULL)
            text_line(args_report(s->json), "report: %s", report);
    }
    return answer;
}
