/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer's entry for states of optimizers and schedulers, PyTorch's and ours, as a checkpoint that was opened holds
 * them: a load is all or nothing, and what is exported can be opened. The first byte chooses rule and options; then
 * each line is "key<tab>text", or "#name dimensions..." for a tensor.
 */
#include "fuzz.h"
#include "fuzz_network.h"

static void add_tensor(rn_context *context, rn_checkpoint *file, char *line)
{
    int64_t shape[RN_MAX_RANK];
    int32_t rank = 0;
    rn_tensor *tensor = NULL;
    char *at = strchr(line, ' ');

    while (at != NULL && rank < 4) {
        *at++ = '\0';
        shape[rank++] = strtol(at, NULL, 10) & 15;
        at = strchr(at, ' ');
    }
    fuzz_require(rn_tensor_create(&tensor, context, RN_FLOAT32, rank, shape, RN_ROW_MAJOR) == RN_OK);
    fuzz_require(rn_tensor_fill(tensor, 2) == RN_OK);
    (void)rn_checkpoint_add(file, line, tensor);
    rn_tensor_destroy(tensor);
}

static rn_checkpoint *read_lines(rn_context *context, char *text)
{
    rn_checkpoint *file;

    fuzz_require(rn_checkpoint_create(&file, context) == RN_OK);
    for (char *line = text; line != NULL;) {
        char *const end = strchr(line, '\n'), *tab;

        if (end != NULL)
            *end = '\0';
        tab = strchr(line, '\t');
        if (line[0] == '#') {
            add_tensor(context, file, line + 1);
        } else if (tab != NULL) {
            *tab = '\0';
            (void)rn_checkpoint_set_metadata(file, line, tab + 1);
        }
        line = end != NULL ? end + 1 : NULL;
    }
    return file;
}

static void load(rn_optimizer *optimizer, rn_scheduler *scheduler, const rn_checkpoint *file, uint8_t choice)
{
    const rn_optimizer_load_options options = { .struct_size = sizeof options,
                                                .prefix = choice & 4 ? "o" : NULL,
                                                .pattern = choice & 8 ? "fc" : NULL,
                                                .hyperparameters = choice & 2 };
    const rn_optimizer_state *const before = optimizer->state;
    const double lr = rn_optimizer_lr(optimizer, 0), momentum = optimizer->momentum;
    const int64_t epoch = rn_scheduler_epoch(scheduler);

    if (rn_optimizer_load_state_dict(optimizer, file, &options) != RN_OK)
        fuzz_require(optimizer->state == before && rn_optimizer_lr(optimizer, 0) == lr &&
                     optimizer->momentum == momentum);
    if (rn_scheduler_load_state_dict(scheduler, file, NULL) != RN_OK)
        fuzz_require(rn_scheduler_epoch(scheduler) == epoch);
    for (size_t i = 0; i < optimizer->parameters->count; i++) {
        fuzz_require(optimizer->state[i].steps >= 0);
        for (int32_t slot = 0; slot < rn_optimizer_slot_count(optimizer); slot++)
            fuzz_require((optimizer->state[i].slot[slot] != NULL) == (optimizer->state[i].slot[0] != NULL));
    }
}

static void export_and_open(rn_context *context, const rn_checkpoint *file)
{
    char directory[] = "/tmp/resnet-fuzz-XXXXXX", path[64];
    rn_checkpoint *back;

    fuzz_require(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/file", directory);
    if (rn_training_export(file, path, NULL) == RN_OK) {
        fuzz_require(rn_checkpoint_open(&back, context, path, NULL) == RN_OK);
        rn_checkpoint_destroy(back);
        unlink(path);
    }
    rmdir(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    rn_context *const context = fuzz_context();
    rn_model *const model = fuzz_network(context);
    const uint8_t choice = nbytes > 0 ? bytes[0] : 0;
    char *const text = calloc(1, nbytes + 1);
    rn_training_state state = { 0 };
    rn_checkpoint *file;

    fuzz_require(text != NULL);
    memcpy(text, bytes + (nbytes > 0), nbytes - (nbytes > 0));
    file = read_lines(context, text);
    if (choice & 1) {
        fuzz_require(rn_sgd_create(&state.optimizer, rn_model_parameters(model), NULL) == RN_OK);
        fuzz_require(rn_step_lr_create(&state.scheduler, state.optimizer, NULL) == RN_OK);
    } else {
        fuzz_optimizer(&state, model);
    }
    load(state.optimizer, state.scheduler, file, choice);
    if (rn_checkpoint_metadata(file, "rn.optimizer") != NULL)
        export_and_open(context, file);
    rn_checkpoint_destroy(file);
    rn_scheduler_destroy(state.scheduler);
    rn_optimizer_destroy(state.optimizer);
    rn_model_destroy(model);
    rn_context_destroy(context);
    free(text);
    return 0;
}
