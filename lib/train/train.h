/* SPDX-License-Identifier: MIT */
/*
 * Shared by the trainer's files: what a run is (state), what is counted (metrics), what tells runs apart (identity),
 * and the trainer.
 *
 * A state is everything that a resumed run has to know besides weights, optimizer and scheduler. It is written as JSON
 * into last.safetensors and holds no times, so that the same run always gives the same bytes.
 */
#ifndef RN_TRAIN_TRAIN_H
#define RN_TRAIN_TRAIN_H

#include "store/store.h"
#include "train/features.h"
#include "train/team.h"
#include <resnet/session.h>
#include <resnet/trainer.h>

/* ---- metrics.c: sums over samples ------------------------------------------------------------------------------ */

typedef struct rn_metrics {
    double loss; /* sum over samples */
    int64_t correct, count;
} rn_metrics;

/* The first largest of numbers `stride` apart; -1 if there is none because of NaN. */
int64_t rn_row_argmax(const float *row, int64_t count, int64_t stride);
/* Adds a batch: its mean loss, and how many rows of logits (N, classes) have their first largest number at the label
 * (int64, N). */
void rn_metrics_add(rn_metrics *metrics, double mean_loss, const rn_tensor *logits, const rn_tensor *labels);
/* NaN where nothing was counted. */
double rn_metrics_loss(const rn_metrics *metrics);
double rn_metrics_accuracy(const rn_metrics *metrics);

/* ---- identity.c: 64-bit fingerprints --------------------------------------------------------------------------- */

/* Of all values of the model in their order. */
uint64_t rn_weights_id(rn_model *model);
/* Of the names of what is trainable now. */
uint64_t rn_trainable_id(rn_model *model);
/* Of the names of the samples (of files: without their folders' paths) and labels of a dataset, in order. */
uint64_t rn_photos_id(const rn_dataset *dataset);
/* RN_SHAPE unless the two tables have the same folders in the same order; `what` names the second in the message. */
rn_status rn_same_classes(const rn_classes *ours, const rn_classes *theirs, const char *what, rn_message *message);

/* ---- state.c --------------------------------------------------------------------------------------------------- */

/* One call of rn_trainer_fit. */
typedef struct rn_phase {
    char *name;
    double lr, lr_gamma, weight_decay, momentum, clip_norm;
    int64_t lr_step_epochs;
    int32_t epochs, optimizer;
    int32_t done;       /* epochs that were trained, when it is complete: fewer than `epochs` if it was ended early */
    uint64_t trainable; /* rn_trainable_id when it began */
    uint64_t schedule;  /* a fingerprint of the options of another schedule than StepLR; 0: none */
    uint64_t groups;    /* of the parameter groups; 0: none */
    uint64_t loss;      /* of another loss than plain cross entropy of a batch a step; 0: none */
    bool complete;
    bool used; /* rn_trainer_fit was called for it in this process; not written down */
} rn_phase;

/* One epoch: a line of history.jsonl. */
typedef struct rn_history_row {
    double train_loss, train_accuracy, valid_loss, valid_accuracy, lr;
    size_t phase; /* index */
    int32_t epoch;
    bool is_best;
} rn_history_row;

typedef struct rn_best {
    uint64_t id; /* rn_weights_id of what best.safetensors holds */
    double accuracy, loss;
    size_t phase;
    int32_t epoch;
    bool exists;
} rn_best;

/* More than any run has; a file that claims more is refused before it costs much. */
enum {
    RN_STATE_PHASES = 1000,
    RN_STATE_ROWS = 1000000,
    RN_STATE_VIEWS = 1000,
    RN_STATE_EPOCHS = 1000000000 /* that a phase may ask for */
};

enum { RN_STATE_VERSION = 1 }; /* of the JSON text */

