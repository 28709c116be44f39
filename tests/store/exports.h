/* SPDX-License-Identifier: MIT */
/* Training checkpoints for PyTorch, exported and read back by our own reader. */
#ifndef RN_TESTS_STORE_EXPORTS_H
#define RN_TESTS_STORE_EXPORTS_H

#include "store/store.h"
#include "support/support.h"

/* The file, at a path of its own. */
static inline const char *export_to_file(rn_context *context, const rn_checkpoint *state,
                                         const rn_training_export_options *options)
{
    const char *const path = rn_test_path(rn_test_directory(), "checkpoint.pth");

    require_ok(context, rn_training_export(state, path, options));
    return path;
}

static inline rn_checkpoint *exported(rn_context *context, const rn_checkpoint *state,
                                      const rn_training_export_options *options)
{
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_open(&file, context, export_to_file(context, state, options), NULL));
    return file;
}

static inline void require_text(const rn_checkpoint *file, const char *key, const char *value)
{
    const char *const text = rn_checkpoint_metadata(file, key);

    if (text == NULL || strcmp(text, value) != 0)
        fail_msg("%s is %s instead of %s", key, text != NULL ? text : "(absent)", value);
}

#endif
