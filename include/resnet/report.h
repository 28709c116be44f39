/* SPDX-License-Identifier: MIT */
/*
 * Reports: what a run and an evaluation came to, as one HTML file for a browser. It needs no network and no other file,
 * prints, is light or dark as the reader's system is, and reads on a phone and by a screen reader.
 *
 *   rn_evaluate(&answer, model, valid, RN_OPTIONS(rn_evaluate, .result = &result));
 *   rn_report_write(context, "run/report.html",
 *                   RN_OPTIONS(rn_report, .directory = "run", .model = model, .evaluation = result));
 *
 * A trainer's needs one call, at the end of the run or, each time that an epoch has ended, from the progress callback
 * (trainer.h): the page says how far the run is, and is replaced as a whole, so that a browser never sees half of it.
 *
 *   rn_trainer_write_report(trainer, NULL, NULL);
 *
 * Names of classes and files are shown as text whatever bytes they hold: characters that a page would obey are escaped,
 * those that a reader should not obey (control characters, changes of writing direction) and bytes that are not UTF-8
 * become '?', and names are cut at 80 characters.
 *
 * Thread safety: a call works in its context, and reads the model and the result.
 */
#ifndef RESNET_REPORT_H
#define RESNET_REPORT_H

#include <resnet/evaluation.h>
#include <resnet/model.h>
#include <resnet/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_report_options {
    size_t struct_size;
    const char *title;     /* NULL: "Training report" */
    const char *directory; /* of a run: curves from its history.jsonl, settings and how far it is from its
                               last.safetensors, seconds and rates from its times.jsonl, as far as they are there. A
                               loop of one's own that writes lines like the trainer's (below) has its curves, too */
    const rn_model *model; /* its summary, preprocessing and names of classes */
    const rn_evaluation_result *evaluation; /* scores, confusions, photos */
    size_t picture_bytes; /* how much of the file pictures may take; 0: 1,048,576. Those that do not fit are left out,
                               and the page says how many */
    int32_t mistakes;     /* photos that it was most surely wrong about, at most 1000; 0: 24; -1: none */
    int32_t photos;       /* photos of the grid, evenly from the whole dataset, at most 1000; 0: 24; -1: none */
} rn_report_options;

/*
 * Writes a report of what it is given. A section whose source is not given is left out.
 *
 * history.jsonl is one JSON object a line: "phase" (text), "epoch" (from 1; from 0 where an older version wrote it),
 * and any of "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "lr"; "best": 1 marks the best so far.
 * times.jsonl has lines with "phase", "epoch", "seconds", "loading_seconds", "images_per_second". config.json, if a
 * program left one there, is an object of the options that it was given: "epochs": 20 and so on, shown as they are, the
 * first 200 of them.
 *
 * Apart from pictures the page stays below 4 MiB, whatever the names (a thousand classes and ten thousand confusions
 * take 0.7): of more than 400 epochs it shows every 2nd, 3rd, ... and the best, of more than 1000 classes the 1000 with
 * the lowest F1, of more than 20,000 cells of the confusion matrix the 20,000 with the most photos, of more than 1000
 * layers or 100 phases the first, each time saying so.
 *
 * RN_INVALID_ARGUMENT: neither directory nor model nor evaluation is given, or a number is out of range. RN_SHAPE: the
 * model and the evaluation have another number of classes. RN_IO: the directory has neither history.jsonl nor
 * last.safetensors, or the page cannot be written. RN_FORMAT: one of the files is damaged (a line is named). A photo
 * that no longer decodes is said to be so in its place. RN_NO_MEMORY.
 */
RN_API rn_status rn_report_write(rn_context *context, const char *path, const rn_report_options *options);

/*
 * The report of a trainer's run: rn_report_write with the trainer's directory and model, and an evaluation of that
 * model over the validation photos, in the trainer's batches and the context's precision, which costs a validation
 * more. What `options` (NULL is fine) name is taken instead. `path` NULL: report.html in the directory. From the
 * progress callback, in the middle of the training, the evaluation is left out unless options have one. Of several
 * processes the first writes; the others answer RN_OK.
 *
 * RN_INVALID_ARGUMENT: the trainer is NULL, or has no directory and no path is given. Else as rn_report_write (RN_IO
 * before the first epoch has ended) and rn_evaluate.
 */
RN_API rn_status rn_trainer_write_report(rn_trainer *trainer, const char *path, const rn_report_options *options);

/* The curves of loss and accuracy of a run's directory, one above the other, as an SVG file. Errors as above. */
RN_API rn_status rn_report_write_curves(rn_context *context, const char *path, const char *directory);

#ifdef __cplusplus
}
#endif

#endif