typedef struct rn_train_state {
    /* What tells this run from others. */
    char *network, *pipeline, *training_pipeline;
    uint64_t seed, train_photos, valid_photos;
    int32_t batch_size;
    int32_t slices; /* of a batch; 0: none */
    int32_t views;  /* of a training photo, which epochs take in turn; 0: another in every epoch */
    bool balanced;  /* classes are drawn as often as each other */
    bool bfloat16;  /* products are of bfloat16 numbers */
    /* How far it is. All phases are complete but perhaps the last; epoch, batch and sums are that one's. */
    rn_phase *phase;
    size_t phase_count, phase_capacity;
    rn_history_row *row;
    size_t row_count, row_capacity;
    rn_best best;
    uint64_t step_count; /* of the training session: dropout draws from it */
    int32_t epoch;
    int64_t batch;
    rn_metrics sums;
} rn_train_state;

/* Appends a phase (its name is copied) or a row. RN_NO_MEMORY. */
rn_status rn_train_state_add_phase(rn_train_state *state, const rn_phase *phase, const rn_allocator *allocator,
                                   rn_message *message);
rn_status rn_train_state_add_row(rn_train_state *state, const rn_history_row *row, const rn_allocator *allocator,
                                 rn_message *message);
/* The phase of that name, or NULL. */
rn_phase *rn_train_state_find_phase(const rn_train_state *state, const char *name);
/* The phase that has begun and is not complete, or NULL. */
rn_phase *rn_train_state_open_phase(const rn_train_state *state);
/* Epochs begun before this one in the whole run: the loader's epoch. */
uint64_t rn_train_state_total_epoch(const rn_train_state *state);

/* As JSON, released with rn_json_release_text. RN_NO_MEMORY. */
rn_status rn_train_state_write(char **text, const rn_train_state *state, rn_message *message);
/* From JSON that nobody vouches for. RN_FORMAT; on failure the state is empty. */
rn_status rn_train_state_read(rn_train_state *state, const char *text, const rn_allocator *allocator,
                              rn_message *message);
/* RN_STATE, saying what differs, unless both are the same run. `path` names the file that `theirs` comes from. */
rn_status rn_train_state_same_run(const rn_train_state *ours, const rn_train_state *theirs, const char *path,
                                  rn_message *message);
/* What best.safetensors says of itself, and what it said: which weights, and of which phase and epoch. RN_FORMAT. */
rn_status rn_best_read(uint64_t *id, char **phase, int32_t *epoch, const char *text, const rn_allocator *allocator,
                       rn_message *message);
rn_status rn_best_write(char **text, const rn_train_state *state, rn_message *message);
void rn_train_state_release(rn_train_state *state, const rn_allocator *allocator);

/* ---- history.c ------------------------------------------------------------------------------------------------- */

/* Replaces history.jsonl by one line for each row. */
rn_status rn_history_write(const rn_train_state *state, const char *path, const rn_allocator *allocator,
                           rn_message *message);

/* ---- times.c ----------------------------------------------------------------------------------------------------- */

/* How long an epoch took with its validation, how much of that was waiting for photos, and how fast its training was
 * (NaN: nothing of it was trained in this process); with other processes, what rn_progress has of exchanges. */
typedef struct rn_times {
    double seconds, loading_seconds, images_per_second;
    bool exchanges; /* with other processes */
    double exchange_seconds, exchange_waited;
} rn_times;

/* Adds a line to times.jsonl. The first epoch of a run begins the file anew. RN_IO, RN_NO_MEMORY. */
rn_status rn_times_add(const rn_train_state *state, const rn_history_row *row, const rn_times *times, const char *path,
                       const rn_allocator *allocator, rn_message *message);

/* Counts epochs from 1 in a file in which an older version counted them from 0: its first line has epoch 0. */
rn_status rn_times_modernise(const char *path, const rn_allocator *allocator, rn_message *message);

/* ---- evaluate.c ------------------------------------------------------------------------------------------------ */

/* Called after each batch; anything but RN_OK stops and is given back. */
typedef rn_status (*rn_batch_function)(void *payload);

/* One batch of a loader, or of `features` (or NULL) of it, added to `metrics`. */
rn_status rn_evaluate_batch(rn_metrics *metrics, rn_session *session, const rn_batch *batch, rn_features *features);
/* One pass of an inference session over a loader; `after` may be NULL. RN_FORMAT: no photo at all decodes. */
rn_status rn_evaluate_session(rn_metrics *metrics, rn_session *session, rn_loader *loader, rn_features *features,
                              rn_batch_function after, void *payload, rn_message *message);

