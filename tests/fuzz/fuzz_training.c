/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for training files: the state that a resumed run reads, written again, reads as itself; a file that
 * is refused leaves the network as it was.
 */
#include "fuzz.h"
#include "fuzz_network.h"
#include "train/train.h"

static void read_state(rn_context *context, const char *text)
{
    rn_train_state state, again;
    char *written, *twice;

    if (rn_train_state_read(&state, text, &context->allocator, &context->message) != RN_OK)
        return;
    fuzz_require(rn_train_state_write(&written, &state, NULL) == RN_OK);
    fuzz_require(rn_train_state_read(&again, written, &context->allocator, NULL) == RN_OK);
    fuzz_require(rn_train_state_write(&twice, &again, NULL) == RN_OK);
    fuzz_require(strcmp(written, twice) == 0);
    rn_json_release_text(written);
    rn_json_release_text(twice);
    rn_train_state_release(&state, &context->allocator);
    rn_train_state_release(&again, &context->allocator);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    rn_context *const context = fuzz_context();
    rn_model *const model = fuzz_network(context);
    rn_training_state state = { 0 };
    rn_checkpoint *file;
    rn_storage *owner;

    fuzz_optimizer(&state, model);
    fuzz_require(rn_storage_create(&owner, context, (void *)(uintptr_t)bytes, NULL, NULL) == RN_OK);
    if (rn_checkpoint_read(&file, context, "input", bytes, nbytes, owner) == RN_OK) {
        const uint64_t before = rn_weights_id(model);

        if (rn_training_state_text(file) != NULL)
            read_state(context, rn_training_state_text(file));
        if (rn_training_load(model, &state, file) != RN_OK)
            fuzz_require(rn_weights_id(model) == before);
        rn_checkpoint_destroy(file);
    }
    rn_storage_release(owner);
    rn_scheduler_destroy(state.scheduler);
    rn_optimizer_destroy(state.optimizer);
    rn_model_destroy(model);
    rn_context_destroy(context);
    return 0;
}
