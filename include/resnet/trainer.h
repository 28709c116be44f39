/* SPDX-License-Identifier: MIT */
/*
 * rn_trainer: the loop that everybody writes, with its traps closed. Phases, training and validation loss and accuracy,
 * history, best and last checkpoint, resume, progress, cancel. A hand-written loop can do the same by public calls: the
 * state dicts of model, optimizer and scheduler (model.h, optimizer.h), rn_session_step_count, rn_loader_start and
 * rn_loader_skip are all that has to be kept to resume to the same bits; the trainer keeps its own by the same calls.
 *
 * Thread safety: a trainer belongs to the thread of the model's context.
 *
 * In `directory` it keeps best.safetensors (the weights of the best validation accuracy so far, over all phases; a
 * model file), last.safetensors (weights, their average if there is one, optimizer, scheduler, phase, epoch and
 * batch, best metric, and which best belongs to it), history.jsonl (one line an epoch, counted from 1) and
 * times.jsonl (likewise: "seconds" of the epoch with its validation, how many of them computing waited for photos,
 * "loading_seconds", and "images_per_second" of its training, in the process that ended it, and with other processes
 * "exchange_seconds" and "exchange_waited" (rn_progress); of two lines for an epoch the last counts). Each is replaced
 * as a whole or not at all. rn_trainer_write_report (report.h) makes a page of them.
 *
 * Features: what the frozen part of the network makes of a photo (rn_model_frozen_layer) is computed once and kept, of
 * validation photos always, of training photos where the training pipeline draws nothing at random or `views` says how
 * many ways there are, as many as fit rn_trainer_options.feature_memory; across runs, too, with .feature_file. Their
 * files are then not opened again, and an epoch of a new head takes seconds. No number differs from what it would be
 * without. Prepared photos, with cache_size or cache_file, spare decoding where features do not: of photos that the
 * network has to see again, in another random way or with nothing frozen. A photo whose features are known is neither
 * decoded nor looked up.
 *
 * Memory: where nothing needs all gradients together (no clip_norm, one batch a step, no slices), a fit makes its steps
 * in backward (rn_session_step_in_backward), and gradients take no memory of their own.
 *
 * Many processes: with rn_trainer_options.collective they train one network together, and every number,
 * best.safetensors, last.safetensors and history.jsonl to the byte, is that of one process with the same `slices`. What
 * a batch of n is cut into is fixed: slice s of S has positions [ceil(s n / S), ceil((s + 1) n / S)) of it, process r
 * of P computes slices [r S / P, (r + 1) S / P). S is a power of two, at most 256, and at least P.
 *   Each slice is a pass of its own, as in PyTorch's DistributedDataParallel with S processes: its batch norms see its
 * photos alone, so that a slice should have several (`batch_size` counts the photos of all slices), and the running
 * statistics are those of slice 0. Gradients are of the mean over the batch, added up in a fixed binary tree. A slice
 * without photos counts as zero.
 *   Each process decodes its photos only, in training and validation. All need the photos, none but process 0 needs
 * `directory`, which is read and written there alone. The progress callback is called in all, with the figures of all;
 * if one answers RN_FIT_CANCEL, all are cancelled, and likewise RN_FIT_END. What fails in one process fails in all,
 * which then give the same answer; a process that is lost ends the others' calls with RN_IO. A run that is resumed by
 * another number of processes ends in the same bytes. Memory: log2(S / P) more copies of the gradients.
 *
 * Resuming: run the same program again with `resume`. Phases that are complete return at once, the interrupted one goes
 * on where its last checkpoint stands, and the end has the same bytes as an undisturbed run, but for times.jsonl.
 */
#ifndef RESNET_TRAINER_H
#define RESNET_TRAINER_H

#include <resnet/collective.h>
#include <resnet/dataset.h>
#include <resnet/evaluation.h>
#include <resnet/fit_options.h>
#include <resnet/model.h>
#include <resnet/scheduler.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_trainer rn_trainer;

/*
 * Where training stands. Handed to the progress callback after every batch of training and, so that cancelling does not
 * have to wait, of validation (`batch` then equals `batches`), and at the end of each epoch with `epoch_ended` set,
 * when its files are written.
 */
