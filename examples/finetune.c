/* SPDX-License-Identifier: MIT */
/*
 * finetune: a pretrained network learns the classes of one's own photos. First only the new head is trained, the
 * backbone frozen, then everything. Ctrl-C leaves a checkpoint from which --resume goes on.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

typedef struct settings {
    const char *data, *arch, *weights, *labels, *directory, *pipeline, *training_pipeline;
    double frozen_lr, lr, lr_gamma;
    uint64_t seed;
    int32_t frozen_epochs, epochs, lr_step, batch, threads;
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

/* ---- progress -------------------------------------------------------------------------------------------------- */

typedef struct display {
    int json, terminal;
    const char *phase;  /* the one shown last */
    double epoch_began; /* in seconds of its fit */
} display;

static void print_json(const rn_progress *p, double seconds)
{
    const struct {
        const char *name;
        double value;
    } fields[] = {
        { "epoch", p->epoch },
        { "train_loss", p->loss },
        { "train_accuracy", p->accuracy },
        { "valid_loss", p->valid_loss },
        { "valid_accuracy", p->valid_accuracy },
        { "lr", p->lr },
        { "seconds", seconds },
        { "images_per_second", p->images_per_second },
    };

    printf("{\"phase\": ");
    text_json_string(stdout, p->phase);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        printf(", \"%s\": ", fields[i].name);
        text_json_number(stdout, fields[i].value);
    }
    printf("}\n");
}

static int32_t show_progress(const rn_progress *p, void *payload)
{
    display *shown = payload;
    double seconds;

    if (p->phase != shown->phase) {
        shown->phase = p->phase;
        shown->epoch_began = 0;
    }
    if (!p->epoch_ended) {
        if (shown->terminal)
            printf("\r%s %d/%d  batch %lld/%lld  loss %.4f  accuracy %.3f  %.1f images/s\033[K", p->phase, p->epoch + 1,
                   p->epochs, (long long)p->batch, (long long)p->batches, p->loss, p->accuracy, p->images_per_second);
        fflush(stdout);
        return stop_asked;
    }
    seconds = p->elapsed - shown->epoch_began;
    shown->epoch_began = p->elapsed;
    if (shown->json)
        print_json(p, seconds);
    else
        printf("%s%s %d/%d  train loss %.4f accuracy %.3f  valid loss %.4f accuracy %.3f%s  lr %g  %.1f s  %.1f "
               "images/s\n",
               shown->terminal ? "\r\033[K" : "", p->phase, p->epoch + 1, p->epochs, p->loss, p->accuracy,
               p->valid_loss, p->valid_accuracy, p->is_best ? " (best)" : "", p->lr, seconds, p->images_per_second);
    fflush(stdout);
    return stop_asked;
}

/* ---- the work -------------------------------------------------------------------------------------------------- */

static rn_status open_photos(rn_dataset **train, rn_dataset **valid, rn_context *context, const settings *s)
{
    char path[4096];
    rn_status status;

    snprintf(path, sizeof path, "%s/train", s->data);
    TRY(rn_image_folder_open(train, context, path, NULL));
    if (s->labels != NULL)
        TRY(rn_dataset_load_labels(*train, s->labels));
    snprintf(path, sizeof path, "%s/valid", s->data);
    status =
        rn_image_folder_open(valid, context, path, RN_OPTIONS(rn_image_folder, .classes = rn_dataset_classes(*train)));
out:
    return status;
}

