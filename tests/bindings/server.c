/* SPDX-License-Identifier: MIT */
/* A server: one model, a context and a session for each thread, weights that change under traffic. */
#include <pthread.h>
#include <resnet/resnet.h>
#include <stdio.h>

enum { WORKERS = 2, PHOTOS = 20, SIDE = 32 };

static rn_model *model;

static void *serve(void *failed)
{
    static const uint8_t grey[SIDE * SIDE * 3] = { 127 };
    rn_context *context = NULL;
    rn_session *session = NULL;
    rn_image *photo = NULL;

    if (rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1)) != RN_OK ||
        rn_session_create(&session, context, model, NULL) != RN_OK ||
        rn_image_create(&photo, context, SIDE, SIDE, grey, 0) != RN_OK)
        *(int *)failed = 1;
    for (int i = 0; i < PHOTOS && !*(int *)failed; i++) {
        rn_predictions *answer = NULL;

        if (rn_session_predict_image(&answer, session, photo, RN_OPTIONS(rn_predict, .top = 1)) != RN_OK)
            *(int *)failed = 1;
        rn_predictions_destroy(answer);
    }
    rn_image_destroy(photo);
    rn_session_destroy(session);
    rn_context_destroy(context);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *weights = argc > 1 ? argv[1] : "server.safetensors";
    pthread_t worker[WORKERS];
    int failed[WORKERS] = { 0 }, started = 0, bad = 0;
    char why[256];
    rn_context *context = NULL;

    if (rn_context_create(&context, RN_OPTIONS(rn_context, .message = why, .message_size = sizeof why)) != RN_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    bad = rn_model_create(&model, context, "cifar_resnet20", NULL) != RN_OK ||
          rn_model_save(model, weights, NULL) != RN_OK;
    for (; started < WORKERS && !bad; started++)
        if (pthread_create(&worker[started], NULL, serve, &failed[started]) != 0)
            break;
    for (int i = 0; i < 5 && !bad; i++) /* new weights, while they answer */
        bad |= rn_model_load(model, weights, NULL) != RN_OK;
    bad |= started < WORKERS;
    for (int i = 0; i < started; i++) {
        pthread_join(worker[i], NULL);
        bad |= failed[i];
    }
    printf("%s\n", bad ? rn_context_message(context) : "answered");
    rn_model_destroy(model);
    rn_context_destroy(context);
    return bad;
}
