/* SPDX-License-Identifier: MIT */
/*
 * finetune: a pretrained network learns the classes of one's own photos. First only the new head is trained, the
 * backbone frozen, then everything. Ctrl-C leaves a checkpoint from which --resume goes on.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"
#include "common/config.h"
#include "common/family.h"
#include "common/interrupt.h"
#include "common/language.h"
#include "common/machines.h"
#include "common/programs.h"
#include "common/terminal.h"
#include "finetune/choices.h"
#include "finetune/look.h"
#include "finetune/page.h"
#include "finetune/recipe.h"
#include "finetune/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

/* ---- the work -------------------------------------------------------------------------------------------------- */

static rn_status open_photos(rn_dataset **train, rn_dataset **valid, rn_context *context, settings *s)
{
    rn_status status;

    TRY(rn_image_folder_find_split(s->train, sizeof s->train, context, s->data, RN_SPLIT_TRAIN));
    TRY(rn_image_folder_open(train, context, s->train, NULL));
    if (s->labels != NULL)
        TRY(rn_dataset_load_labels(*train, s->labels));
    if (s->folds > 0)
        goto out;
    TRY(rn_image_folder_find_split(s->valid, sizeof s->valid, context, s->data, RN_SPLIT_VALID));
    TRY(rn_image_folder_open(valid, context, s->valid,
                             RN_OPTIONS(rn_image_folder, .classes = rn_dataset_classes(*train))));
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
    if (s->preset != NULL)
        TRY(rn_model_set_preset(*model, s->preset));
    if (s->pipeline != NULL)
        TRY(rn_model_set_pipeline(*model, s->pipeline));
    if (s->training_pipeline != NULL)
        TRY(rn_model_set_training_pipeline(*model, s->training_pipeline));
out:
    return status;
}

static rn_status train_phase(rn_trainer *trainer, const settings *s, progress *shown, size_t phase, double lr)
{
    const size_t groups = strcmp(shown->plan[phase].name, "frozen") != 0 ? (size_t)s->group_count : 0;

    progress_begin(shown, phase);
    return rn_trainer_fit(
        trainer,
        RN_OPTIONS(rn_fit, .phase = shown->plan[phase].name, .epochs = shown->plan[phase].epochs, .lr = lr,
                   .lr_step_epochs = s->lr_step < 0 ? 0 : s->lr_step, .lr_gamma = s->lr_gamma,
                   .weight_decay = s->weight_decay, .optimizer = choose_optimizer(s->optimizer)->number,
                   .schedule = choose_schedule(s->schedule)->number, .warmup = s->warmup,
                   .label_smoothing = s->label_smoothing, .clip_norm = s->clip_norm, .accumulate = s->accumulate,
                   .stop_patience = s->patience, .ema_decay = s->ema, .mixup = s->mixup, .cutmix = s->cutmix,
                   .groups = groups > 0 ? s->group : NULL, .group_count = groups));
}

/* What the network is worth before it is trained. */
static rn_status measure_before(rn_model *model, rn_dataset *valid, const settings *s)
{
    rn_evaluation before = { .struct_size = sizeof before };
    const rn_status status = rn_evaluate(
        &before, model, valid, RN_OPTIONS(rn_evaluate, .batch_size = s->batch, .bad_photos = s->skip_bad_photos));

    if (status == RN_OK)
        text_line(args_report(s->json), "before training: valid loss %.4f accuracy %.3f", before.loss, before.accuracy);
    return status;
}

/* The phases of the run; gives their number. */
static size_t make_plan(progress_phase plan[2], const settings *s)
{
    size_t count = 0;

    if (s->frozen_epochs > 0 && s->phase == NULL)
        plan[count++] = (progress_phase){ .name = "frozen", .epochs = s->frozen_epochs, .work = 1 };
    if (s->epochs > 0)
        plan[count++] = (progress_phase){ .name = s->phase != NULL ? s->phase : "all", .epochs = s->epochs, .work = 3 };
    return count;
}

