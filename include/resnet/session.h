/* SPDX-License-Identifier: MIT */
/*
 * rn_session: a model being run, in one mode, under one context. It owns the plan, the activations and the gradients of
 * activations. After the first step of a batch shape a step allocates nothing.
 *
 *   training:   forward, loss (or rn_session_gradient), backward, optimizer step
 *   inference:  forward, output
 *
 * Between forward and backward the plan is pinned: freezing, loading or stepping then is RN_STATE.
 */
#ifndef RESNET_SESSION_H
#define RESNET_SESSION_H

#include <resnet/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_session rn_session;

typedef enum rn_mode {
    RN_INFER = 0, /* batch norm with running statistics, no dropout, no gradients */
    RN_TRAIN = 1
} rn_mode;

typedef struct rn_session_options {
    size_t struct_size;
    const char *const *outputs; /* names of outputs or of layers ("layer4"); NULL: the model's own outputs */
    size_t output_count;
    uint64_t seed;          /* of dropout; 0: the context's */
    int32_t mode;           /* an rn_mode */
    int32_t input_gradient; /* 1: backward also gives the gradient of the input image (rn_session_input_gradient) */
} rn_session_options;

/* Makes a session. RN_INVALID_ARGUMENT: an unknown output name. The session keeps model and context alive. */
RN_API rn_status rn_session_create(rn_session **session, rn_context *context, rn_model *model,
                                   const rn_session_options *options);
/* NULL is fine. */
RN_API void rn_session_destroy(rn_session *session);

/*
 * Runs the network on `images`, float32 (N, C, H, W), any strides, N >= 1. H and W may differ from the model's input
 * size if the network allows it. RN_SHAPE: they do not fit. RN_NO_MEMORY: the plan for a new shape does not fit. In
 * training a batch norm over a single value a channel is RN_SHAPE, as in PyTorch.
 */
RN_API rn_status rn_session_forward(rn_session *session, const rn_tensor *images);

/* Output `index` (in the order of the options) of the last forward: (N, features) or (N, C, H, W) float32. Borrowed
 * until the next forward. RN_STATE: no forward yet. */
RN_API rn_status rn_session_output(const rn_tensor **output, rn_session *session, size_t index);

/*
 * Mean cross entropy of output 0 as logits with `labels`, int64 (N): log-softmax and NLL in one, in double. Stores the
 * gradient where backward starts (training sessions). RN_INVALID_ARGUMENT: a label out of range. RN_SHAPE. RN_STATE: no
 * forward. torch.nn.CrossEntropyLoss
 */
RN_API rn_status rn_cross_entropy(double *loss, rn_session *session, const rn_tensor *labels);
/* Mean negative log-likelihood of output 0 as log-probabilities (rn_log_softmax). RN_INVALID_ARGUMENT: some row's
 * exponentials do not sum to 1 (to 1e-3), so logits cannot pass. torch.nn.NLLLoss */
RN_API rn_status rn_nll_loss(double *loss, rn_session *session, const rn_tensor *labels);
/* For a loss of one's own: the gradient of output `index`, to be written before backward; zeros after each forward.
 * Borrowed. RN_STATE: no training session, no forward. */
RN_API rn_status rn_session_gradient(rn_tensor **gradient, rn_session *session, size_t index);

/*
 * Runs backward from the gradients of the outputs down to the lowest trainable layer. Gradients of parameters overwrite
 * or, if not yet used by a step, add. RN_STATE: no forward, no loss, or nothing is trainable.
 */
RN_API rn_status rn_session_backward(rn_session *session);

/* The gradient of the input (N, C, H, W) after backward, if the options asked for it. Borrowed until the next forward.
 */
RN_API rn_status rn_session_input_gradient(const rn_tensor **gradient, rn_session *session);

/* Bytes that the session's plan for a batch of this shape takes, known before anything is allocated. */
RN_API rn_status rn_session_plan_bytes(size_t *nbytes, rn_session *session, int64_t batch, int64_t height,
                                       int64_t width);

/* The counter that dropout draws from; a training step adds one. Set it to resume a run exactly. */
RN_API uint64_t rn_session_step_count(const rn_session *session);
RN_API void rn_session_set_step_count(rn_session *session, uint64_t step_count);

#ifdef __cplusplus
}
#endif

#endif
