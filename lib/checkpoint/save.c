/* SPDX-License-Identifier: MIT */
/* Saving: the format tells the writer. */
#include "checkpoint/checkpoint.h"

#include "base/options.h"

RN_NO_TAIL_PADDING(rn_checkpoint_save_options, struct_size);

rn_status rn_checkpoint_save(const rn_checkpoint *checkpoint, const char *path, rn_format format,
                             const rn_checkpoint_save_options *options)
{
    rn_checkpoint_save_options o;
    rn_status status;

    if (checkpoint == NULL)
        return rn_fail_null("rn_checkpoint_save", "checkpoint");
    status = rn_options_read(&o, sizeof o, options, &checkpoint->context->message);
    if (status != RN_OK)
        return status;
    if (path == NULL)
        return rn_fail(&checkpoint->context->message, RN_INVALID_ARGUMENT, "rn_checkpoint_save: path is NULL");
    if (!RN_CHECKPOINT_READABLE)
        return rn_fail(&checkpoint->context->message, RN_UNSUPPORTED,
                       "%s: checkpoints are little-endian, and this machine is not", path);
    switch (format) {
    case RN_FORMAT_SAFETENSORS: return rn_safetensors_write(checkpoint, path);
    case RN_FORMAT_TORCH: return rn_torch_zip_write(checkpoint, path);
    default:
        return rn_fail(&checkpoint->context->message, RN_INVALID_ARGUMENT, "%s: there is no checkpoint format %d", path,
                       (int)format);
    }
}
