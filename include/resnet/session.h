/* SPDX-License-Identifier: MIT */
/*
 * rn_session: a model being run, in one mode, under one context. It owns the plan, the activations and the gradients of
 * activations. After the first step of a batch shape a step allocates nothing.
 *
 *   training:   forward, loss (or rn_session_gradient), backward, optimizer step
 *   inference:  forward, output
 *
 * Between forward and backward the plan is pinned: freezing, loading or stepping then is RN_STATE.
 *
 * Thread safety: a session belongs to the thread of its context. Any number of inference sessions, each with a context
 * and a thread of its own, may run one model; loading, freezing and stepping beside them wait for the forwards that are
 * running, and each forward computes with one set of weights (model.h). Training forward, backward and step have the
 * model to themselves while they run.
 */
#ifndef RESNET_SESSION_H
#define RESNET_SESSION_H

#include <resnet/model.h>
#include <resnet/optimizer.h>

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
    /* Names of outputs, layers or blocks ("logits", "avgpool", "layer4"; rn_model_layer_name lists them); NULL: the
     * model's own outputs, in inference but for auxiliary ones. What none of them needs is not run. */
    const char *const *outputs;
    size_t output_count;
    uint64_t seed;          /* of dropout; 0: the context's */
    int32_t mode;           /* an rn_mode */
    int32_t input_gradient; /* 1: backward also gives the gradient of the input image (rn_session_input_gradient) */
    /* A layer or block ("layer3", "avgpool") behind which the network begins: forward is then given that value, (N, C,
     * H, W) or (N, features), instead of images, such as features that a session with the output "layer3" gave and that
     * were kept. NULL: the images. Nothing before it is run or, in training, reached. */
    const char *input;
    int32_t precision; /* an rn_precision */
    int32_t reserved;  /* 0 */
    /* Bytes that a plan may take (as rn_session_plan_bytes counts them); 0: no limit. Results of batch norms, sums and
     * ReLUs are then made again in backward, as few as will do and the largest first, and if that is not enough, what
     * runs before the lowest trained layer (in inference: the whole network) takes one image at a time. It costs time
     * and changes no bit. */
    size_t memory_limit;
} rn_session_options;

/* Makes a session. RN_INVALID_ARGUMENT: an unknown output or input name, mode or precision; no output, over 1024 of
 * them, or a count without names. RN_NO_MEMORY. The session keeps model and context alive; the caller destroys it. */
RN_API rn_status rn_session_create(rn_session **session, rn_context *context, rn_model *model,
                                   const rn_session_options *options);
/* NULL is fine. */
RN_API void rn_session_destroy(rn_session *session);

/* What the session computes in: RN_PRECISION_BFLOAT16 if that was asked for and the CPU has it, else
 * RN_PRECISION_FLOAT32. */
RN_API rn_precision rn_session_precision(const rn_session *session);

/*
 * Runs the network on `images`, float32 (N, C, H, W), any strides, N >= 1. H and W may differ from the model's input
 * size if the network allows it. RN_SHAPE: they do not fit. RN_NO_MEMORY: the plan for a new shape does not fit, or not
 * the options' memory_limit; the message says what would do. In training a batch norm over a single value a channel is
 * RN_SHAPE, as in PyTorch. Where the options said `input`, `images` are that value; RN_INVALID_ARGUMENT: an output also
 * needs what lies before it.
 */
RN_API rn_status rn_session_forward(rn_session *session, const rn_tensor *images);

/* Output `index` (in the order of the options) of the last forward: (N, features) or (N, C, H, W) float32. Borrowed
 * until the next forward. RN_STATE: no forward yet. RN_INVALID_ARGUMENT: no such output. */
RN_API rn_status rn_session_output(const rn_tensor **output, rn_session *session, size_t index);

/* What a loss is of. Zero is PyTorch's default everywhere. */
typedef struct rn_loss_options {
    size_t struct_size;
    const rn_tensor *class_weights; /* float32 (classes): of each sample by its label; the mean divides by their sum.
                                       NULL: all 1 */
    double weight;                  /* factor of loss and gradient, such as 0.4 for an auxiliary output; 0: 1 */
    double label_smoothing;         /* in [0, 1]; cross entropy only */
    int64_t ignore_label;           /* with `ignores`: samples of this label do not count; may be out of range */
    int32_t ignores;                /* 1: ignore_label is set (PyTorch's default is -100) */
    int32_t output;                 /* index of the session's output */
} rn_loss_options;

