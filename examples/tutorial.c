/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's transfer learning tutorial, section by section: a network learns flowers. docs/guide.md walks through it.
 *
 *   tutorial flower_data cat_to_name.json resnet18 resnet18-f37072fd.pth PHOTO...
 */
#include <resnet/resnet.h>
#include <stdio.h>
#include <stdlib.h>

enum { EPOCHS = 20, BATCH = 8, PICTURES = 8 };

/* What fails ends the program, with the library's words for it. */
static void must(const rn_context *context, rn_status status)
{
    if (status == RN_OK)
        return;
    fprintf(stderr, "tutorial: %s\n", rn_context_message(context));
    exit(EXIT_FAILURE);
}

/* What the library warns of: classes with few photos, validation photos that are training photos, ... */
static void warn(rn_log_level level, const char *line, void *payload)
{
    (void)payload;
    fprintf(stderr, "%s%s\n", level == RN_LOG_WARNING ? "warning: " : "", line);
}

/* Load the data: folders of classes. Validation gets training's. */
static rn_dataset *load_photos(rn_context *context, const char *data, const char *split, const rn_classes *classes)
{
    rn_dataset *photos = NULL;
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", data, split);
    must(context, rn_image_folder_open(&photos, context, path, RN_OPTIONS(rn_image_folder, .classes = classes)));
    return photos;
}

/* A caption of two lines: what the network takes the photo for and, in brackets, what it is; green where right. */
static void judge(rn_contact *contact, char *text, size_t size, rn_context *context, rn_model *model, int64_t label)
{
    rn_predictions *best = NULL;

    must(context, rn_predict_image(&best, model, contact->image, NULL));
    const int right = rn_predictions_index(best, 0, 0) == label;
    snprintf(text, size, "%s\n(%s)", rn_predictions_name(best, 0, 0), contact->caption);
    contact->caption = text;
    contact->colour[right] = right ? 140 : 220; /* of red, green, blue: green if right, else red */
    rn_predictions_destroy(best);
}

/* Show the data and, with a network, its predictions: a sheet of eight photos from all over the folder. */
static void show_photos(const char *path, rn_context *context, const rn_dataset *photos, rn_model *model)
{
    rn_image *images[PICTURES] = { NULL }, *sheet = NULL;
    rn_contact contacts[PICTURES];
    char captions[PICTURES][128];

    for (size_t i = 0; i < PICTURES; i++) {
        const size_t sample = i * rn_dataset_count(photos) / PICTURES;
        const int64_t label = rn_dataset_label(photos, sample);
        const char *const name = rn_classes_name(rn_dataset_classes(photos), (size_t)label);

        must(context, rn_image_read(&images[i], context, rn_dataset_path(photos, sample), NULL));
        contacts[i] = (rn_contact){ .image = images[i], .caption = name };
        if (model != NULL)
            judge(&contacts[i], captions[i], sizeof captions[i], context, model, label);
    }
    must(context, rn_contact_sheet(&sheet, context, contacts, PICTURES, RN_OPTIONS(rn_contact_sheet, .columns = 4)));
    must(context, rn_image_write_png(sheet, path));
    for (size_t i = 0; i < PICTURES; i++)
        rn_image_destroy(images[i]);
    rn_image_destroy(sheet);
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

/* The five most probable names of a photo. */
static void name_photo(const char *photo, rn_context *context, rn_model *model)
{
    rn_predictions *best = NULL;

    must(context, rn_predict_file(&best, model, photo, RN_OPTIONS(rn_predict, .top = 5)));
    for (size_t i = 0; i < rn_predictions_count(best); i++)
        printf("%s  %6.2f %%  %s\n", photo, 100 * rn_predictions_probability(best, 0, i),
               rn_predictions_name(best, 0, i));
    rn_predictions_destroy(best);
}

int main(int argc, char **argv)
{
    rn_context *context = NULL;
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;

    if (argc < 5) {
        fprintf(stderr, "usage: tutorial DATA LABELS NETWORK WEIGHTS [PHOTO...]\n");
        return 2;
    }
    must(NULL, rn_context_create(&context, RN_OPTIONS(rn_context, .log = warn)));
    /* Load the data, with the names that people call the flowers, and show it. */
    rn_dataset *const train = load_photos(context, argv[1], "train", NULL);
    must(context, rn_dataset_load_labels(train, argv[2]));
    rn_dataset *const valid = load_photos(context, argv[1], "valid", rn_dataset_classes(train));
    show_photos("photos.png", context, valid, NULL);

    /* Initialise the network: the head is as wide as there are classes, all else comes from the file. */
    must(context,
         rn_model_create(&model, context, argv[3], RN_OPTIONS(rn_model, .classes = rn_dataset_classes(train))));
    must(context, rn_model_load(model, argv[4], RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP_IF_SIZE_DIFFERS)));
    must(context, rn_model_freeze_backbone(model));
    const rn_parameters *const parameters = rn_model_parameters(model);
    puts("Params to learn:");
    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        if (rn_parameters_is_trainable(parameters, i))
            printf("\t%s\n", rn_parameters_name(parameters, i));

    /* flowers/best.safetensors is the checkpoint; started again, the program goes on from flowers/last.safetensors. */
    must(context, rn_trainer_create(&trainer, model, train, valid,
                                    RN_OPTIONS(rn_trainer, .directory = "flowers", .batch_size = BATCH, .resume = 1,
                                               .progress = show_epoch)));
    /* The head, then everything: Adam, StepLR, log-softmax and NLLLoss in one. Each fit ends with the best weights. */
    must(context, rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "frozen", .epochs = EPOCHS, .lr = 1e-2,
                                                     .lr_step_epochs = 7, .lr_gamma = 0.1)));
    must(context, rn_model_unfreeze(model, "*"));
    must(context, rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = EPOCHS, .lr = 1e-4,
                                                     .lr_step_epochs = 7, .lr_gamma = 0.1)));

    for (int i = 5; i < argc; i++)
        name_photo(argv[i], context, model);
    show_photos("predictions.png", context, valid, model);
    must(context, rn_trainer_write_report(trainer, NULL, NULL)); /* flowers/report.html: curves and all the rest */

    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_dataset_destroy(valid);
    rn_dataset_destroy(train);
    rn_context_destroy(context);
    return EXIT_SUCCESS;
}
