/* SPDX-License-Identifier: MIT */
/* What a moving average is; lib/store writes and reads it. */
#ifndef RN_OPTIM_EMA_H
#define RN_OPTIM_EMA_H

#include "params/parameters.h"
#include <resnet/ema.h>

struct rn_ema {
    rn_parameters *parameters; /* retained */
    rn_storage **average;      /* by index of the entry, in its storage order */
    double decay;
    uint64_t calls, every;
    bool average_buffers;
    bool swapped; /* `average` holds the weights, the model the average */
};

/* The average of an entry as a tensor of its shape and strides over the storage. The caller destroys it. */
rn_status rn_ema_tensor(rn_tensor **tensor, const rn_ema *ema, size_t index);
/* Of an entry. */
size_t rn_ema_bytes(const rn_ema *ema, size_t index);
/* Gives every average memory that nobody else holds. RN_NO_MEMORY. */
rn_status rn_ema_own(rn_ema *ema);

#endif
