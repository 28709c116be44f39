/* SPDX-License-Identifier: MIT */
/* The page of a trainer's run. */
#include "base/file.h"
#include "base/options.h"
#include "data/loader.h"
#include "train/train.h"
#include <resnet/report.h>

/* Of what the model answers to the validation photos. */
static rn_status evaluate(rn_evaluation_result **result, const rn_trainer *trainer)
{
    rn_evaluation answer = { .struct_size = sizeof answer };

    return rn_evaluate(&answer, trainer->model, trainer->valid->dataset,
                       RN_OPTIONS(rn_evaluate, .result = result, .batch_size = trainer->options.batch_size,
                                  .bad_photos = trainer->options.bad_photos));
}

static rn_status write_page(rn_trainer *trainer, const char *path, rn_report_options *options)
{
    rn_evaluation_result *result = NULL;
    rn_status status = RN_OK;

    if (options->directory == NULL)
        options->directory = trainer->directory;
    if (options->model == NULL)
        options->model = trainer->model;
    if (options->evaluation == NULL && !trainer->calling)
        status = evaluate(&result, trainer);
    if (result != NULL)
        options->evaluation = result;
    if (status == RN_OK)
        status = rn_report_write(trainer->context, path, options);
    rn_evaluation_result_destroy(result);
    return status;
}

rn_status rn_trainer_write_report(rn_trainer *trainer, const char *path, const rn_report_options *given)
{
    rn_report_options options;
    char *beside = NULL;
    rn_message *message;
    rn_status status;

    if (trainer == NULL)
        return rn_fail_null("rn_trainer_write_report", "trainer");
    message = &trainer->context->message;
    status = rn_options_read(&options, sizeof options, given, message);
    if (status != RN_OK || !rn_team_leads(&trainer->team))
        return status;
    if (path != NULL)
        return write_page(trainer, path, &options);
    if (trainer->directory == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "rn_trainer_write_report: path is NULL, and the trainer has no directory");
    beside = rn_path_join(&trainer->context->allocator, trainer->directory, "report.html");
    if (beside == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for the path of a report in %s", trainer->directory);
    status = write_page(trainer, beside, &options);
    rn_release(&trainer->context->allocator, beside);
    return status;
}