static rn_status make_model(rn_model **model, rn_context *context, const rn_dataset *train, const settings *s)
{
    rn_status status;

    TRY(rn_model_create(model, context, s->arch, RN_OPTIONS(rn_model, .classes = rn_dataset_classes(train))));
    if (s->weights != NULL)
        TRY(rn_model_load(*model, s->weights,
                          RN_OPTIONS(rn_load, .head = s->new_head ? RN_HEAD_SKIP : RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
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
        fprintf(s->json ? stderr : stdout, "before training: valid loss %.4f accuracy %.3f\n", before.loss,
                before.accuracy);
    return status;
}

static rn_status finetune(rn_context *context, const settings *s, display *shown, double *accuracy)
{
    rn_dataset *train = NULL, *valid = NULL;
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;
    rn_status status;

    TRY(open_photos(&train, &valid, context, s));
    TRY(make_model(&model, context, train, s));
    TRY(rn_trainer_create(&trainer, model, train, valid,
                          RN_OPTIONS(rn_trainer, .directory = s->directory, .batch_size = s->batch, .resume = s->resume,
                                     .progress = show_progress, .progress_payload = shown,
                                     .bad_photos = s->skip_bad_photos)));
    if (s->measure_before)
        TRY(measure_before(model, valid, s));
    if (s->frozen_epochs > 0) {
        TRY(rn_model_freeze_backbone(model));
        TRY(train_phase(trainer, s, "frozen", s->frozen_epochs, s->frozen_lr));
        TRY(rn_model_unfreeze(model, "*"));
    }
    if (s->epochs > 0)
        TRY(train_phase(trainer, s, "all", s->epochs, s->lr));
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

static int end(const args_program *program, const settings *s, rn_status status, const rn_context *context,
               const display *shown, double accuracy)
{
    FILE *stream = s->json ? stderr : stdout;

    if (shown->terminal && status != RN_OK)
        printf("\n");
    if (status == RN_CANCELLED) {
        fprintf(stderr, "%s: %s; the same command with --resume goes on from there\n", program->name,
                rn_context_message(context));
        return EXIT_FAILED;
    }
    if (status != RN_OK)
        return args_failed(program, status, context);
    fprintf(stream, "best validation accuracy %.4f: the network is %s/best.safetensors, the history %s/history.jsonl\n",
            accuracy, s->directory, s->directory);
    return 0;
}

int main(int argc, char **argv)
{
    settings s = { .directory = "run", .frozen_epochs = 20, .epochs = 20, .batch = 8, .lr_step = 7, .lr_gamma = 0.1 };
    const args_option options[] = {
        { "arch", ARGS_TEXT, &s.arch, "A", "network: resnet18, squeezenet1_0, cifar_resnet20, ..." },
        { "weights", ARGS_TEXT, &s.weights, "FILE", "pretrained weights: .pth, .pt, .safetensors" },
        { "from-scratch", ARGS_FLAG, &s.from_scratch, NULL, "random weights instead, and no frozen phase" },
        { "new-head", ARGS_FLAG, &s.new_head, NULL, "a fresh head even if the file's has the same number of classes" },
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
        { "pipeline", ARGS_TEXT, &s.pipeline, "TEXT",
          "preprocessing, e.g. \"Resize(32), ToTensor()\" (the network's)" },
        { "training-pipeline", ARGS_TEXT, &s.training_pipeline, "TEXT", "the same for training photos" },
        { "measure-before", ARGS_FLAG, &s.measure_before, NULL, "also say how good the network is before training" },
        { "skip-bad-photos", ARGS_FLAG, &s.skip_bad_photos, NULL, "leave out photos that do not decode" },
        { "resume", ARGS_FLAG, &s.resume, NULL, "go on with what lies in DIR" },
        { "json", ARGS_FLAG, &s.json, NULL, "one JSON object an epoch on standard output" },
    };
    const args_program program = {
        "finetune",
        "DATA --arch A --weights FILE [options]\nDATA --arch A --from-scratch [options]",
        "Trains a network on the photos in DATA/train/CLASS, watched on those in DATA/valid/CLASS.",
        options,
        sizeof options / sizeof options[0],
    };
    display shown = { 0 };
    rn_context *context = NULL;
    rn_status status;
    double accuracy = 0;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc != 2)
        return args_usage(&program,
                          argc < 2 ? "the folder of photos is missing" : "there can be one folder of photos only");
    if (s.arch == NULL || (s.weights != NULL) == (s.from_scratch != 0))
        return args_usage(&program, s.arch == NULL ? "--arch is missing" : "give either --weights or --from-scratch");
    if (s.batch == 0 || s.lr_step == 0)
        return args_usage(&program, "--batch and --lr-step begin at 1");
    s.data = argv[1];
    fill_defaults(&s);
    if (s.frozen_epochs == 0 && s.epochs == 0)
        return args_usage(&program, "there is no epoch to train");
    shown = (display){ .json = s.json, .terminal = isatty(STDOUT_FILENO) && !s.json };
    status = rn_context_create(&context, RN_OPTIONS(rn_context, .threads = s.threads, .seed = s.seed, .log = args_log,
                                                    .log_payload = (void *)&program));
    if (status == RN_OK) {
        listen_to_signals();
        status = finetune(context, &s, &shown, &accuracy);
    }
    answer = end(&program, &s, status, context, &shown, accuracy);
    rn_context_destroy(context);
    return answer;
}
