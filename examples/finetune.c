/* SPDX-License-Identifier: MIT */
/*
 * finetune: a pretrained network learns the classes of one's own photos. First only the new head is trained, the
 * backbone frozen, then everything. Ctrl-C leaves a checkpoint from which --resume goes on.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"
#include "common/machines.h"
#include "common/progress.h"
#include "common/weights.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

enum { PATH_SIZE = 4096 };

typedef struct settings {
    const char *data, *valid, *arch, *labels, *directory, *pipeline, *training_pipeline, *phase;
    weights weights;
    double frozen_lr, lr, lr_gamma;
    uint64_t seed;
    int32_t frozen_epochs, epochs, lr_step, batch, threads, slices;
    const rn_collective *collective; /* the processes that mpirun has started, or NULL */
    rn_precision precision;
    size_t memory;
    int from_scratch, new_head, measure_before, skip_bad_photos, resume, json;
} settings;

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* The first Ctrl-C asks; a second one ends the program as usual. */
static void listen_to_signals(void)
{
    struct sigaction action = { .sa_handler = ask_to_stop };

    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- what was understood ---------------------------------------------------------------------------------------- */

static void say_network(FILE *stream, const rn_model *model, const settings *s)
{
    char last[PATH_SIZE] = "", text[PATH_SIZE];

    if (s->resume && snprintf(last, sizeof last, "%s/last.safetensors", s->directory) >= 0 && access(last, F_OK) != 0)
        last[0] = '\0';
    text_line(stream, "network: %s, %lld classes; %s%s%s", rn_model_name(model), (long long)rn_model_class_count(model),
              weights_text(text, sizeof text, &s->weights), last[0] != '\0' ? "; then those of the run so far, " : "",
              last);
}

static void say_photos(FILE *stream, const rn_dataset *train, const rn_dataset *valid, const settings *s)
{
    text_line(
        stream,
        "photos: %zu classes; %zu photos for training in %s/train, %zu for validation in %s/%s; %zu files passed over",
        rn_classes_count(rn_dataset_classes(train)), rn_dataset_count(train), s->data, rn_dataset_count(valid), s->data,
        s->valid, rn_dataset_ignored(train) + rn_dataset_ignored(valid));
}

/* Counts what the frozen phase will train by freezing for a moment. */
static rn_status say_training(FILE *stream, rn_model *model, const settings *s)
{
    const rn_parameters *parameters = rn_model_parameters(model);
    const long long all = rn_parameters_elements(parameters, 0);
    char frozen[160] = "", whole[160] = "";
    rn_status status = RN_OK;

    if (s->frozen_epochs > 0 && s->phase == NULL) {
        TRY(rn_model_freeze_backbone(model));
        snprintf(frozen, sizeof frozen, "%d epoch%s of the head (%lld of %lld parameters) at %g", s->frozen_epochs,
                 s->frozen_epochs == 1 ? "" : "s", (long long)rn_parameters_elements(parameters, 1), all, s->frozen_lr);
        TRY(rn_model_unfreeze(model, "*"));
    }
    if (s->epochs > 0)
        snprintf(whole, sizeof whole, "%d epoch%s of everything (%lld parameters) at %g", s->epochs,
                 s->epochs == 1 ? "" : "s", all, s->lr);
    text_line(stream, "training: %s%s%s; Adam, rate times %g every %d epochs, batches of %d", frozen,
              *frozen != '\0' && *whole != '\0' ? ", then " : "", whole, s->lr_gamma, s->lr_step, s->batch);
out:
    return status;
}

/* ---- the work -------------------------------------------------------------------------------------------------- */

static rn_status open_photos(rn_dataset **train, rn_dataset **valid, rn_context *context, const settings *s)
{
    char path[PATH_SIZE];
    rn_status status;

    snprintf(path, sizeof path, "%s/train", s->data);
    TRY(rn_image_folder_open(train, context, path, NULL));
    if (s->labels != NULL)
        TRY(rn_dataset_load_labels(*train, s->labels));
    snprintf(path, sizeof path, "%s/%s", s->data, s->valid);
    status =
        rn_image_folder_open(valid, context, path, RN_OPTIONS(rn_image_folder, .classes = rn_dataset_classes(*train)));
out:
    return status;
}

/* A file that fits but for the number of its classes gives all but the head. */
static rn_status make_model(rn_model **model, rn_context *context, const rn_dataset *train, settings *s)
{
    rn_status status;

    TRY(rn_model_create(model, context, s->arch, RN_OPTIONS(rn_model, .classes = rn_dataset_classes(train))));
    s->weights.head = s->new_head ? RN_HEAD_SKIP : RN_HEAD_SKIP_IF_SIZE_DIFFERS;
    if (s->weights.path != NULL)
        TRY(weights_load(&s->weights, *model));
    if (s->pipeline != NULL)
        TRY(rn_model_set_pipeline(*model, s->pipeline));
    if (s->training_pipeline != NULL)
        TRY(rn_model_set_training_pipeline(*model, s->training_pipeline));
out:
    return status;
}

static rn_status train_phase(rn_trainer *trainer, const settings *s, const char *phase, int32_t epochs, double lr)
{
    return rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = phase, .epochs = epochs, .lr = lr,
                                              .lr_step_epochs = s->lr_step, .lr_gamma = s->lr_gamma));
}

