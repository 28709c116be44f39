/* SPDX-License-Identifier: MIT */
/*
 * Photo in, classes out. The model's own preprocessing is used: prediction and validation cannot differ.
 *
 * Thread safety: rn_predict_* work in the context of the model, rn_session_predict_* and rn_predict_logits in that of
 * the session or the logits, so that threads with a session each may share one model.
 */
#ifndef RESNET_PREDICT_H
#define RESNET_PREDICT_H

#include <resnet/session.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_predictions rn_predictions;

typedef struct rn_predict_options {
    size_t struct_size;
    int32_t top; /* how many, the most probable first; 0: 5; at most the number of classes are given */
    int32_t reserved;
} rn_predict_options;

/*
 * One photo. RN_STATE: the model has no preprocessing. RN_IO, RN_FORMAT: the photo. RN_INVALID_ARGUMENT: `top` is
 * negative; a logit as in rn_predict_logits. The caller destroys the predictions.
 *
 * The first call makes an inference session, which the model keeps, so that a further photo costs its preprocessing and
 * a forward. What is kept is the session's plans for the last four sizes that came out of the preprocessing, with one
 * arena as large as the largest needs, and the model's prepared weights: rn_session_plan_bytes, asked of any inference
 * session of the model for a batch of one, says how much. It goes with the model; before, when a training session of
 * the model is made or a prediction fails with RN_NO_MEMORY, and the next call makes it again. It is no session beside
 * which a load would need a second set of weights. For many photos in other threads keep a session each.
 */
RN_API rn_status rn_predict_file(rn_predictions **predictions, rn_model *model, const char *path,
                                 const rn_predict_options *options);
RN_API rn_status rn_predict_image(rn_predictions **predictions, rn_model *model, const rn_image *image,
                                  const rn_predict_options *options);

/* The same through an inference session whose output 0 is the logits; its next forward. RN_STATE also: a training
 * session. */
RN_API rn_status rn_session_predict_file(rn_predictions **predictions, rn_session *session, const char *path,
                                         const rn_predict_options *options);
RN_API rn_status rn_session_predict_image(rn_predictions **predictions, rn_session *session, const rn_image *image,
                                          const rn_predict_options *options);
/* Of prepared images (N, C, H, W): N rows of predictions. Errors as rn_session_forward. */
RN_API rn_status rn_session_predict(rn_predictions **predictions, rn_session *session, const rn_tensor *images,
                                    const rn_predict_options *options);

/* From logits (N, classes) of a session of one's own: N rows. RN_SHAPE; RN_INVALID_ARGUMENT: a logit is not finite (a
 * network that has diverged). */
RN_API rn_status rn_predict_logits(rn_predictions **predictions, const rn_model *model, const rn_tensor *logits,
                                   const rn_predict_options *options);

/* Rows: one a photo. Answers a row: `top`, at most the number of classes. */
RN_API size_t rn_predictions_rows(const rn_predictions *predictions);
RN_API size_t rn_predictions_count(const rn_predictions *predictions);
/* Of a row's rank-th answer: class index (-1 if out of range), folder and display name (borrowed; the number as text if
 * the model has no class table; NULL if out of range), probability in [0, 1] (0 if out of range). */
RN_API int64_t rn_predictions_index(const rn_predictions *predictions, size_t row, size_t rank);
RN_API const char *rn_predictions_folder(const rn_predictions *predictions, size_t row, size_t rank);
RN_API const char *rn_predictions_name(const rn_predictions *predictions, size_t row, size_t rank);
RN_API double rn_predictions_probability(const rn_predictions *predictions, size_t row, size_t rank);
/* NULL is fine. */
RN_API void rn_predictions_destroy(rn_predictions *predictions);

#ifdef __cplusplus
}
#endif

#endif
