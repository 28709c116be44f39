/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's transfer learning tutorial, section by section: a pretrained network learns the flowers of a folder. What
 * docs/guide.md maps to calls stands here in the tutorial's order.
 *
 *   tutorial flower_data cat_to_name.json resnet18 resnet18-f37072fd.pth PHOTO...
 */
#include <resnet/resnet.h>

#include <stdio.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

enum { PATH_SIZE = 4096, EPOCHS = 20, BATCH = 8 };

/* Prints what an epoch came to, counted from 1; a batch in between is one moving line. */
static int32_t show(const rn_progress *p, void *payload)
{
    (void)payload;
    if (p->epoch_ended)
        printf("\r%s %d/%d  train loss %.4f accuracy %.4f  valid loss %.4f accuracy %.4f%s\n", p->phase, p->epoch + 1,
               p->epochs, p->loss, p->accuracy, p->valid_loss, p->valid_accuracy, p->is_best ? "  best" : "");
    else
        printf("\r%s %d/%d  batch %lld/%lld ", p->phase, p->epoch + 1, p->epochs, (long long)p->batch,
               (long long)p->batches);
    fflush(stdout);
    return RN_FIT_GO_ON;
}

/* Load the data: folders of classes, with the names that people call them. Validation gets training's classes. */
static rn_status load_photos(rn_dataset **train, rn_dataset **valid, rn_context *context, const char *data,
                             const char *labels)
{
    char path[PATH_SIZE];
    rn_status status;

    snprintf(path, sizeof path, "%s/train", data);
    TRY(rn_image_folder_open(train, context, path, NULL));
    TRY(rn_dataset_load_labels(*train, labels));
    snprintf(path, sizeof path, "%s/valid", data);
    status =
        rn_image_folder_open(valid, context, path, RN_OPTIONS(rn_image_folder, .classes = rn_dataset_classes(*train)));
out:
    return status;
}

/* Initialise the network: the head is as wide as there are classes, all else comes from the file. */
static rn_status initialise_model(rn_model **model, rn_context *context, const char *name, const char *weights,
                                  const rn_dataset *train)
{
    rn_status status;

    TRY(rn_model_create(model, context, name, RN_OPTIONS(rn_model, .classes = rn_dataset_classes(train))));
    status = rn_model_load(*model, weights, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS));
out:
    return status;
}

/* "Params to learn". The head has no log-softmax: the loss takes logits, and is log-softmax and NLLLoss in one. */
static void print_params_to_learn(rn_model *model)
{
    const rn_parameters *parameters = rn_model_parameters(model);

    printf("params to learn: %lld of %lld, in", (long long)rn_parameters_elements(parameters, 1),
           (long long)rn_parameters_elements(parameters, 0));
    for (size_t i = 0; rn_model_head_name(model, i) != NULL; i++)
        printf(" %s", rn_model_head_name(model, i));
    printf("\n");
}

/* First the head at 1e-2, then everything at 1e-4, with Adam and StepLR(7, 0.1); ends with the best weights. */
static rn_status train_model(rn_trainer *trainer, rn_model *model)
{
    rn_status status;

    TRY(rn_model_freeze_backbone(model));
    print_params_to_learn(model);
    TRY(rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "frozen", .epochs = EPOCHS, .lr = 1e-2, .lr_step_epochs = 7,
                                           .lr_gamma = 0.1)));
    TRY(rn_model_unfreeze(model, "*"));
    status = rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = EPOCHS, .lr = 1e-4,
                                                .lr_step_epochs = 7, .lr_gamma = 0.1));
out:
    return status;
}

/* The five most probable names of a photo. */
static rn_status predict(rn_model *model, const char *photo)
{
    rn_predictions *best = NULL;
    const rn_status status = rn_predict_file(&best, model, photo, RN_OPTIONS(rn_predict, .top = 5));

    if (status == RN_OK)
        printf("%s\n", photo);
    for (size_t i = 0; status == RN_OK && i < rn_predictions_count(best); i++)
        printf("  %6.2f %%  %s\n", 100 * rn_predictions_probability(best, 0, i), rn_predictions_name(best, 0, i));
    rn_predictions_destroy(best);
    return status;
}

int main(int argc, char **argv)
{
    rn_context *context = NULL;
    rn_dataset *train = NULL, *valid = NULL;
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;
    rn_status status;

    if (argc < 5) {
        fprintf(stderr, "usage: tutorial DATA LABELS NETWORK WEIGHTS [PHOTO...]\n");
        return 2;
    }
    TRY(rn_context_create(&context, NULL));
    TRY(load_photos(&train, &valid, context, argv[1], argv[2]));
    TRY(initialise_model(&model, context, argv[3], argv[4], train));
    /* run/best.safetensors is the checkpoint; with .resume a second start goes on from run/last.safetensors. */
    TRY(rn_trainer_create(
        &trainer, model, train, valid,
        RN_OPTIONS(rn_trainer, .directory = "run", .batch_size = BATCH, .resume = 1, .progress = show)));
    TRY(train_model(trainer, model));
    for (int i = 5; i < argc; i++)
        TRY(predict(model, argv[i]));
out:
    if (status != RN_OK)
        fprintf(stderr, "tutorial: %s\n", rn_context_message(context));
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_dataset_destroy(valid);
    rn_dataset_destroy(train);
    rn_context_destroy(context);
    return status != RN_OK;
}
