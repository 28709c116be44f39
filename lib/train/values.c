/* SPDX-License-Identifier: MIT */
/* Copies of all values of a model in memory. */
#include "graph/graph.h"
#include "train/train.h"

rn_status rn_values_keep(rn_tensor ***values, const rn_model *model)
{
    const rn_parameters *const parameters = model->graph->parameters;
    rn_status status = RN_OK;

    if (*values == NULL)
        *values = rn_allocate_zeroed(&model->context->allocator, parameters->count, sizeof **values);
    if (*values == NULL)
        return rn_fail(&model->context->message, RN_NO_MEMORY, "no memory for a copy of the weights");
    for (size_t i = 0; i < parameters->count && status == RN_OK; i++) {
        const rn_tensor *const value = rn_parameters_value(parameters, i);
        rn_tensor **const copy = &(*values)[i];

        status = *copy != NULL ? rn_tensor_copy(*copy, value)
                               : rn_tensor_convert(copy, value, rn_tensor_dtype(value), RN_ROW_MAJOR);
    }
    return status;
}

rn_status rn_values_put_back(rn_model *model, rn_tensor *const *values)
{
    rn_parameters *const parameters = model->graph->parameters;
    rn_status status = RN_OK;

    for (size_t i = 0; i < parameters->count && status == RN_OK; i++)
        status = rn_parameters_write(parameters, i, values[i]);
    return status;
}

void rn_values_release(rn_tensor **values, const rn_model *model)
{
    for (size_t i = 0; values != NULL && i < model->graph->parameters->count; i++)
        rn_tensor_destroy(values[i]);
    rn_release(&model->context->allocator, values);
}