/*
 * Mean cross entropy of an output as logits with `labels`, int64 (N): log-softmax and NLL in one, in double. Stores the
 * gradient where backward starts (training sessions): losses of several outputs add up in backward, a second loss of
 * the same output replaces the first. RN_INVALID_ARGUMENT: no such output, a label out of range, a weight that is
 * negative or not finite. RN_SHAPE: the output is not (N, classes), or labels or class weights have another shape.
 * RN_STATE: no forward. All samples ignored, or their weights 0: NaN, and the gradient is 0. torch.nn.CrossEntropyLoss
 *   `labels` may also be targets, float32 (N, classes), such as rn_mix_labels makes: -sum_j weight_j target_j log
 * p_j, of which the mean divides by N, as in PyTorch. RN_INVALID_ARGUMENT also: a target that is negative or not
 * finite, or `ignores` is set.
 */
RN_API rn_status rn_cross_entropy(double *loss, rn_session *session, const rn_tensor *labels,
                                  const rn_loss_options *options);
/* Mean negative log-likelihood of an output as log-probabilities (rn_log_softmax). RN_INVALID_ARGUMENT also: some row's
 * exponentials do not sum to 1 (to 1e-3), so logits cannot pass; or label_smoothing is set. torch.nn.NLLLoss */
RN_API rn_status rn_nll_loss(double *loss, rn_session *session, const rn_tensor *labels,
                             const rn_loss_options *options);
/* For a loss of one's own: the gradient of output `index`, to be written before backward; zeros after each forward.
 * Borrowed until the next forward. RN_STATE: no training session, no forward. RN_INVALID_ARGUMENT: no such output. */
RN_API rn_status rn_session_gradient(rn_tensor **gradient, rn_session *session, size_t index);

/*
 * Runs backward from the gradients of the outputs down to the lowest trainable layer. Gradients of parameters overwrite
 * or, if not yet used by a step, add. RN_STATE: no forward, no loss, or nothing is trainable. RN_NO_MEMORY: no room for
 * gradients.
 */
RN_API rn_status rn_session_backward(rn_session *session);

/*
 * From the next forward on rn_session_backward makes the step of `optimizer`, too: each parameter is updated as soon as
 * its gradient is ready and nothing in backward needs the parameter any more, and the gradient's memory, a part of the
 * plan's, is used again (of large linear layers some rows at a time). No rn_optimizer_step follows. All bits are those
 * of the two calls; what is saved is a copy of all trainable parameters. NULL: backward leaves gradients again, which
 * is how a session begins. https://pytorch.org/tutorials/intermediate/optimizer_step_in_backward_tutorial.html
 *
 *   rn_session_step_in_backward(session, adam);
 *   each batch:  rn_session_forward, rn_cross_entropy, rn_session_backward
 *
 * It is for steps of one backward whose gradients nobody looks at, clips or adds up: of the parameters that the
 * optimizer covers none has a gradient before backward (RN_STATE there) or after it. What it does not cover keeps its
 * gradient as ever, for another optimizer. rn_session_backward then gives rn_optimizer_step's errors, too: RN_STATE
 * (nothing is covered) and RN_NO_MEMORY before anything has changed; where a rule of one's own fails, which is called
 * in the order of backward, the parameters that come behind have not made their step, and their gradients are gone.
 *
 * The optimizer is kept alive. Gradient tensors that were borrowed end here. RN_INVALID_ARGUMENT: an inference session,
 * an optimizer of another model, a session of another context than the model's. RN_STATE: between forward and backward.
 */
RN_API rn_status rn_session_step_in_backward(rn_session *session, rn_optimizer *optimizer);

/* The gradient of input `index` (0: what forward was given, in its shape) after backward, if the options asked for it.
 * Borrowed until the next forward. RN_INVALID_ARGUMENT: no such input. RN_STATE: no backward has run, the options did
 * not ask for it, or no output depends on the input. */
RN_API rn_status rn_session_input_gradient(const rn_tensor **gradient, rn_session *session, size_t index);

/* Bytes that the session's plan for a batch of this shape takes (of what forward is given; 1 x 1 for features (N,
 * features)), what is prepared of weights for it and shared with other sessions of the model included, known before
 * anything is allocated. RN_INVALID_ARGUMENT: a size below 1 or a batch over 2^31 - 1; else as rn_session_forward. */
RN_API rn_status rn_session_plan_bytes(size_t *nbytes, rn_session *session, int64_t batch, int64_t height,
                                       int64_t width);

/* The counter that dropout draws from; a training step adds one. Set it to resume a run exactly. */
RN_API uint64_t rn_session_step_count(const rn_session *session);
RN_API void rn_session_set_step_count(rn_session *session, uint64_t step_count);

#ifdef __cplusplus
}
#endif

#endif
