/* SPDX-License-Identifier: MIT */
/* Around the statements of docs/embedding.md: the objects that they name. Any failure of theirs leaves a message. */
#include <resnet/resnet.h>
#include <stdio.h>

int main(void)
{
    static const uint8_t grey[32 * 32 * 3] = { 127 };
    rn_context *context = NULL;
    rn_checkpoint *file = NULL;
    rn_model *model = NULL;
    rn_optimizer *adam = NULL;
    rn_scheduler *schedule = NULL;
    rn_dataset *photos = NULL, *good = NULL, *train = NULL, *valid = NULL;
    rn_scan *scan = NULL;
    rn_session *session = NULL;
    rn_image *image = NULL;
    rn_tensor *photo = NULL, *batch = NULL;
    int failed;

    if (rn_context_create(&context, NULL) != RN_OK)
        return 1;
    rn_model_create(&model, context, "resnet18", NULL);
    rn_image_create(&image, context, 32, 32, grey, 0);
    /* A training script's checkpoint.pth. */
    rn_adam_create(&adam, rn_model_parameters(model), NULL);
    rn_step_lr_create(&schedule, adam, NULL);
    rn_checkpoint_create(&file, context);
    rn_model_state_dict(file, model);
    rn_optimizer_state_dict(file, adam);
    rn_scheduler_state_dict(file, schedule);
    rn_training_export(file, "checkpoint.pth", NULL);
    rn_scheduler_destroy(schedule);
    rn_optimizer_destroy(adam);
    rn_checkpoint_destroy(file);

#include "embedding.blocks"

    failed = rn_context_message(context)[0] != '\0';
    puts(rn_context_message(context));
    rn_tensor_destroy(batch);
    rn_tensor_destroy(photo);
    rn_image_destroy(image);
    rn_session_destroy(session);
    rn_dataset_destroy(valid);
    rn_dataset_destroy(train);
    rn_dataset_destroy(good);
    rn_scan_destroy(scan);
    rn_dataset_destroy(photos);
    rn_context_destroy(context);
    return failed;
}
