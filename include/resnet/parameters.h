/* SPDX-License-Identifier: MIT */
/*
 * rn_parameters: the named numbers of a model. Names and shapes are those of PyTorch's state dict
 * ("layer1.0.conv1.weight", "bn1.running_mean"). A parameter has a value, may be trainable, and has a gradient from a
 * backward pass until an optimizer step has used it; a buffer (running statistics) has a value only.
 *
 * Borrowed from its model (rn_model_parameters) and valid as long as the model is.
 *
 * Thread safety: names, shapes and kinds never change and may be asked from any thread. rn_parameters_read may be
 * called from any thread, too, with a target of that thread's context. Everything else belongs to the thread of the
 * model's context; writing waits for forwards of other threads that are running and answers RN_STATE while a training
 * session is between forward and backward.
 */
#ifndef RESNET_PARAMETERS_H
#define RESNET_PARAMETERS_H

#include <resnet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_parameters rn_parameters;

/* Parameters and buffers together, in the order of the network. */
RN_API size_t rn_parameters_count(const rn_parameters *parameters);
/* Borrowed; NULL if out of range. */
RN_API const char *rn_parameters_name(const rn_parameters *parameters, size_t index);
/* RN_INVALID_ARGUMENT: no such name. */
RN_API rn_status rn_parameters_find(size_t *index, const rn_parameters *parameters, const char *name);
/* 1 for what an optimizer may train, 0 for a buffer. */
RN_API int rn_parameters_is_parameter(const rn_parameters *parameters, size_t index);
RN_API int rn_parameters_is_trainable(const rn_parameters *parameters, size_t index);
RN_API int rn_parameters_has_gradient(const rn_parameters *parameters, size_t index);
/* Number of elements of all parameters (not buffers), and of the trainable ones. */
RN_API int64_t rn_parameters_elements(const rn_parameters *parameters, int trainable_only);

/* The value, to be read by the thread of the model's context. Borrowed; NULL if out of range. Convolution weights are
 * (out, in, kh, kw), channels-last in memory. */
RN_API const rn_tensor *rn_parameters_value(const rn_parameters *parameters, size_t index);
/* Copies the value into `target`, converting the type; any thread. RN_SHAPE: shapes differ (message of the target's
 * context). RN_INVALID_ARGUMENT: no such index. */
RN_API rn_status rn_parameters_read(const rn_parameters *parameters, size_t index, rn_tensor *target);
/* Sets the value, converting the type. RN_SHAPE: shapes differ. */
RN_API rn_status rn_parameters_write(rn_parameters *parameters, size_t index, const rn_tensor *value);
/* The gradient, to be read. Borrowed until the next backward or step; NULL if there is none. */
RN_API const rn_tensor *rn_parameters_gradient(const rn_parameters *parameters, size_t index);
/* The same to be changed before the step uses it (optimizer.h clips all of them at once). */
RN_API rn_tensor *rn_parameters_mutable_gradient(rn_parameters *parameters, size_t index);
/* Forgets all gradients, so that the next backward overwrites; without it a second backward before a step adds. */
RN_API void rn_parameters_clear_gradients(rn_parameters *parameters);

#ifdef __cplusplus
}
#endif

#endif
