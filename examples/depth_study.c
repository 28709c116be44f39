/* SPDX-License-Identifier: MIT */
/*
 * depth_study: what shortcuts are for, after section 4.2 of the ResNet paper (arXiv:1512.03385). Plain and residual
 * networks of two depths learn the same photos by the same recipe: the deeper plain network ends with the larger error,
 * in training, too; the deeper residual one does not.
 *
 * The recipe is the paper's: SGD with momentum 0.9 and weight decay 1e-4, batches of 128, rate 0.1, a tenth of it from
 * one half of the epochs on and a hundredth from three quarters on; the paper began at 0.01 with 110 layers only. It
 * also padded training photos by 4 pixels and cut 32 x 32 out at random; here they are mirrored at random, which is the
 * training pipeline of these networks in the zoo.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"
#include "study/choice.h"
#include "study/figure.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

enum { PATH_SIZE = 4096, RECIPE_SIZE = 256, PHASES = 3 };

static const double momentum = 0.9, weight_decay = 1e-4;

typedef struct settings {
    const char *data, *networks, *directory, *test;
    double lr;
    uint64_t seed;
    int32_t epochs, limit, test_limit, batch, threads;
    int resume;
} settings;

typedef struct study {
    const settings *settings;
    char recipe[RECIPE_SIZE];
    size_t count;
    curve *now;         /* the one that is being trained */
    const char *phase;  /* of the last epoch */
    double epoch_began; /* in seconds of its fit */
    int figure_error;   /* the errno of a figure that could not be written */
    curve curves[CURVE_NETWORKS];
} study;

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

/* ---- what is shown ---------------------------------------------------------------------------------------------- */

/* A reader of study.svg finds the old figure or the new one, never half of one. */
static int write_figure(const study *s)
{
    char path[PATH_SIZE], fresh[PATH_SIZE + 8];
    FILE *file;
    int written;

    snprintf(path, sizeof path, "%s/study.svg", s->settings->directory);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    file = fopen(fresh, "w");
    if (file == NULL)
        return 0;
    figure_draw(file, s->curves, s->count, s->settings->epochs, s->recipe);
    written = !ferror(file);
    written = fclose(file) == 0 && written && rename(fresh, path) == 0;
    if (!written)
        remove(fresh);
    return written;
}

/* The trainer's history is the only memory: what an earlier process did is shown like what this one does. */
static int show(study *s)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s/history.jsonl", s->settings->directory, s->now->network);
    curve_read(s->now, path);
    return write_figure(s);
}

static int32_t epoch_ended(study *s, const rn_progress *p)
{
    const size_t before = s->now->count;
    const int shown = show(s);

    if (!shown)
        s->figure_error = errno != 0 ? errno : EIO;
    if (s->now->count > before)
        s->now->points[s->now->count - 1].seconds = p->elapsed - s->epoch_began;
    s->epoch_began = p->elapsed;
    curve_print(s->now, stdout);
    return shown && !stop_asked ? RN_FIT_GO_ON : RN_FIT_CANCEL;
}

static int32_t progress(const rn_progress *p, void *payload)
{
    study *s = payload;

    if (p->phase != s->phase) {
        s->phase = p->phase;
        s->epoch_began = 0;
    }
    if (p->epoch_ended)
        return epoch_ended(s, p);
    return stop_asked ? RN_FIT_CANCEL : RN_FIT_GO_ON;
}

static void say_photos(const rn_dataset *train, const rn_dataset *test, const settings *s)
{
    text_line(stderr, "photos: %zu classes; %zu photos for training in %s/train, %zu to test in %s/%s",
              rn_classes_count(rn_dataset_classes(train)), rn_dataset_count(train), s->data, rn_dataset_count(test),
              s->data, s->test);
}

/* ---- the work --------------------------------------------------------------------------------------------------- */

/* The first epoch of each phase, from 0, and where the last one ends; rounded up, so that the first is never empty. */
static int32_t phase_begin(int32_t phase, int32_t epochs)
{
    const int32_t quarters[PHASES + 1] = { 0, 2, 3, 4 };

    return (epochs * quarters[phase] + 3) / 4;
}

