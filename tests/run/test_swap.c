/* SPDX-License-Identifier: MIT */
/*
 * A server that changes its weights under traffic: four workers, each with a context and a session, answer without a
 * pause while another thread loads one set of weights after the other, freezes, unfreezes, sets pipelines and class
 * tables and saves. Every answer must be exactly that of one of the sets, and every load must succeed.
 *
 * RESNET_SWAP_SECONDS says how long (1); the thread sanitizer's run takes 30.
 */
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORKERS = 4, SETS = 3, CLASSES = 4, SIDE = 16 };

static rn_model *model;
static float answers[SETS][CLASSES];
static atomic_int stop, torn, failed;
static atomic_long answered, used[SETS];

static rn_model *make_model(rn_context *context, uint64_t seed)
{
    rn_graph *graph = NULL;
    rn_model *made = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&graph, context));
    x = rn_graph_input(graph, "images", 3, SIDE, SIDE, NULL);
    x = rn_conv2d(graph, x, "conv", 16, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    x = rn_relu(graph, rn_batch_norm2d(graph, x, "bn", NULL), NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", CLASSES, NULL));
    rn_graph_head(graph, "fc");
    require_ok(context, rn_model_build(&made, graph, "served", RN_OPTIONS(rn_model, .seed = seed)));
    rn_graph_destroy(graph);
    return made;
}

static rn_image *make_photo(rn_context *context)
{
    static uint8_t pixels[SIDE * SIDE * 3];
    rn_image *image = NULL;

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37 % 251);
    require_ok(context, rn_image_create(&image, context, SIDE, SIDE, pixels, 0));
    return image;
}

/* The logits of the photo, through the model's pipeline; false if something was refused. */
static bool answer(float logits[CLASSES], rn_session *session, rn_context *context, const rn_image *photo)
{
    rn_tensor *tensor = NULL, *batch = NULL;
    const rn_tensor *output;
    const bool fine = rn_pipeline_apply(&tensor, context, rn_model_pipeline(model), photo, NULL) == RN_OK &&
                      rn_tensor_stack(&batch, context, (const rn_tensor *const[]){ tensor }, 1) == RN_OK &&
                      rn_session_forward(session, batch) == RN_OK && rn_session_output(&output, session, 0) == RN_OK &&
                      rn_tensor_read(output, RN_FLOAT32, logits, CLASSES * sizeof *logits) == RN_OK;

    rn_tensor_destroy(batch);
    rn_tensor_destroy(tensor);
    return fine && rn_classes_count(rn_model_classes(model)) == CLASSES;
}

static void *serve(void *unused)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_image *photo = make_photo(context);
    rn_session *session = NULL;

    (void)unused;
    require_ok(context, rn_session_create(&session, context, model, NULL));
    while (!stop) {
        float logits[CLASSES];
        int set = 0;

        failed += !answer(logits, session, context, photo);
        while (set < SETS && memcmp(logits, answers[set], sizeof logits) != 0)
            set++;
        if (set < SETS)
            used[set]++;
        else
            torn++;
        answered++;
    }
    rn_session_destroy(session);
    rn_image_destroy(photo);
    rn_context_destroy(context);
    return NULL;
}

static double now(void)
{
    struct timespec time;

    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* One change of each kind. */
static void change(rn_context *context, rn_checkpoint *const *sets, int round, const rn_classes *classes)
{
    rn_checkpoint *saved = NULL;
    rn_tensor *value = NULL;

    require_ok(context, rn_model_load_checkpoint(model, sets[round % SETS], NULL));
    require_ok(context, round % 2 ? rn_model_freeze(model, "conv") : rn_model_unfreeze(model, "*"));
    if (round % 64 == 0) { /* what was lent is kept, so not at every turn */
        require_ok(context, rn_model_set_pipeline(model, round % 128 ? "ToTensor()" : "CenterCrop(16), ToTensor()"));
        require_ok(context, rn_model_set_classes(model, classes));
    }
    /* What is collected now stays as it is, whatever is loaded afterwards. */
    require_ok(context, rn_checkpoint_create(&saved, context));
    require_ok(context, rn_model_state_dict(saved, model));
    require_ok(context, rn_tensor_convert(&value, rn_checkpoint_find(saved, "fc.weight"), RN_FLOAT32, RN_ROW_MAJOR));
    require_ok(context, rn_model_load_checkpoint(model, sets[(round + 1) % SETS], NULL));
    require_ok(context, rn_parameters_write(rn_model_parameters(model), 0,
                                            rn_checkpoint_find(sets[(round + 1) % SETS], "conv.weight")));
    for (int64_t i = 0; i < CLASSES; i++) {
        double before, after;

        require_ok(context, rn_tensor_get(value, (const int64_t[]){ i, 0 }, &before));
        require_ok(context, rn_tensor_get(rn_checkpoint_find(saved, "fc.weight"), (const int64_t[]){ i, 0 }, &after));
        assert_true(before == after);
    }
    rn_tensor_destroy(value);
    rn_checkpoint_destroy(saved);
}

static void every_answer_is_of_one_set_of_weights(void **state)
{
    static const char *const folders[CLASSES] = { "a", "b", "c", "d" };
    const char *const seconds = getenv("RESNET_SWAP_SECONDS");
    const double end = now() + (seconds != NULL ? atof(seconds) : 1);
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_image *photo = make_photo(context);
    rn_checkpoint *sets[SETS];
    rn_classes *classes = NULL;
    rn_session *session = NULL;
    pthread_t worker[WORKERS];
    long loads = 0;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, CLASSES));
    model = make_model(context, 1);
    require_ok(context, rn_model_set_pipeline(model, "ToTensor()"));
    require_ok(context, rn_model_set_classes(model, classes));
    require_ok(context, rn_session_create(&session, context, model, NULL));
    for (int i = 0; i < SETS; i++) {
        rn_model *other = make_model(context, (uint64_t)i + 10);

        require_ok(context, rn_checkpoint_create(&sets[i], context));
        require_ok(context, rn_model_state_dict(sets[i], other));
        rn_model_destroy(other);
        require_ok(context, rn_model_load_checkpoint(model, sets[i], NULL));
        assert_true(answer(answers[i], session, context, photo));
        assert_true(i == 0 || memcmp(answers[i], answers[i - 1], sizeof answers[0]) != 0);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&worker[i], NULL, serve, NULL), 0);
    do {
        change(context, sets, (int)loads, classes);
        loads += 2;
    } while (now() < end || used[0] == 0 || used[1] == 0 || used[2] == 0);
    stop = 1;
    for (int i = 0; i < WORKERS; i++)
        pthread_join(worker[i], NULL);
    print_message("%ld loads under %ld answers of the sets %ld, %ld, %ld\n", loads, (long)answered, (long)used[0],
                  (long)used[1], (long)used[2]);
    assert_int_equal(torn, 0);
    assert_int_equal(failed, 0);
    for (int i = 0; i < SETS; i++)
        rn_checkpoint_destroy(sets[i]);
    rn_session_destroy(session);
    rn_image_destroy(photo);
    rn_classes_destroy(classes);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_answer_is_of_one_set_of_weights) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
