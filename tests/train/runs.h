/* SPDX-License-Identifier: MIT */
/*
 * What the tests of training share: folders of small pictures that can be learned, a small network, a run, and looking
 * at files.
 */
#ifndef RN_TESTS_TRAIN_RUNS_H
#define RN_TESTS_TRAIN_RUNS_H

#include "support/support.h"

enum {
    RUN_CLASSES = 3,
    RUN_SIDE = 8,
    RUN_TRAIN = 7,
    RUN_VALID = 4,
    RUN_BATCH = 4
}; /* 21 and 12 photos: 5 full batches and one of a single photo */

/*
 * Writes `count` BMP pictures of each class (stripes along rows, columns, a diagonal, under noise) to
 * directory/part/<class>/.
 */
void rn_test_photos(const char *directory, const char *part, int classes, int count, int side, uint32_t seed);
/* A fresh directory with train/ (RUN_TRAIN) and valid/ (RUN_VALID a class). */
const char *rn_test_photo_directory(void);

/*
 * The name of a directory that is not there yet, below one that the test program removes at its end; lives as long as
 * the program.
 */
const char *rn_test_new_directory(void);

/*
 * Convolution, batch norm, ReLU, dropout, linear head "fc", with a pipeline of RUN_SIDE pixels and a training pipeline
 * that mirrors at random.
 */
rn_model *rn_test_network(rn_context *context, const rn_classes *classes, uint64_t seed);
/* The same with an auxiliary output "aux" behind the first convolution. */
rn_model *rn_test_network_of_two(rn_context *context, const rn_classes *classes, uint64_t seed);

typedef struct rn_test_run {
    rn_context *context;
    rn_dataset *train, *valid;
    rn_model *model;
    rn_trainer *trainer;
} rn_test_run;

/* Context (one thread), datasets and network; no trainer yet. */
rn_test_run rn_test_run_open(const char *photos, uint64_t seed);
/* Makes the trainer. NULL: no directory. */
rn_status rn_test_run_train(rn_test_run *run, const char *directory, int resume, rn_progress_function progress,
                            void *payload);
/* The two phases of the tutorial in small: head alone, then everything. Stops at the first failure. */
rn_status rn_test_run_fit(rn_test_run *run);
void rn_test_run_close(rn_test_run *run);

/* Callbacks of a whole run: after each batch of training and of validation, and at the end of each epoch. */
enum {
    RUN_TRAIN_BATCHES = 5,
    RUN_VALID_BATCHES = 3,
    RUN_EPOCHS = 5,
    RUN_CALLS = RUN_EPOCHS * (RUN_TRAIN_BATCHES + RUN_VALID_BATCHES + 1)
};

/* The set-up of a group of tests: a run that nothing happens to, the photos that it reads and the results it leaves. */
int rn_test_make_undisturbed(void **state);
extern const char *rn_test_undisturbed_photos, *rn_test_undisturbed;
/* Goes on with what lies in the directory, in a new process as it were, until its end. */
void rn_test_resume_to_the_end(const char *directory);

/* A progress callback that cancels at its n-th call (counted from 0); its payload is an int that counts down. */
int32_t rn_test_cancel(const rn_progress *progress, void *payload);

/* A log that counts warnings and keeps the last one; its payload is an rn_test_warnings. */
typedef struct rn_test_warnings {
    int count;
    char last[1024];
} rn_test_warnings;
void rn_test_note_warning(rn_log_level level, const char *line, void *payload);

/* The whole file, followed by a zero; NULL if there is none. The caller frees. */
char *rn_test_file(const char *path, size_t *size);
void rn_test_write_file(const char *path, const void *bytes, size_t size);
void rn_test_copy_file(const char *to, const char *from);
/* Fails the test unless best.safetensors, last.safetensors and history.jsonl are the same in both. */
void rn_test_same_results(const char *directory, const char *other);
/* All values of a model, one after the other. The caller frees. */
char *rn_test_values(rn_model *model, size_t *size);

#endif
