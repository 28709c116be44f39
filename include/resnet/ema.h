/* SPDX-License-Identifier: MIT */
/*
 * rn_ema: the exponential moving average of a model's weights, torch.optim.swa_utils.AveragedModel with
 * get_ema_multi_avg_fn(decay); with `average_buffers` the ExponentialMovingAverage of torchvision's reference scripts.
 *
 *   average = decay * average + (1 - decay) * weights
 *
 *   rn_ema_create(&ema, rn_model_parameters(model), RN_OPTIONS(rn_ema, .decay = 0.999));
 *   ... rn_optimizer_step(adam);  rn_ema_update(ema);                              after every step
 *   rn_ema_swap(ema);  rn_evaluate(...);  rn_model_save(...);  rn_ema_swap(ema);   the averaged network
 *
 * rn_fit_options.ema_decay lets a trainer do all of it.
 *
 * Thread safety: it belongs to the thread of the model's context. A swap waits for forwards of other threads (model.h).
 */
#ifndef RESNET_EMA_H
#define RESNET_EMA_H

#include <resnet/checkpoint.h>
#include <resnet/parameters.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_ema rn_ema;

typedef struct rn_ema_options {
    size_t struct_size;
    double decay;            /* in [0, 1]; 0: 0.999; RN_ZERO for none */
    int32_t every;           /* the first of so many calls of rn_ema_update counts; 0: every one does */
    int32_t average_buffers; /* 1: running statistics are averaged, too (use_buffers=True; whole numbers are cut off as
                                there); 0: they are the model's at the last update, PyTorch's default */
} rn_ema_options;

/* The average is that of the weights of now until the first update, which takes the weights as they are. A second copy
 * of all values. Keeps the parameters alive. RN_INVALID_ARGUMENT: a decay outside [0, 1], `every` negative.
 * RN_NO_MEMORY. */
RN_API rn_status rn_ema_create(rn_ema **ema, rn_parameters *parameters, const rn_ema_options *options);
/* Takes the weights of now in. The same bits for any number of threads. RN_STATE: the average stands in the model.
 * RN_NO_MEMORY (averages that a state dict holds): nothing has changed. */
RN_API rn_status rn_ema_update(rn_ema *ema);
/*
 * Exchanges the model's values with the average; the second swap puts them back. Values that are equal count as not
 * written, so that what is kept of a frozen part stays good. RN_STATE: a training session is between forward and
 * backward. RN_NO_MEMORY (values or averages that a state dict holds). Nothing has changed then.
 */
RN_API rn_status rn_ema_swap(rn_ema *ema);

/* Puts the average into a checkpoint beside the model's state dict, without a copy until the next update: tensors
 * "ema.<name>" and the number of calls as metadata. RN_INVALID_ARGUMENT: a name is taken. RN_STATE: the average stands
 * in the model. RN_NO_MEMORY. After a failure the checkpoint holds a part of it. */
RN_API rn_status rn_ema_state_dict(rn_checkpoint *state, const rn_ema *ema);
/* Takes it back, all or nothing. RN_FORMAT: there is none, or a part is missing. RN_SHAPE: of another network.
 * RN_STATE as above. RN_NO_MEMORY. */
RN_API rn_status rn_ema_load_state_dict(rn_ema *ema, const rn_checkpoint *state);

/* The model's values stay as they are, also between two swaps. NULL is fine. */
RN_API void rn_ema_destroy(rn_ema *ema);

#ifdef __cplusplus
}
#endif

#endif
