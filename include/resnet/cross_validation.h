/* SPDX-License-Identifier: MIT */
/*
 * rn_cross_validate: how well a way of training does, measured on all photos: they are split into k folds class by
 * class (rn_dataset_split), and k networks are trained, each on the photos of all other folds and validated on one, as
 * sklearn.model_selection.cross_val_score with StratifiedKFold(shuffle=True) does.
 *
 *   rn_cross_validation answer = { .struct_size = sizeof answer };
 *   rn_cross_validate(&answer, model, photos,
 *                     RN_OPTIONS(rn_cross_validation, .folds = 5, .fit = RN_OPTIONS(rn_fit, .epochs = 10)));
 *   printf("%.3f +- %.3f\n", answer.accuracy, answer.accuracy_spread);
 *
 * Thread safety: it belongs to the thread of the model's context.
 */
#ifndef RESNET_CROSS_VALIDATION_H
#define RESNET_CROSS_VALIDATION_H

#include <resnet/trainer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Trains one fold, counted from 0, by calls of rn_trainer_fit; may freeze and unfreeze the model in between. */
typedef rn_status (*rn_fold_function)(rn_trainer *trainer, int32_t fold, void *payload);

typedef struct rn_cross_validation_options {
    size_t struct_size;
    int32_t folds;          /* from 2 on; 0: 5 */
    int32_t reserved;       /* 0 */
    uint64_t seed;          /* of the split; 0: the context's */
    rn_fold_function train; /* NULL: one rn_trainer_fit with `fit` */
    void *payload;
    const rn_fit_options *fit;
    const rn_trainer_options *trainer; /* of each fold's trainer; a directory gets a run fold1, fold2, ... each, so that
                                          `resume` goes on with the fold that was interrupted */
    double *accuracies, *losses;       /* if not NULL: receive one number a fold */
} rn_cross_validation_options;

typedef struct rn_cross_validation {
    size_t struct_size;                  /* set by the caller */
    double accuracy, loss;               /* of each fold's best epoch: the mean over the folds */
    double accuracy_spread, loss_spread; /* and the standard deviation (numpy.std) */
} rn_cross_validation;

/*
 * Every fold begins with the model's values of now, and the model ends with them, also after a failure; what is frozen
 * stays as `train` left it. Takes a copy of the values in memory. RN_INVALID_ARGUMENT: options out of range, `train`
 * together with `fit`. RN_SHAPE: there are too few photos for a fold. RN_STATE: a fold of which no epoch was trained.
 * RN_NO_MEMORY. RN_CANCELLED by the trainer's callback; and what rn_trainer_create, rn_trainer_fit and `train` answer.
 */
RN_API rn_status rn_cross_validate(rn_cross_validation *answer, rn_model *model, rn_dataset *dataset,
                                   const rn_cross_validation_options *options);

#ifdef __cplusplus
}
#endif

#endif
