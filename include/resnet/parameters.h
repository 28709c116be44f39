/* SPDX-License-Identifier: MIT */
/*
 * rn_parameters: the named numbers of a model. Names and shapes are those of PyTorch's state dict
 * ("layer1.0.conv1.weight", "bn1.running_mean"). A parameter has a value, may be trainable, and has a gradient from a
 * backward pass until an optimizer step has used it; a buffer (running statistics) has a value only.
 *
 * Borrowed from its model (rn_model_parameters) and valid as long as the model is.
 * Writing while a session is between forward and backward is RN_STATE; while a session of another context runs,
 * RN_BUSY.
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

/* The value, to be read. Borrowed; NULL if out of range. Convolution weights are (out, in, kh, kw), channels-last in
 * memory. */
RN_API const rn_tensor *rn_parameters_value(const rn_parameters *parameters, size_t index);
/* Sets the value, converting the type. RN_SHAPE: shapes differ. */
RN_API rn_status rn_parameters_write(rn_parameters *parameters, size_t index, const rn_tensor *value);
/* The gradient, to be read. Borrowed until the next backward or step; NULL if there is none. */
RN_API const rn_tensor *rn_parameters_gradient(const rn_parameters *parameters, size_t index);
/* Forgets all gradients, so that the next backward overwrites; without it a second backward before a step adds. */
RN_API void rn_parameters_clear_gradients(rn_parameters *parameters);

#ifdef __cplusplus
}
#endif

#endif
