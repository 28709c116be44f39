/* SPDX-License-Identifier: MIT */
/*
 * How good a model is over a dataset: loss and accuracy in a struct, and everything that can be counted of its answers
 * in an rn_evaluation_result: confusions, scores of classes, the photos it is most surely wrong about.
 *
 *   rn_evaluation answer = { .struct_size = sizeof answer };
 *   rn_evaluation_result *result;
 *   rn_evaluate(&answer, model, photos, RN_OPTIONS(rn_evaluate, .result = &result));
 *   for (size_t i = 0; i < rn_evaluation_mistake_count(result); i++)
 *       puts(rn_dataset_sample_name(photos, rn_evaluation_mistake(result, i)));
 *
 * Thread safety: rn_evaluate works in the context of the model. A result does not change once made: several threads may
 * read it, so that its functions answer a status and leave no message. It is destroyed on the thread of the dataset's
 * context.
 */
#ifndef RESNET_EVALUATION_H
#define RESNET_EVALUATION_H

#include <resnet/dataset.h>
#include <resnet/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_evaluation {
    size_t struct_size; /* set by the caller */
    double loss;        /* mean cross entropy */
    double accuracy;    /* 0 to 1 */
    int64_t count;      /* photos */
    int64_t skipped;
} rn_evaluation;

/* What the model answered for each photo of a dataset, and what is counted of it. */
typedef struct rn_evaluation_result rn_evaluation_result;

typedef struct rn_evaluate_options {
    size_t struct_size;
    float *logits; /* if not NULL: receives count x classes numbers, row by row in the dataset's order: row i is of
                            rn_dataset_path(dataset, i), whose label is rn_dataset_label(dataset, i) */
    size_t logits_count;           /* how many floats fit there: RN_SHAPE if not exactly count x classes */
    int32_t batch_size;            /* 0: 8 */
    int32_t bad_photos;            /* an rn_bad_photo; skipped photos leave NaN in logits */
    rn_evaluation_result **result; /* if not NULL: receives the result, NULL on failure. The caller destroys it */
    const rn_pipeline *pipeline;   /* instead of the model's own; read during the call */
    int32_t draws;  /* test-time augmentation: this many draws of a random pipeline, at most 256. 0: one pass through a
                       pipeline that is not random */
    int32_t mirror; /* 1: of everything that comes out of the pipeline its mirror image, too (left and right change
                       places) */
    uint64_t seed;  /* of the draws; draw k of a sample is that of (seed, k, sample). 0: the context's */
    /* If not NULL: called after every batch on the caller's thread, with how many photos have been looked at; an answer
     * other than 0 ends the evaluation as RN_CANCELLED. It must not use the model's context. */
    int32_t (*progress)(size_t done, size_t count, void *payload);
    void *payload;
} rn_evaluate_options;

/*
 * Loss and accuracy of a model over a dataset, in inference mode, through the model's pipeline.
 *
 * With `draws` or `mirror` a photo is seen several times (views), and its probabilities are the mean of the views'
 * softmax, taken in double. Loss, logits and result are then of those: the loss is -log of the label's mean
 * probability, a row of logits holds the logarithms of the mean probabilities, whose softmax they are. `draws` takes
 * `pipeline` or, if that is NULL, the model's training pipeline, and holds photos of that many draws in memory.
 *
 * RN_SHAPE: another number of classes, a model's class table with other folders, no room for exactly the logits, or
 * what comes out of `pipeline` has not the model's input size. RN_STATE: the model has no preprocessing.
 * RN_INVALID_ARGUMENT: an argument is NULL, draws are negative, over 256, or of a pipeline that is not random; no draws
 * of one that is. RN_CANCELLED by the callback. RN_FORMAT, RN_IO: a photo (dataset.h), or none decodes. RN_NO_MEMORY.
 */
RN_API rn_status rn_evaluate(rn_evaluation *evaluation, rn_model *model, rn_dataset *dataset,
                             const rn_evaluate_options *options);