typedef struct rn_progress {
    size_t struct_size;
    const char *phase; /* the name given to rn_trainer_fit; lives as long as the trainer */
    double loss;       /* mean over this epoch's training samples so far, in training mode */
    double accuracy;   /* likewise, 0 to 1 */
    double valid_loss; /* when epoch_ended: over the validation set, in inference mode; NaN before */
    double valid_accuracy;
    double best_accuracy;     /* the best validation accuracy so far, over all phases; NaN before the first */
    double lr;                /* the rate of this epoch; of a schedule by batch, that of the next step */
    double images_per_second; /* of training, this epoch */
    double elapsed;           /* seconds since this fit began */
    int64_t batch, batches;   /* batches done in this epoch, and in all */
    int32_t epoch, epochs;    /* this epoch, from 0, and how many the fit has */
    int32_t epoch_ended;
    int32_t is_best;   /* when epoch_ended: this epoch is the best so far */
    int64_t skipped;   /* photos skipped in this epoch since it was begun or resumed, by all processes */
    const double *lrs; /* the rate of each parameter group; lr is that of the first. Valid during the callback */
    size_t lr_count;
    /* Of several processes, in this one: seconds of this epoch in which gradients travelled (waiting for slower
     * processes included), and how many of these it had nothing to compute meanwhile. The rest was hidden. */
    double exchange_seconds, exchange_waited;
    double loading_seconds; /* of this epoch and its validation: nothing was computed, since photos were read */
} rn_progress;

typedef enum rn_fit_answer {
    RN_FIT_GO_ON = 0,
    RN_FIT_CANCEL = 1, /* the state is saved and rn_trainer_fit answers RN_CANCELLED; calling it again goes on */
    RN_FIT_END = 2     /* enough (early stopping): the fit ends after this epoch as if it were the last. RN_OK */
} rn_fit_answer;

/* Answers an rn_fit_answer; anything else cancels. Runs on the thread that called rn_trainer_fit. */
typedef int32_t (*rn_progress_function)(const rn_progress *progress, void *payload);

typedef struct rn_trainer_options {
    size_t struct_size;
    const char *directory; /* made if missing. NULL: nothing is written, and the best weights are kept in memory */
    rn_progress_function progress;
    void *progress_payload;
    uint64_t seed;       /* 0: the context's */
    int32_t batch_size;  /* 0: 8 */
    int32_t resume;      /* 1: continue what lies in `directory`, if anything does */
    int32_t bad_photos;  /* an rn_bad_photo */
    int32_t keep_last;   /* 1: a fit ends with the last epoch's weights. Default: with the best, as the tutorial does */
    int32_t precision;   /* an rn_precision, of training and validation */
    int32_t slices;      /* of a batch (below); 0: none, with a collective 8 */
    size_t memory_limit; /* bytes that a plan of training or validation may take (session.h); 0: no limit */
    size_t feature_memory;           /* bytes that features may take (below); 0: 256 MiB */
    const rn_collective *collective; /* the processes of this run (below), copied; NULL: this one alone */
    int32_t views; /* a training photo is prepared in so many random ways, at most 1000, which epochs take in turn, so
                      that its features can be kept; 0: in another way in every epoch. Part of what the run is */
    /* 1: training photos are drawn with replacement so that each class is as frequent, as many as there are
     * (dataset.h). Part of what the run is. */
    int32_t balanced;
    size_t cache_size;      /* bytes that prepared photos of training and validation may take together (dataset.h); 0:
                               none are kept; with cache_file 4 GiB */
    const char *cache_file; /* training photos are kept in this file, validation's in that of its name and ".valid"; of
                               process r > 0 of a collective both with "." and r behind. NULL: in memory */
    /* A file that features are read from, and written to after epochs that made new ones, so that the next run,
     * also one of another head, has them; at most feature_memory bytes of one frozen part. A photo is known by its
     * path, size and time of change; those of datasets without files are not filed. NULL: none. Of several
     * processes: RN_UNSUPPORTED. */
    const char *feature_file;
} rn_trainer_options;

/* A feature_memory that keeps no features. */
#define RN_FEATURES_NONE SIZE_MAX

/*
 * Makes a trainer. Training photos go through the model's training pipeline, validation photos through its pipeline
 * (RN_STATE: it has none). A model without a class table takes that of the training photos. RN_SHAPE: the class tables
 * of the model and the two datasets differ. RN_STATE: the directory holds a run already and resume is not set (nothing
 * is overwritten), or it holds the run of another network, class table, set of training photos, preprocessing, batch
 * size, seed, views, balance or precision (what it computed in, if the CPU lacked what was asked for). Other validation
 * photos are warned of: a damaged one may be taken out. A run of which no batch was done does not count: it is begun
 * anew. RN_BUSY: another trainer is using the directory. RN_FORMAT: last.safetensors or best.safetensors is damaged,
 * or the best is not that of this run; RN_IO: the best is missing. Both files are read and checked whole before
 * anything of the model changes. Resuming takes the weights of the files, and their display names of the classes if
 * the model has none, at once. Keeps all three alive.
 *   With a collective all processes call it together. RN_INVALID_ARGUMENT also: no power of two of processes or
 * slices, or more processes than slices. RN_STATE also: a process has another version of the library, instruction-set
 * class, network, weights, photos, class table, preprocessing or other options than process 0; or the run in the
 * directory has other slices. RN_IO also: a process was lost.
 *
 * Warnings of the context's log say what makes the figures worth less than they look: one class only; classes with
 * fewer than five training photos; validation photos that are training photos, too (files with the same bytes; at most
 * 65,536 are opened to compare, those of equal sizes); pipelines that resize photos to scales that differ by more than
 * a quarter, or a training pipeline that resizes nothing where photos are over twice as large as what the network sees
 * (the first one is looked at).
 */