/* ---- the trainer ----------------------------------------------------------------------------------------------- */

struct rn_trainer {
    rn_context *context; /* retained */
    rn_model *model;     /* retained */
    rn_loader *train, *valid;
    rn_photo_room photo_room;         /* of what both keep */
    rn_session *training, *inference; /* made by the first fit, kept; NULL after a failure */
    rn_session *frozen;               /* from images to what the inference session, or both, are given; or NULL */
    rn_features *train_features, *valid_features; /* NULL: that session is given images */
    size_t feature_budget;
    uint64_t freezing;       /* the model's freeze_version for which all these were made */
    bool mixes;              /* training photos are mixed, so that nothing of them can be kept */
    rn_optimizer *optimizer; /* of the open phase; NULL: none, or still in last.safetensors */
    rn_scheduler *scheduler;
    rn_ema *ema;                /* of the open phase, likewise; NULL: it has none */
    rn_trainer_options options; /* strings in it are not to be used */
    char *feature_path;         /* or NULL */
    char *directory, *best_path, *last_path, *history_path, *times_path; /* NULL without a directory */
    int lock;
    bool locked;
    bool at_start;           /* last.safetensors holds what a phase was about to begin with, no phase's end */
    bool failed;             /* the weights are no longer those of the state: only a new trainer goes on */
    bool calling;            /* the progress callback runs */
    rn_tensor **best_values; /* without a directory: a copy of the best weights, by parameter */
    rn_train_state state;
    rn_team team;             /* of one process, where it is alone */
    struct rn_slices *slices; /* slices.h; NULL: batches are in one piece */
};

/* ---- values.c: copies of all values of a model in memory, by parameter ------------------------------------------- */

/* Into *values, which is made if it is NULL. RN_NO_MEMORY: it may be there in part. */
rn_status rn_values_keep(rn_tensor ***values, const rn_model *model);
rn_status rn_values_put_back(rn_model *model, rn_tensor *const *values);
void rn_values_release(rn_tensor **values, const rn_model *model); /* NULL is fine */

/* ---- sessions.c ------------------------------------------------------------------------------------------------ */

/* Makes the sessions, anew if what is frozen has changed; steps go on being counted. Errors as rn_session_create. */
rn_status rn_trainer_settle_sessions(rn_trainer *trainer);
void rn_trainer_drop_sessions(rn_trainer *trainer);
/* Writes what is kept to the file of features, if there is one. */
void rn_trainer_file_features(rn_trainer *trainer);
/* A session with the trainer's options; `input` and `output` NULL: from the images, to the network's outputs. */
rn_status rn_trainer_make_session(rn_session **session, const rn_trainer *trainer, rn_mode mode, const char *input,
                                  const char *output);

/* ---- doubts.c --------------------------------------------------------------------------------------------------- */

/* Warns of what rn_trainer_create says it warns of. RN_NO_MEMORY. */
rn_status rn_trainer_say_doubts(const rn_trainer *trainer, const rn_dataset *train, const rn_dataset *valid);

/* ---- run_directory.c ------------------------------------------------------------------------------------------- */

/* Makes and locks options.directory and takes up the run that lies there, if any. RN_STATE as rn_trainer_create;
 * RN_BUSY: another process has it. */
rn_status rn_trainer_take_directory(rn_trainer *trainer);

/* ---- keep.c: best and last ------------------------------------------------------------------------------------- */

/* Keeps the weights that are validated as the best; state.best has been set except for its id, which is set here. */
rn_status rn_trainer_keep_best(rn_trainer *trainer);
/* Puts the average of the weights, if there is one, into the model, and at the second call the weights again. */
rn_status rn_trainer_swap_average(rn_trainer *trainer);
/* Makes the best weights those of the model. RN_FORMAT: best.safetensors is not the one that this run wrote. */
rn_status rn_trainer_load_best(rn_trainer *trainer);
/* The same from the file, in this process alone. */
rn_status rn_trainer_read_best(const rn_trainer *trainer);
/* Writes last.safetensors, if there is a directory. */
rn_status rn_trainer_save_last(rn_trainer *trainer);

#endif