static rn_status train(rn_trainer *trainer, rn_model *model, const settings *s, run_page *page)
{
    const int frozen = s->frozen_epochs > 0 && s->phase == NULL;
    progress *const shown = page->shown;
    rn_status status = RN_OK;

    page->trainer = trainer;
    if (frozen) {
        TRY(rn_model_freeze_backbone(model));
        TRY(train_phase(trainer, s, shown, 0, s->frozen_lr));
        TRY(rn_model_unfreeze(model, "*"));
    }
    if (s->epochs > 0)
        TRY(train_phase(trainer, s, shown, (size_t)frozen, s->lr));
    if (shown->epochs_done == 0)
        text_line(args_report(s->json), "nothing was left to train: the run has all of its epochs");
out:
    return status;
}

/* Leaves what the run was asked for beside what it makes; a phase of its own is no part of it. */
static rn_status keep_config(const args_program *program, const settings *s)
{
    static const char *const without[] = { "config", "resume", "json", "phase", NULL };

    if (s->phase != NULL || !machines_first() || config_write(program, s->directory, s->data, without))
        return RN_OK;
    return RN_IO;
}

typedef struct fold_job {
    const args_program *program;
    rn_model *model;
    const settings *settings;
    run_page *page;
} fold_job;

static rn_status train_fold(rn_trainer *trainer, int32_t fold, void *payload)
{
    const fold_job *const job = payload;
    rn_status status;

    if (fold == 0 && keep_config(job->program, job->settings) != RN_OK)
        return RN_IO;
    text_line(args_report(job->settings->json), "fold %d of %d", (int)fold + 1, (int)job->settings->folds);
    status = train(trainer, job->model, job->settings, job->page);
    if (status == RN_OK)
        page_end(job->page, job->model, NULL);
    return status;
}

/* Instead of one run, a run for each part of the photos, which is what it is validated on. */
static rn_status train_folds(double *accuracy, settings *s, rn_dataset *photos, fold_job *job,
                             const rn_trainer_options *options)
{
    rn_cross_validation found = { .struct_size = sizeof found };
    const rn_status status = rn_cross_validate(&found, job->model, photos,
                                               RN_OPTIONS(rn_cross_validation, .folds = s->folds, .seed = s->seed,
                                                          .train = train_fold, .payload = job, .trainer = options));

    *accuracy = found.accuracy;
    s->spread = found.accuracy_spread;
    return status;
}

