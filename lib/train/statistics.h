/* SPDX-License-Identifier: MIT */
/* What training changes in a model besides its parameters: the running statistics of batch norms, as bytes. */
#ifndef RN_TRAIN_STATISTICS_H
#define RN_TRAIN_STATISTICS_H

#include "params/parameters.h"

size_t rn_statistics_bytes(const rn_parameters *parameters);
void rn_statistics_copy(char *bytes, const rn_parameters *parameters);
/* Writes back what differs, so that versions rise only where something has changed. Errors as
 * rn_parameters_begin_write. */
rn_status rn_statistics_restore(rn_parameters *parameters, const char *bytes, rn_message *message);

#endif