/* What the network is worth before it is trained. */
static rn_status measure_before(rn_model *model, rn_dataset *valid, const settings *s)
{
    rn_evaluation before = { .struct_size = sizeof before };
    const rn_status status = rn_evaluate(
        &before, model, valid, RN_OPTIONS(rn_evaluate, .batch_size = s->batch, .bad_photos = s->skip_bad_photos));

    if (status == RN_OK)
        fprintf(args_report(s->json), "before training: valid loss %.4f accuracy %.3f\n", before.loss, before.accuracy);
    return status;
}

static rn_status finetune(rn_context *context, settings *s, progress *shown, double *accuracy)
{
    FILE *report = args_report(s->json);
    rn_dataset *train = NULL, *valid = NULL;
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;
    rn_status status;

    TRY(open_photos(&train, &valid, context, s));
    TRY(make_model(&model, context, train, s));
    say_network(report, model, s);
    say_photos(report, train, valid, s);
    TRY(say_training(report, model, s));
    machines_say(report, s->slices);
    fflush(report);
    TRY(rn_trainer_create(&trainer, model, train, valid,
                          RN_OPTIONS(rn_trainer, .directory = s->directory, .batch_size = s->batch, .resume = s->resume,
                                     .progress = progress_show, .progress_payload = shown,
                                     .bad_photos = s->skip_bad_photos, .memory_limit = s->memory, .slices = s->slices,
                                     .collective = s->collective)));
    if (s->measure_before)
        TRY(measure_before(model, valid, s));
    if (s->frozen_epochs > 0 && s->phase == NULL) {
        TRY(rn_model_freeze_backbone(model));
        TRY(train_phase(trainer, s, "frozen", s->frozen_epochs, s->frozen_lr));
        TRY(rn_model_unfreeze(model, "*"));
    }
    if (s->epochs > 0)
        TRY(train_phase(trainer, s, s->phase != NULL ? s->phase : "all", s->epochs, s->lr));
    *accuracy = rn_trainer_best_accuracy(trainer);
out:
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_dataset_destroy(valid);
    rn_dataset_destroy(train);
    return status;
}

/* What is not given and depends on the rest. */
static void fill_defaults(settings *s)
{
    /*
     * SqueezeNet's head ends in a ReLU: the tutorial's rate of 1e-2 pushes all of its outputs below zero, where no
     * gradient comes back.
     */
    const double head_lr = s->arch != NULL && strncmp(s->arch, "squeezenet", 10) == 0 ? 1e-3 : 1e-2;

    if (s->frozen_lr == 0)
        s->frozen_lr = head_lr;
    if (s->lr == 0)
        s->lr = s->from_scratch ? 1e-3 : 1e-4;
    if (s->from_scratch)
        s->frozen_epochs = 0; /* nothing is worth keeping frozen */
}

