/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's transfer learning tutorial, section by section: a pretrained network learns the flowers of a folder.
 * docs/guide.md walks through it.
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

enum { EPOCHS = 20, BATCH = 8, PICTURES = 8, PATH_SIZE = 4096 };

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
    TRY(rn_image_folder_open(valid, context, path, RN_OPTIONS(rn_image_folder, .classes = rn_dataset_classes(*train))));
out:
    return status;
}

/* A photo's caption: what it is or, of a network that has learnt, what it is taken for (and is), green where right. */
static rn_status caption(rn_contact *contact, char *text, size_t size, const rn_classes *classes, int64_t label,
                         rn_model *model)
{
    const char *name = rn_classes_name(classes, (size_t)label);
    rn_predictions *best = NULL;
    rn_status status = RN_OK;

    snprintf(text, size, "%s", name);
    contact->caption = text;
    if (model != NULL && (status = rn_predict_image(&best, model, contact->image, NULL)) == RN_OK) {
        const int right = rn_predictions_index(best, 0, 0) == label;

        snprintf(text, size, "%s\n(%s)", rn_predictions_name(best, 0, 0), name);
        contact->colour[right] = right ? 140 : 220; /* of red, green, blue: green if right, else red */
    }
    rn_predictions_destroy(best);
    return status;
}

/* Show the data; later, show the predictions: a sheet of eight photos from all over the folder. */
static rn_status show_photos(const char *path, rn_context *context, const rn_dataset *photos, rn_model *model)
{
    rn_image *images[PICTURES] = { NULL }, *sheet = NULL;
    rn_contact contacts[PICTURES] = { { NULL, NULL, { 0 } } };
    char captions[PICTURES][128];
    rn_status status;

    for (size_t i = 0; i < PICTURES; i++) {
        const size_t sample = i * rn_dataset_count(photos) / PICTURES;

        TRY(rn_image_read(&images[i], context, rn_dataset_path(photos, sample), NULL));
        contacts[i].image = images[i];
        TRY(caption(&contacts[i], captions[i], sizeof captions[i], rn_dataset_classes(photos),
                    rn_dataset_label(photos, sample), model));
    }
    TRY(rn_contact_sheet(&sheet, context, contacts, PICTURES, RN_OPTIONS(rn_contact_sheet, .columns = 4)));
    TRY(rn_image_write_png(sheet, path));
out:
    for (size_t i = 0; i < PICTURES; i++)
        rn_image_destroy(images[i]);
    rn_image_destroy(sheet);
    return status;
}

/* Initialise the network: the head is as wide as there are classes, all else comes from the file. */
static rn_status initialise_model(rn_model **model, rn_context *context, const char *name, const char *weights,
                                  const rn_dataset *train)
{
    rn_status status;

    TRY(rn_model_create(model, context, name, RN_OPTIONS(rn_model, .classes = rn_dataset_classes(train))));
    TRY(rn_model_load(*model, weights, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
    TRY(rn_model_freeze_backbone(*model));
out:
    return status;
}

/* "Params to learn": after freezing the head's alone. */
static void print_params_to_learn(rn_model *model)
{
    const rn_parameters *parameters = rn_model_parameters(model);

    puts("Params to learn:");
    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        if (rn_parameters_is_trainable(parameters, i))
            printf("\t%s\n", rn_parameters_name(parameters, i));
}

/* What an epoch came to. The library counts from 0. */
static int32_t show_epoch(const rn_progress *p, void *payload)
{
    (void)payload;
    if (p->epoch_ended)
        printf("%s %d/%d  train loss %.4f acc %.4f  valid loss %.4f acc %.4f%s\n", p->phase, p->epoch + 1, p->epochs,
               p->loss, p->accuracy, p->valid_loss, p->valid_accuracy, p->is_best ? "  best" : "");
    fflush(stdout);
    return RN_FIT_GO_ON;
}

/* First the head at 1e-2, then everything at 1e-4: Adam, StepLR(7, 0.1), and log-softmax and NLLLoss in one. Each fit
 * ends with the best weights so far. */
static rn_status train_model(rn_trainer *trainer, rn_model *model)
{
    rn_status status;

    TRY(rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "frozen", .epochs = EPOCHS, .lr = 1e-2, .lr_step_epochs = 7,
                                           .lr_gamma = 0.1)));
    TRY(rn_model_unfreeze(model, "*"));
    TRY(rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = EPOCHS, .lr = 1e-4, .lr_step_epochs = 7,
                                           .lr_gamma = 0.1)));
out:
    return status;
}

/* The five most probable names of a photo. */
static rn_status predict(rn_model *model, const char *photo)
{
    rn_predictions *best = NULL;
    const rn_status status = rn_predict_file(&best, model, photo, RN_OPTIONS(rn_predict, .top = 5));

    for (size_t i = 0; status == RN_OK && i < rn_predictions_count(best); i++)
        printf("%s  %6.2f %%  %s\n", photo, 100 * rn_predictions_probability(best, 0, i),
               rn_predictions_name(best, 0, i));
    rn_predictions_destroy(best);
    return status;
}

/* What the library warns of: classes with few photos, validation photos that are training photos, ... */
static void warn(rn_log_level level, const char *line, void *payload)
{
    (void)payload;
    fprintf(stderr, "%s%s\n", level == RN_LOG_WARNING ? "warning: " : "", line);
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
    TRY(rn_context_create(&context, RN_OPTIONS(rn_context, .log = warn)));
    TRY(load_photos(&train, &valid, context, argv[1], argv[2]));
    TRY(show_photos("photos.png", context, valid, NULL));
    TRY(initialise_model(&model, context, argv[3], argv[4], train));
    print_params_to_learn(model);
    /* flowers/best.safetensors is the checkpoint; started again, the program goes on from flowers/last.safetensors. */
    TRY(rn_trainer_create(
        &trainer, model, train, valid,
        RN_OPTIONS(rn_trainer, .directory = "flowers", .batch_size = BATCH, .resume = 1, .progress = show_epoch)));
    TRY(train_model(trainer, model));
    for (int i = 5; i < argc; i++)
        TRY(predict(model, argv[i]));
    TRY(show_photos("predictions.png", context, valid, model));
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
