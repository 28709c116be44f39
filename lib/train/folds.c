/* SPDX-License-Identifier: MIT */
/* Cross-validation: a trainer a fold, each over the same values to begin with. */
#include "train/train.h"

#include "base/file.h"
#include "base/options.h"
#include <math.h>
#include <resnet/cross_validation.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_cross_validation_options, losses);
RN_NO_TAIL_PADDING(rn_cross_validation, loss_spread);

enum { FOLDS = 5, MOST_FOLDS = 1 << 16 };

typedef struct folds {
    rn_model *model;
    rn_dataset *dataset;
    rn_cross_validation_options options;
    rn_trainer_options trainer;
    rn_tensor **values; /* to begin with */
    double *accuracy, *loss;
} folds;

static rn_status train_fold(folds *f, rn_dataset *train, rn_dataset *valid, int32_t fold)
{
    rn_trainer *trainer = NULL;
    rn_status status = rn_trainer_create(&trainer, f->model, train, valid, &f->trainer);

    if (status == RN_OK)
        status = f->options.train != NULL ? f->options.train(trainer, fold, f->options.payload)
                                          : rn_trainer_fit(trainer, f->options.fit);
    if (status == RN_OK && !trainer->state.best.exists)
        status = rn_fail(&f->model->context->message, RN_STATE, "no epoch of fold %d was trained", (int)fold + 1);
    if (status == RN_OK) {
        f->accuracy[fold] = trainer->state.best.accuracy;
        f->loss[fold] = trainer->state.best.loss;
    }
    rn_trainer_destroy(trainer);
    return status;
}

static rn_status run_fold(folds *f, int32_t fold)
{
    const rn_allocator *const allocator = &f->model->context->allocator;
    const char *const directory = f->trainer.directory;
    char name[32], *path = NULL;
    rn_dataset *train = NULL, *valid = NULL;
    rn_status status = rn_values_put_back(f->model, f->values);

    if (status == RN_OK)
        status = rn_dataset_split(
            &train, &valid, f->dataset,
            RN_OPTIONS(rn_dataset_split, .seed = f->options.seed, .folds = f->options.folds, .fold = fold));
    if (status == RN_OK && directory != NULL) {
        snprintf(name, sizeof name, "fold%d", (int)fold + 1);
        f->trainer.directory = path = rn_path_join(allocator, directory, name);
        if (path == NULL)
            status = rn_fail(&f->model->context->message, RN_NO_MEMORY, "no memory for the path of a fold");
    }
    if (status == RN_OK)
        status = train_fold(f, train, valid, fold);
    f->trainer.directory = directory;
    rn_release(allocator, path);
    rn_dataset_destroy(valid);
    rn_dataset_destroy(train);
    return status;
}

static double mean(const double *numbers, int32_t count)
{
    double sum = 0;

    for (int32_t i = 0; i < count; i++)
        sum += numbers[i];
    return sum / count;
}

static double spread(const double *numbers, int32_t count)
{
    const double middle = mean(numbers, count);
    double sum = 0;

    for (int32_t i = 0; i < count; i++)
        sum += (numbers[i] - middle) * (numbers[i] - middle);
    return sqrt(sum / count);
}

static rn_status run_all(rn_cross_validation *answer, folds *f)
{
    rn_message *const message = &f->model->context->message;
    const int32_t count = f->options.folds;
    rn_message reason;
    rn_status status = rn_values_keep(&f->values, f->model), back = status;

    for (int32_t fold = 0; fold < count && status == RN_OK; fold++)
        status = run_fold(f, fold);
    reason = *message;
    if (back == RN_OK)
        back = rn_values_put_back(f->model, f->values);
    if (status != RN_OK)
        *message = reason;
    rn_values_release(f->values, f->model);
    status = status != RN_OK ? status : back;
    if (status != RN_OK)
        return status;
    answer->accuracy = mean(f->accuracy, count);
    answer->accuracy_spread = spread(f->accuracy, count);
    answer->loss = mean(f->loss, count);
    answer->loss_spread = spread(f->loss, count);
    return RN_OK;
}

static rn_status read_options(folds *f, const rn_cross_validation_options *given, rn_message *message)
{
    rn_cross_validation_options *const o = &f->options;
    rn_status status = rn_options_read(o, sizeof *o, given, message);

    if (status == RN_OK)
        status = rn_options_reserved(o->reserved, "rn_cross_validate", message);
    if (status == RN_OK)
        status = rn_options_read(&f->trainer, sizeof f->trainer, o->trainer, message);
    if (status != RN_OK)
        return status;
    o->folds = o->folds != 0 ? o->folds : FOLDS;
    if (o->folds < 2 || o->folds > MOST_FOLDS || (o->train != NULL && o->fit != NULL))
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d folds, or `train` together with `fit`, make no sense",
                       (int)o->folds);
    return RN_OK;
}

rn_status rn_cross_validate(rn_cross_validation *answer, rn_model *model, rn_dataset *dataset,
                            const rn_cross_validation_options *options)
{
    folds f = { .model = model, .dataset = dataset };
    rn_cross_validation found = { 0 };
    const rn_allocator *allocator;
    double *numbers;
    rn_status status;

    if (answer == NULL || model == NULL || dataset == NULL)
        return rn_fail_null("rn_cross_validate", answer == NULL ? "answer" : model == NULL ? "model" : "dataset");
    if (answer->struct_size < sizeof answer->struct_size)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_cross_validate: struct_size is %zu",
                       answer->struct_size);
    status = read_options(&f, options, &model->context->message);
    if (status != RN_OK)
        return status;
    allocator = &model->context->allocator;
    numbers = rn_allocate_zeroed(allocator, (size_t)f.options.folds, 2 * sizeof *numbers);
    if (numbers == NULL)
        return rn_fail(&model->context->message, RN_NO_MEMORY, "no memory for the figures of the folds");
    f.accuracy = f.options.accuracies != NULL ? f.options.accuracies : numbers;
    f.loss = f.options.losses != NULL ? f.options.losses : numbers + f.options.folds;
    status = run_all(&found, &f);
    rn_release(allocator, numbers);
    found.struct_size = answer->struct_size;
    if (status == RN_OK)
        memcpy(answer, &found, found.struct_size < sizeof found ? found.struct_size : sizeof found);
    return status;
}