/* PyTorch's transfer learning tutorial calls it val. Gives 0 if both are there: one of them is not meant. */
static int choose_validation(settings *s)
{
    char valid[PATH_SIZE], val[PATH_SIZE];

    snprintf(valid, sizeof valid, "%s/valid", s->data);
    snprintf(val, sizeof val, "%s/val", s->data);
    s->valid = access(val, F_OK) == 0 ? "val" : "valid";
    return access(valid, F_OK) != 0 || access(val, F_OK) != 0;
}

static int end(const args_program *program, const settings *s, rn_status status, const rn_context *context,
               const progress *shown, double accuracy)
{
    if (status != RN_OK && !machines_speak())
        return EXIT_FAILED;
    if (shown->terminal && status != RN_OK)
        printf("\n");
    if (status == RN_CANCELLED) {
        text_line(stderr, "%s: %s; the same command with --resume goes on from there", program->name,
                  rn_context_message(context));
        return EXIT_FAILED;
    }
    if (s->weights.other_names) {
        text_line(stderr, "%s: %s. Here: --new-head begins a fresh head, --rename FROM=TO", program->name,
                  rn_context_message(context));
        return EXIT_FAILED;
    }
    if (s->weights.other_classes) {
        text_line(stderr, "%s: %s; --new-head begins a fresh one, --ignore-class-table takes it as it is",
                  program->name, rn_context_message(context));
        return EXIT_FAILED;
    }
    if (status == RN_STATE && s->resume) {
        text_line(stderr,
                  "%s: %s. More of the same: a larger --epochs; at another rate: --phase NAME --lr X --epochs N trains "
                  "on in a phase of that name",
                  program->name, rn_context_message(context));
        return EXIT_FAILED;
    }
    if (status != RN_OK)
        return args_failed(program, status, context);
    text_line(args_report(s->json),
              "best validation accuracy %.4f: the network is %s/best.safetensors, the history %s/history.jsonl",
              accuracy, s->directory, s->directory);
    return 0;
}