RN_API rn_status rn_trainer_create(rn_trainer **trainer, rn_model *model, rn_dataset *train, rn_dataset *valid,
                                   const rn_trainer_options *options);
/* NULL is fine. */
RN_API void rn_trainer_destroy(rn_trainer *trainer);

/*
 * Trains what is trainable now, with a new optimizer, and ends with the best weights so far.
 *
 * A phase that is complete returns at once in a resumed run, with the best weights. If it is the run's last phase and
 * more epochs are asked for than it was begun with, it goes on where its last epoch ended, to the same bytes as if all
 * had been asked for at first (this needs a directory; not of cosine and one cycle, which are laid out for the epochs
 * that there are). To train on at another rate, call a phase of another name.
 *
 * RN_STATE: nothing is trainable, the phase's name was used already, an interrupted phase has not been finished (call
 * it again; its callback may answer RN_FIT_END), or one is called with fewer epochs or other options than it was begun
 * with. RN_UNSUPPORTED: over 1000 phases or 1,000,000 epochs in a run. RN_CANCELLED by the callback: called again, the
 * fit goes on. RN_INVALID_ARGUMENT: a loss, or with clip_norm a gradient, that is not finite ends the fit, with the
 * last good checkpoint kept; the message says at which batch and rate, and which weights went first. A photo that does
 * not decode (dataset.h) stops it as a cancel does. RN_FORMAT also: best.safetensors is not the file that this run
 * wrote. With a collective RN_STATE also: a process has other options or other parameters trainable than process 0.
 * After any other failure the trainer answers RN_STATE: a new one resumes from the directory. RN_SHAPE: not a
 * weight for each class. RN_INVALID_ARGUMENT also: parameter groups that do not cover what is trainable, and as
 * rn_adam_create.
 *
 * Warnings of the context's log, each once a fit: the mean loss of the epoch is over ten times what guessing costs,
 * ln(classes), and a batch's over ten times the first one's (the parameter with the largest weights is named); all
 * gradients of an epoch are 0 and the loss is that of guessing; all validation photos (ten or more) are taken for one
 * class, which not all are of.
 */
RN_API rn_status rn_trainer_fit(rn_trainer *trainer, const rn_fit_options *options);

typedef struct rn_lr_find_options {
    size_t struct_size;
    const rn_fit_options *fit; /* optimizer, momentum, weight decay, loss, clipping; rates, schedule, epochs and
                                  `accumulate` are not looked at, and every group gets the same rate. NULL: Adam's */
    double lr_first;           /* 0: 1e-7 */
    double lr_last;            /* 0: 10 */
    int32_t steps;             /* of one batch each; 0: 100 */
    int32_t reserved;          /* 0 */
    double *lrs, *losses;      /* if not NULL: room for `steps` numbers, of which the first `count` are filled */
} rn_lr_find_options;

typedef struct rn_lr_finding {
    size_t struct_size;    /* set by the caller */
    double steepest;       /* the rate at which the smoothed loss falls fastest: a suggestion; NaN: too few steps */
    double tenth_of_least; /* a tenth of the rate at which it is least: another one; NaN likewise */
    int32_t count;         /* steps that were made */
    int32_t reserved;      /* 0 */
} rn_lr_finding;

/*
 * Looks for a learning rate (arXiv:1506.01186), as fastai's lr_find: trains what is trainable now, one batch at each of
 * `steps` rates that rise exponentially, until the smoothed loss (beta 0.98, without its bias) is over four times the
 * least one, or no number. The suggestions leave out the first tenth of the steps and the last five. Model, optimizer,
 * state and random draws of the trainer are as they were, bit by bit. Takes a copy of the weights in memory meanwhile.
 * RN_INVALID_ARGUMENT: no curve from lr_first to lr_last. RN_STATE: nothing is trainable, an earlier fit failed, a
 * session of the caller's stands between forward and backward. RN_UNSUPPORTED: several processes. RN_NO_MEMORY; and
 * what rn_loader_next answers.
 */
RN_API rn_status rn_lr_find(rn_lr_finding *finding, rn_trainer *trainer, const rn_lr_find_options *options);

/* The best validation accuracy so far over all phases; NaN before the first epoch. */
RN_API double rn_trainer_best_accuracy(const rn_trainer *trainer);

#ifdef __cplusplus
}
#endif

#endif