static void describe_recipe(study *s)
{
    const settings *set = s->settings;

    snprintf(s->recipe, sizeof s->recipe,
             "SGD, momentum %g, weight decay %g, rate %g, a tenth of it after %d of %d epochs, a hundredth after %d, "
             "batches of %d; photos mirrored at random",
             momentum, weight_decay, set->lr, (int)phase_begin(1, set->epochs), (int)set->epochs,
             (int)phase_begin(2, set->epochs), (int)set->batch);
}

/*
 * A phase is a fit of its own, whose momentum starts from zero, which a few steps make good. The paper measures what
 * training ends with, not the best epoch: last weights are kept.
 */
static rn_status fit(rn_trainer *trainer, const settings *s)
{
    static const char *const names[PHASES] = { "first", "second", "third" };
    double lr = s->lr;
    rn_status status = RN_OK;

    for (int32_t i = 0; i < PHASES && status == RN_OK; i++, lr /= 10) {
        const int32_t epochs = phase_begin(i + 1, s->epochs) - phase_begin(i, s->epochs);

        if (epochs > 0)
            status = rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = names[i], .epochs = epochs, .lr = lr,
                                                        .lr_step_epochs = CURVE_EPOCHS, .momentum = momentum,
                                                        .weight_decay = weight_decay, .optimizer = RN_OPTIMIZER_SGD));
    }
    return status;
}

static rn_status train_network(study *s, rn_context *context, rn_dataset *train, rn_dataset *test)
{
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;
    char directory[PATH_SIZE];
    rn_status status;

    snprintf(directory, sizeof directory, "%s/%s", s->settings->directory, s->now->network);
    TRY(rn_model_create(&model, context, s->now->network, RN_OPTIONS(rn_model, .classes = rn_dataset_classes(train))));
    TRY(rn_trainer_create(&trainer, model, train, test,
                          RN_OPTIONS(rn_trainer, .directory = directory, .batch_size = s->settings->batch,
                                     .resume = s->settings->resume, .progress = progress, .progress_payload = s,
                                     .keep_last = 1)));
    text_line(stderr, "network: %s, %lld parameters", s->now->network,
              (long long)rn_parameters_elements(rn_model_parameters(model), 0));
    s->phase = NULL;
    if (!show(s)) {
        s->figure_error = errno != 0 ? errno : EIO;
        status = RN_IO;
        goto out;
    }
    curve_print(s->now, stdout);
    TRY(fit(trainer, s->settings));
out:
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    return status;
}

static rn_status run_study(study *s, rn_context *context)
{
    const settings *set = s->settings;
    rn_dataset *train = NULL, *test = NULL;
    char path[PATH_SIZE];
    rn_status status;

    snprintf(path, sizeof path, "%s/train", set->data);
    TRY(choice_open(&train, context, path, NULL, set->limit));
    snprintf(path, sizeof path, "%s/%s", set->data, set->test);
    TRY(choice_open(&test, context, path, rn_dataset_classes(train), set->test_limit));
    say_photos(train, test, set);
    text_line(stderr, "training: %s", s->recipe);
    for (size_t i = 0; i < s->count; i++) {
        s->now = &s->curves[i];
        TRY(train_network(s, context, train, test));
    }
out:
    rn_dataset_destroy(test);
    rn_dataset_destroy(train);
    return status;
}

/* ---- the command line ------------------------------------------------------------------------------------------- */

/* Takes the names between commas; gives NULL, or what is wrong with them. */
static const char *read_networks(study *s, const char *names)
{
    while (1) {
        const size_t length = strcspn(names, ",");
        char name[sizeof s->curves[0].network];

        if (s->count == CURVE_NETWORKS)
            return "--networks takes eight at most";
        snprintf(name, sizeof name, "%.*s", length < sizeof name ? (int)length : 0, names);
        if (!curve_name(&s->curves[s->count], name))
            return "--networks takes names such as cifar_plain20,cifar_resnet110; the program networks lists them";
        for (size_t i = 0; i < s->count; i++)
            if (strcmp(s->curves[i].network, name) == 0)
                return "--networks names one twice";
        s->count++;
        if (names[length] == '\0')
            return NULL;
        names += length + 1;
    }
}