static int finetune(const args_program *program, rn_context *context, settings *s, progress *shown)
{
    rn_dataset *photos = NULL, *valid = NULL;
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;
    run_page page = { .program = program, .settings = s, .shown = shown, .context = context };
    const rn_trainer_options *const options =
        RN_OPTIONS(rn_trainer, .directory = s->directory, .batch_size = s->batch, .resume = s->resume,
                   .progress = page_show, .progress_payload = &page, .bad_photos = s->skip_bad_photos,
                   .memory_limit = s->memory, .feature_memory = s->feature_memory, .feature_file = s->features,
                   .cache_size = s->cache, .cache_file = s->cache_file, .balanced = s->balanced, .slices = s->slices,
                   .views = s->views, .collective = s->collective);
    progress_phase plan[2];
    outlook o = { .context = context, .settings = s };
    double accuracy = NAN;
    rn_status status;
    int answer;

    TRY(open_photos(&photos, &valid, context, s));
    o.train = photos;
    o.valid = valid;
    TRY(make_model(&model, context, photos, s));
    o.model = model;
    TRY(say_start(&o));
    machines_say(args_report(s->json), s->slices);
    if (!s->skip_bad_photos) {
        TRY(look_at_photos(&o.bad, s->folds > 0 ? photos : valid, program)); /* an epoch would stumble over them */
        TRY(o.bad > 0 ? RN_FORMAT : RN_OK);
    }
    shown->plan = plan;
    shown->plan_count = make_plan(plan, s);
    if (s->folds > 0) {
        shown->valid_batches = ((int64_t)rn_dataset_count(photos) / s->folds + s->batch - 1) / s->batch;
        TRY(train_folds(&accuracy, s, photos, &(fold_job){ program, model, s, &page }, options));
        goto out;
    }
    shown->valid_batches = ((int64_t)rn_dataset_count(valid) + s->batch - 1) / s->batch;
    TRY(rn_trainer_create(&trainer, model, photos, valid, options));
    TRY(keep_config(program, s));
    if (s->measure_before)
        TRY(measure_before(model, valid, s));
    TRY(train(trainer, model, s, &page));
    page_end(&page, model, valid);
out:
    o.reported = s->folds == 0 && page.written != 0 && !page.failed;
    answer = say_end(program, s, status, &o, shown, trainer != NULL ? rn_trainer_best_accuracy(trainer) : accuracy);
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_dataset_destroy(valid);
    rn_dataset_destroy(photos);
    return answer;
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

/* What is wrong with the settings; NULL if nothing is. */
static const char *fault(const settings *s, int argc)
{
    if (s->data == NULL || argc > 2)
        return argc < 2 ? N_("the folder of photos is missing") : N_("there can be one folder of photos only");
    if (s->arch == NULL)
        return N_("--arch is missing");
    if ((s->weights.path != NULL) == (s->from_scratch != 0))
        return N_("give either --weights or --from-scratch");
    if (s->phase != NULL && !s->resume)
        return N_("--phase goes with --resume");
    if (s->batch == 0 || s->lr_step == 0)
        return N_("--batch and --lr-step begin at 1");
    if (choose_optimizer(s->optimizer) == NULL)
        return N_("--optimizer is adam, adamw, rmsprop or sgd");
    if (s->group_count < 0)
        return N_("--lr-group is PATTERN=X, or several of them with commas between, such as fc=1e-3");
    if (s->folds == 1 || (s->folds > 0 && (s->measure_before || s->phase != NULL)))
        return N_("--folds begins at 2, and does not go with --measure-before or --phase");
    if (choose_schedule(s->schedule) == NULL)
        return N_("--schedule is step, cosine, one-cycle, plateau or constant");
    return s->epochs == 0 && (s->frozen_epochs == 0 || s->from_scratch) ? N_("there is no epoch to train") : NULL;
}

static int run(const args_program *program, settings *s, progress *shown)
{
    rn_context *context = NULL;
    int answer;

    family_resolve(&s->arch, program->name);
    fill_defaults(s);
    if (!machines_join(&s->collective, program->name))
        return EXIT_FAILED;
    if (!machines_first())
        s->json = shown->json = shown->terminal = 0;
    if (!args_context(&context, program, s->threads, s->seed, s->precision))
        return EXIT_FAILED;
    interrupt_listen(_("\nstopping after this batch, and saving; once more ends at once\n"));
    answer = finetune(program, context, s, shown);
    rn_context_destroy(context);
    return answer;
}

/*
 * Reads all that is set: a recipe's settings first, over them the file's, over these the command line's. As args_read.
 */
static int read_settings(config **file, const args_program *program, settings *s, int *argc, char **argv)
{
    const char *const path = args_peek("config", *argc, argv), *const recipe = args_peek("recipe", *argc, argv);
    int answer;

    args_begin(argv);
    if (path != NULL && (*file = config_read(program, path)) == NULL)
        return EXIT_USAGE;
    if (!recipe_apply(program, recipe != NULL ? recipe : config_text(*file, "recipe")))
        return args_usage(program, "--recipe is tutorial or tuned");
    if (*file != NULL && (answer = config_apply(*file, program, &s->data)) >= 0)
        return answer;
    answer = args_read(program, argc, argv);
    if (answer < 0 && *argc == 2)
        s->data = argv[1];
    return answer;
}

int finetune_main(const char *name, int argc, char **argv)
{
    settings s = {
        .directory = "run", .recipe = "tutorial", .frozen_epochs = 20, .epochs = 20, .batch = 8, .lr_step = -1
    };
    progress shown = { 0 };
    const args_option options[] = {
        { "arch", ARGS_TEXT, &s.arch, "A", "network: resnet18, squeezenet1_0, vgg16, ..." },
        { "weights", ARGS_TEXT, &s.weights.path, "FILE", "pretrained weights: .pth, .pt, .safetensors" },
        { "labels", ARGS_TEXT, &s.labels, "FILE", "JSON of names by folder, as cat_to_name.json" },
        { "out", ARGS_TEXT, &s.directory, "DIR", "for best.safetensors, report.html, ... (run)" },
        { "recipe", ARGS_TEXT, &s.recipe, "NAME", "tutorial, or tuned: what follows as it was found best" },
        { "frozen-epochs", ARGS_COUNT, &s.frozen_epochs, "N", "epochs with the backbone frozen (20)" },
        { "epochs", ARGS_COUNT, &s.epochs, "N", "epochs with everything trained, afterwards (20)" },
        { "frozen-lr", ARGS_NUMBER, &s.frozen_lr, "X", "rate of the frozen phase (1e-2; squeezenet 1e-3)" },
        { "lr", ARGS_NUMBER, &s.lr, "X", "rate of the phase after it (1e-4; scratch 1e-3)" },
        { "batch", ARGS_COUNT, &s.batch, "N", "photos in a batch (8)" },
        { "skip-bad-photos", ARGS_FLAG, &s.skip_bad_photos, NULL, "leave out photos that do not decode" },
        { "resume", ARGS_FLAG, &s.resume, NULL, "go on with what lies in DIR, also for more epochs" },
        ARGS_MORE,
        { "from-scratch", ARGS_FLAG, &s.from_scratch, NULL, "random weights instead, and no frozen phase" },
        { "lr-step", ARGS_COUNT, &s.lr_step, "N", "the rate is multiplied after N epochs (7)" },
        { "lr-gamma", ARGS_NUMBER, &s.lr_gamma, "X", "by this (0.1)" },
        { "seed", ARGS_SEED, &s.seed, "N", "of head, order, augmentation, dropout (0)" },
        { "threads", ARGS_COUNT, &s.threads, "N", "threads (the CPUs that there are)" },
        { "json", ARGS_FLAG, &s.json, NULL, "JSON lines on standard output: start, epoch, end" },
        { "new-head", ARGS_FLAG, &s.new_head, NULL, "a fresh head even if the file's would fit" },
        { "prefix", ARGS_TEXT, &s.weights.prefix, "NAME", "which network of the file, where it holds several" },
        { "rename", ARGS_TEXT, &s.weights.rename, "FROM=TO,...", "other names for the file's; FROM alone leaves out" },
        { "ignore-class-table", ARGS_FLAG, &s.weights.ignore_classes, NULL,
          "take the head of a file of other classes" },
        { "precision", ARGS_PRECISION, &s.precision, "P", "fp32 or, where the CPU multiplies it, bf16 (fp32)" },
        { "memory", ARGS_BYTES, &s.memory, "SIZE", "limit for the maps of a step, such as 700M (none)" },
        { "slices", ARGS_COUNT, &s.slices, "N", "parts of a batch, for any number of processes (mpirun: 8)" },
        { "views", ARGS_COUNT, &s.views, "N", "random ways to see a photo, kept as features (new ones)" },
        { "feature-memory", ARGS_BYTES, &s.feature_memory, "SIZE", "for features of the frozen part; 1: none (256M)" },
        { "features", ARGS_TEXT, &s.features, "FILE", "keep those on disk, for other runs as well (no)" },
        { "cache", ARGS_BYTES, &s.cache, "SIZE", "for decoded and resized photos, kept in memory (none)" },
        { "cache-file", ARGS_TEXT, &s.cache_file, "FILE", "or in FILE, also for later runs (4G at most)" },
        { "balanced", ARGS_FLAG, &s.balanced, NULL, "draw training photos so that classes are as frequent" },
        { "optimizer", ARGS_TEXT, &s.optimizer, "NAME", "adam, adamw, rmsprop or sgd (adam)" },
        { "schedule", ARGS_TEXT, &s.schedule, "NAME", "step, cosine, one-cycle, plateau or constant (step)" },
        { "warmup", ARGS_COUNT, &s.warmup, "N", "epochs in which the rate rises, before (none)" },
        { "weight-decay", ARGS_LIMIT, &s.weight_decay, "X", "as PyTorch's optimizers have it (adamw: 1e-2)" },
        { "label-smoothing", ARGS_LIMIT, &s.label_smoothing, "X", "of the training's loss (0)" },
        { "clip-norm", ARGS_LIMIT, &s.clip_norm, "X", "the most that gradients may be long (no limit)" },
        { "accumulate", ARGS_COUNT, &s.accumulate, "N", "batches that make one step (1)" },
        { "lr-group", ARGS_TEXT, &s.lr_groups, "PATTERN=X,...",
          "rates of parts behind the frozen phase; one: the rest has --lr" },
        { "mixup", ARGS_LIMIT, &s.mixup, "X", "alpha of MixUp, such as 0.2 (no)" },
        { "cutmix", ARGS_LIMIT, &s.cutmix, "X", "alpha of CutMix, such as 1; with --mixup one of both (no)" },
        { "ema", ARGS_LIMIT, &s.ema, "X", "average the weights with this decay, such as 0.99 (no)" },
        { "patience", ARGS_COUNT, &s.patience, "N", "a phase ends after N epochs without a lower loss" },
        { "preset", ARGS_TEXT, &s.preset, "NAME", "both pipelines: tutorial, reference, light, strong, none" },
        { "pipeline", ARGS_TEXT, &s.pipeline, "TEXT", "preprocessing: \"Resize(32), ToTensor()\"" },
        { "training-pipeline", ARGS_TEXT, &s.training_pipeline, "TEXT", "the same for training photos" },
        { "folds", ARGS_COUNT, &s.folds, "K", "cross-validate: K runs DIR/fold1, ... over DATA/train (none)" },
        { "config", ARGS_TEXT, &s.config, "FILE", "JSON of options, such as DIR/config.json of another run" },
        { "no-report", ARGS_FLAG, &s.no_report, NULL, "leave DIR/report.html, the page about the run, out" },
        { "measure-before", ARGS_FLAG, &s.measure_before, NULL, "say how good the network is before training" },
        { "phase", ARGS_TEXT, &s.phase, "NAME", "with --resume: train all on in a phase of its own" },
    };
    const args_program program = {
        .name = name,
        .usage =
            "DATA --arch A --weights FILE [options]\nDATA --arch A --from-scratch [options]\n--config FILE [options]",
        .about = N_("Trains a network on the photos in DATA/train/CLASS, watched on those in\n"
                    "DATA/valid/CLASS (or val): first a new head, then everything. Ctrl-C saves,\n"
                    "--resume goes on. Exit status: 0; 1 failure; 2 wrong usage; 130 (Ctrl-C) and\n"
                    "143 (SIGTERM) stopped and saved."),
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .line_open = &shown.line_open,
    };
    char *const command = args_command(name, argc, argv, "--resume");
    config *file = NULL;
    const char *wrong;
    int answer = read_settings(&file, &program, &s, &argc, argv);

    if (answer < 0) {
        s.group_count = choose_groups(s.group, s.lr_pieces, sizeof s.lr_pieces, s.lr_groups);
        wrong = fault(&s, argc);
        s.command = command != NULL ? command : _("the same command with --resume");
        shown.report = args_report(s.json);
        shown.json = s.json;
        shown.terminal = terminal_moves(stdout) && !s.json;
        shown.resumed = s.resume;
        answer =
            machines_leave(args_end(&program, wrong != NULL ? args_usage(&program, wrong) : run(&program, &s, &shown)));
    }
    config_free(file);
    free(command);
    return answer;
}

#ifndef RESNET_ONE_PROGRAM
int main(int argc, char **argv)
{
    return finetune_main("finetune", argc, argv);
}
#endif