/* ---- one photo --------------------------------------------------------------------------------------------------- */

typedef struct rn_evaluated_photo {
    size_t struct_size; /* set by the caller */
    int64_t label;      /* as the dataset has it */
    int64_t predicted;  /* the most probable class, the first of equals; -1: none, since its logits are not numbers
                                 or the photo was skipped */
    int64_t rank;       /* classes before the label: more probable, or as probable and earlier; -1: none */
    double probability; /* of `predicted`; 1 where its logit is infinite; NaN: none */
    double label_probability; /* of `label`; NaN: none */
    int32_t skipped;          /* 1: it did not decode and counts nowhere */
    int32_t reserved;
} rn_evaluated_photo;

/* The dataset whose answers these are; its index i is photo i. Borrowed; the result keeps it alive. */
RN_API const rn_dataset *rn_evaluation_dataset(const rn_evaluation_result *result);
/* Fills as much of *photo as its struct_size says. RN_INVALID_ARGUMENT: NULL, no struct_size, no such photo. */
RN_API rn_status rn_evaluation_photo(rn_evaluated_photo *photo, const rn_evaluation_result *result, size_t index);
/* Photos that were taken for another class, and the index of each: those that the model was surest about come first, of
 * equals the one with the lower index. SIZE_MAX past the last. */
RN_API size_t rn_evaluation_mistake_count(const rn_evaluation_result *result);
RN_API size_t rn_evaluation_mistake(const rn_evaluation_result *result, size_t rank);

/* ---- all of them ------------------------------------------------------------------------------------------------ */

/* The part of the photos whose label is among the k most probable classes (of equals the first): 1 gives the accuracy.
 * As sklearn.metrics.top_k_accuracy_score where no two are equal. NaN for k < 1. */
RN_API double rn_evaluation_top(const rn_evaluation_result *result, int64_t k);

/*
 * The confusion matrix, sklearn.metrics.confusion_matrix: how many photos of class `label` were taken for class
 * `predicted` (-1: for none). It is kept as its cells that are not 0, at most as many as there are photos, in the order
 * of label, then predicted: rn_evaluation_cell gives them, RN_INVALID_ARGUMENT past the last.
 */
RN_API int64_t rn_evaluation_confusion(const rn_evaluation_result *result, int64_t label, int64_t predicted);
RN_API size_t rn_evaluation_cell_count(const rn_evaluation_result *result);
RN_API rn_status rn_evaluation_cell(int64_t *label, int64_t *predicted, int64_t *count,
                                    const rn_evaluation_result *result, size_t index);

/*
 * Of a class, sklearn.metrics.precision_recall_fscore_support with zero_division=0: what divides by zero is 0.
 *
 *   precision = correct / predicted      recall = correct / support      f1 = 2 correct / (support + predicted)
 */
typedef struct rn_class_scores {
    size_t struct_size; /* set by the caller */
    int64_t support;    /* photos of the class */
    int64_t predicted;  /* photos that were taken for it */
    int64_t correct;    /* both */
    double precision, recall, f1;
} rn_class_scores;

typedef enum rn_average {
    RN_AVERAGE_MACRO = 0,   /* each class that has photos or was answered counts the same (sklearn's default labels) */
    RN_AVERAGE_WEIGHTED = 1 /* each class counts as much as it has photos */
} rn_average;

/* RN_INVALID_ARGUMENT: NULL, no struct_size, no such class. */
RN_API rn_status rn_evaluation_class(rn_class_scores *scores, const rn_evaluation_result *result, size_t index);
/* The mean over classes of precision, recall and f1 (an rn_average), with the sums of the counts. */
RN_API rn_status rn_evaluation_average(rn_class_scores *scores, const rn_evaluation_result *result, int32_t average);

/* NULL is fine. */
RN_API void rn_evaluation_result_destroy(rn_evaluation_result *result);

#ifdef __cplusplus
}
#endif

#endif