/* CIFAR-10 has test; a folder made for the other programs has valid or val. */
static const char *choose_test(const char *data)
{
    static const char *const names[] = { "test", "valid", "val" };
    char path[PATH_SIZE];

    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", data, names[i]);
        if (access(path, F_OK) == 0)
            return names[i];
    }
    return names[0];
}

static int end(const args_program *program, const study *s, rn_status status, const rn_context *context)
{
    const char *directory = s->settings->directory;

    if (s->figure_error != 0) {
        text_line(stderr, "%s: %s/study.svg: %s", program->name, directory, strerror(s->figure_error));
        return EXIT_FAILED;
    }
    if (status == RN_CANCELLED) {
        text_line(stderr, "%s: %s, %s; the same command with --resume goes on from there", program->name,
                  s->now->network, rn_context_message(context));
        return EXIT_FAILED;
    }
    if (status != RN_OK)
        return args_failed(program, status, context);
    text_line(stderr, "the figure is %s/study.svg", directory);
    return 0;
}

static int run(const args_program *program, study *s)
{
    const settings *set = s->settings;
    rn_context *context = NULL;
    int answer;

    if (mkdir(set->directory, 0777) != 0 && errno != EEXIST) {
        text_line(stderr, "%s: %s: %s", program->name, set->directory, strerror(errno));
        return EXIT_FAILED;
    }
    if (!args_context(&context, program, set->threads, set->seed, RN_PRECISION_DEFAULT))
        return EXIT_FAILED;
    listen_to_signals();
    answer = end(program, s, run_study(s, context), context);
    rn_context_destroy(context);
    return answer;
}

int main(int argc, char **argv)
{
    settings set = { .networks = "cifar_plain20,cifar_plain56,cifar_resnet20,cifar_resnet56",
                     .directory = "study",
                     .lr = 0.1,
                     .epochs = 164,
                     .batch = 128 };
    const args_option options[] = {
        { "networks", ARGS_TEXT, &set.networks, "A,B",
          "which ones (cifar_plain20,cifar_plain56,cifar_resnet20,cifar_resnet56)" },
        { "epochs", ARGS_COUNT, &set.epochs, "N", "epochs of each network (164, the paper's 64,000 steps)" },
        { "limit", ARGS_COUNT, &set.limit, "N", "train on the first N photos of each class (all)" },
        { "test-limit", ARGS_COUNT, &set.test_limit, "N", "test on the first N photos of each class (all)" },
        { "out", ARGS_TEXT, &set.directory, "DIR", "where study.svg and a directory for each network go (study)" },
        { "resume", ARGS_FLAG, &set.resume, NULL, "go on with what lies in DIR" },
        { "lr", ARGS_NUMBER, &set.lr, "X", "rate of the first half of the epochs (0.1)" },
        { "batch", ARGS_COUNT, &set.batch, "N", "photos in a batch (128)" },
        { "seed", ARGS_SEED, &set.seed, "N", "of the weights, the order and the augmentation (0)" },
        { "threads", ARGS_COUNT, &set.threads, "N", "threads (the CPUs that there are)" },
    };
    const args_program program = {
        .name = "depth_study",
        .usage = "DATA [options]",
        .about =
            "Trains plain and residual networks of several depths from scratch by the same recipe, on the 32 x 32 "
            "photos "
            "in\n"
            "DATA/train/CLASS, and tests them on those in DATA/test/CLASS (or valid, or val) after each epoch: a JSON "
            "object\n"
            "an epoch on standard output, and the ResNet paper's figure 6 in DIR/study.svg.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    const char *wrong;
    study *s;
    int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc != 2)
        return args_usage(&program,
                          argc < 2 ? "the folder of photos is missing" : "there can be one folder of photos only");
    if (set.epochs < 1 || set.epochs > CURVE_EPOCHS || set.batch == 0)
        return args_usage(&program, set.batch == 0 ? "--batch begins at 1" : "--epochs is 1 to 1000");
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return args_failed(&program, RN_NO_MEMORY, NULL);
    set.data = argv[1];
    set.test = choose_test(set.data);
    s->settings = &set;
    describe_recipe(s);
    wrong = read_networks(s, set.networks);
    answer = wrong != NULL ? args_usage(&program, wrong) : run(&program, s);
    free(s);
    return args_end(&program, answer);
}