int main(int argc, char **argv)
{
    settings s = { .directory = "run", .frozen_epochs = 20, .epochs = 20, .batch = 8, .lr_step = 7, .lr_gamma = 0.1 };
    const args_option options[] = {
        { "arch", ARGS_TEXT, &s.arch, "A", "network: resnet18, squeezenet1_0, cifar_resnet20, ..." },
        { "weights", ARGS_TEXT, &s.weights.path, "FILE", "pretrained weights: .pth, .pt, .safetensors" },
        { "from-scratch", ARGS_FLAG, &s.from_scratch, NULL, "random weights instead, and no frozen phase" },
        { "new-head", ARGS_FLAG, &s.new_head, NULL, "a fresh head even if the file's has the same number of classes" },
        { "prefix", ARGS_TEXT, &s.weights.prefix, "NAME", "which network, where the file of weights holds several" },
        { "rename", ARGS_TEXT, &s.weights.rename, "FROM=TO,...",
          "other beginnings of names in the file of weights; FROM alone leaves tensors out" },
        { "ignore-class-table", ARGS_FLAG, &s.weights.ignore_classes, NULL,
          "take the head of a file that names other classes" },
        { "labels", ARGS_TEXT, &s.labels, "FILE", "JSON object of names by folder, such as cat_to_name.json" },
        { "out", ARGS_TEXT, &s.directory, "DIR", "where best.safetensors, last.safetensors, history.jsonl go (run)" },
        { "frozen-epochs", ARGS_COUNT, &s.frozen_epochs, "N", "epochs with the backbone frozen (20)" },
        { "epochs", ARGS_COUNT, &s.epochs, "N", "epochs with everything trained, afterwards (20)" },
        { "frozen-lr", ARGS_NUMBER, &s.frozen_lr, "X", "rate of the frozen phase (1e-2; squeezenet 1e-3)" },
        { "lr", ARGS_NUMBER, &s.lr, "X", "rate of the phase after it (1e-4; from scratch 1e-3)" },
        { "lr-step", ARGS_COUNT, &s.lr_step, "N", "the rate is multiplied after this many epochs (7)" },
        { "lr-gamma", ARGS_NUMBER, &s.lr_gamma, "X", "by this (0.1)" },
        { "batch", ARGS_COUNT, &s.batch, "N", "photos in a batch (8)" },
        { "seed", ARGS_SEED, &s.seed, "N", "of the head, the order, the augmentation, dropout (0)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "slices", ARGS_COUNT, &s.slices, "N",
          "parts of a batch, added in a fixed order; the same on any number of processes (under mpirun 8)" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        { "memory", ARGS_BYTES, &s.memory, "SIZE",
          "what a step may take for maps, beside weights, gradients and optimizer, such as 700M (no limit)" },
        { "pipeline", ARGS_TEXT, &s.pipeline, "TEXT",
          "preprocessing, e.g. \"Resize(32), ToTensor()\" (the network's)" },
        { "training-pipeline", ARGS_TEXT, &s.training_pipeline, "TEXT", "the same for training photos" },
        { "measure-before", ARGS_FLAG, &s.measure_before, NULL, "also say how good the network is before training" },
        { "skip-bad-photos", ARGS_FLAG, &s.skip_bad_photos, NULL, "leave out photos that do not decode" },
        { "resume", ARGS_FLAG, &s.resume, NULL, "go on with what lies in DIR, for more epochs if more are asked for" },
        { "phase", ARGS_TEXT, &s.phase, "NAME",
          "with --resume: train everything on in a phase of its own, e.g. at another --lr" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object an epoch on standard output" },
    };
    const args_program program = {
        "finetune",
        "DATA --arch A --weights FILE [options]\nDATA --arch A --from-scratch [options]",
        "Trains a network on the photos in DATA/train/CLASS, watched on those in DATA/valid/CLASS (or DATA/val).",
        options,
        sizeof options / sizeof options[0],
    };
    progress shown = { 0 };
    rn_context *context = NULL;
    rn_status status;
    double accuracy = 0;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc != 2)
        return args_usage(&program,
                          argc < 2 ? "the folder of photos is missing" : "there can be one folder of photos only");
    if (s.arch == NULL || (s.weights.path != NULL) == (s.from_scratch != 0))
        return args_usage(&program, s.arch == NULL ? "--arch is missing" : "give either --weights or --from-scratch");
    if (s.phase != NULL && !s.resume)
        return args_usage(&program, "--phase goes with --resume");
    if (s.batch == 0 || s.lr_step == 0)
        return args_usage(&program, "--batch and --lr-step begin at 1");
    s.data = argv[1];
    fill_defaults(&s);
    if (s.frozen_epochs == 0 && s.epochs == 0)
        return args_usage(&program, "there is no epoch to train");
    if (!choose_validation(&s)) {
        text_line(stderr, "%s: %s has both valid and val: which one is meant? Rename the other", program.name, s.data);
        return EXIT_FAILED;
    }
    if (!machines_join(&s.collective, program.name))
        return EXIT_FAILED;
    s.json = s.json && machines_first();
    shown = (progress){ .json = s.json, .terminal = isatty(STDOUT_FILENO) && !s.json, .stop = &stop_asked };
    if (!args_context(&context, &program, s.threads, s.seed, s.precision))
        return machines_leave(args_end(&program, EXIT_FAILED));
    listen_to_signals();
    status = finetune(context, &s, &shown, &accuracy);
    answer = end(&program, &s, status, context, &shown, accuracy);
    rn_context_destroy(context);
    return machines_leave(args_end(&program, answer));
}
