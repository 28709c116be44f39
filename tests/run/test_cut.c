/* SPDX-License-Identifier: MIT */
/*
 * A network that begins behind a layer: features that one session gave and somebody kept are what another begins with.
 * What it computes of them is, bit for bit, what the whole network computes.
 */
#include "run/cut.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

/* ---- inference --------------------------------------------------------------------------------------------------- */

/* The logits of kept features, all together and some of them, in either order of memory. */
static void require_same_logits(rn_model *model, const char *name, const rn_tensor *images)
{
    rn_session *const whole = cut_whole(context, model, name, RN_INFER), *const head =
                                                                             cut_behind(context, model, name, RN_INFER);
    rn_tensor *features, *expected, *got, *part = NULL, *part_expected = NULL, *last = NULL;

    require_ok(context, rn_session_forward(whole, images));
    expected = cut_kept(context, whole, 0);
    features = cut_kept(context, whole, 1);
    require_ok(context, rn_session_forward(head, features));
    got = cut_kept(context, head, 0);
    cut_require_same_bits(context, got, expected);
    rn_tensor_destroy(got);
    require_ok(context, rn_tensor_view(&part, features, 0, 1, 2));
    require_ok(context, rn_tensor_view(&part_expected, expected, 0, 1, 2));
    if (rn_tensor_rank(features) == 4)
        require_ok(context, rn_tensor_convert(&last, part, RN_FLOAT32, RN_CHANNELS_LAST));
    require_ok(context, rn_session_forward(head, last != NULL ? last : part));
    got = cut_kept(context, head, 0);
    cut_require_same_bits(context, got, part_expected);
    rn_tensor_destroy(got);
    rn_tensor_destroy(last);
    rn_tensor_destroy(part_expected);
    rn_tensor_destroy(part);
    rn_tensor_destroy(features);
    rn_tensor_destroy(expected);
    rn_session_destroy(head);
    rn_session_destroy(whole);
}

/* True if the network can begin behind that layer; else it says what is missing. */
static bool can_begin(rn_model *model, const char *name, const rn_tensor *images)
{
    rn_tensor *const features = cut_features(context, model, name, images);
    rn_session *const head = cut_behind(context, model, name, RN_INFER);
    const rn_status status = rn_session_forward(head, features);

    if (status != RN_OK) {
        require_status(context, status, RN_INVALID_ARGUMENT);
        assert_non_null(strstr(rn_context_message(context), name));
        assert_non_null(strstr(rn_context_message(context), "also needs '"));
    }
    rn_session_destroy(head);
    rn_tensor_destroy(features);
    return status == RN_OK;
}

/* Wherever it can begin; elsewhere, such as inside a residual block, it is refused. Gives how many layers it can. */
static int require_same_logits_everywhere(rn_model *model, const rn_tensor *images)
{
    int places = 0;

    for (int32_t i = 0; i < model->graph->count; i++) {
        const char *const name = model->graph->layer[i].name;

        if (!can_begin(model, name, images))
            continue;
        require_same_logits(model, name, images);
        places++;
    }
    return places;
}

/* The images; conv1, bn1, ReLU; of each block the sum and its ReLU; the pool; the squeeze layer and its ReLU; and the
 * concatenation with all that follows it, the logits included. */
enum { PLACES = 1 + 3 + 3 * 2 + 1 + 2 + 6 };

static void features_of_any_layer_give_the_same_logits(void **state)
{
    rn_model *const model = residual_network(context, 0.5);
    rn_tensor *const images = residual_images(context, 4, 6);

    (void)state;
    assert_int_equal(require_same_logits_everywhere(model, images), PLACES);
    require_same_logits(model, "layer3", images);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
}

static rn_model *zoo(const char *name)
{
    rn_model *model = NULL;

    require_ok(context, rn_model_create(&model, context, name,
                                        RN_OPTIONS(rn_model, .class_count = 10, .height = 32, .width = 32)));
    return model;
}

static rn_tensor *zoo_images(void)
{
    rn_tensor *images = NULL;

    require_ok(context,
               rn_tensor_create(&images, context, RN_FLOAT32, 4, (const int64_t[]){ 3, 3, 32, 32 }, RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), 5);
    return images;
}

static void networks_of_the_zoo_begin_behind_their_stages(void **state)
{
    static const char *const places[][2] = { { "resnet18", "layer3" },
                                             { "resnet18", "avgpool" },
                                             { "densenet121", "features.denseblock3" },
                                             { "squeezenet1_1", "features.9" } };
    rn_tensor *const images = zoo_images();

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        rn_model *const model = zoo(places[i][0]);

        require_same_logits(model, places[i][1], images);
        rn_model_destroy(model);
    }
    rn_tensor_destroy(images);
}

/* The map that is given is the beginning of the next concatenation, but it has a place of its own. */
static void a_dense_block_begins_in_its_middle(void **state)
{
    rn_model *const model = zoo("densenet121");
    rn_tensor *const images = zoo_images();
    int32_t value = 0;

    (void)state;
    for (int concatenations = 0; concatenations < 30; value++)
        concatenations += model->graph->layer[value].kind == RN_LAYER_CONCAT;
    assert_non_null(strstr(model->graph->layer[value - 1].name, "denseblock3"));
    require_same_logits(model, model->graph->layer[value - 1].name, images);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
}

/* What was given comes out again, alone or beside what was computed of it. */
static void what_is_given_may_be_asked_for(void **state)
{
    static const char *const names[] = { "layer3", "logits" };
    rn_model *const model = residual_network(context, 0.5);
    rn_tensor *const images = residual_images(context, 4, 6),
                     *features = cut_features(context, model, "layer3", images);

    (void)state;
    for (size_t count = 1; count <= 2; count++) {
        for (int mode = RN_INFER; mode <= RN_TRAIN; mode++) {
            rn_session *session = NULL;
            rn_tensor *copy;

            require_ok(context, rn_session_create(&session, context, model,
                                                  RN_OPTIONS(rn_session, .outputs = names, .output_count = count,
                                                             .input = "layer3", .mode = mode, .input_gradient = mode)));
            require_ok(context, rn_session_forward(session, features));
            copy = cut_kept(context, session, 0);
            cut_require_same_bits(context, copy, features);
            rn_tensor_destroy(copy);
            rn_session_destroy(session);
        }
    }
    rn_tensor_destroy(features);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void what_cannot_be_a_beginning_is_refused(void **state)
{
    static const char *const logits = "logits", *const both[] = { "logits", "layer2" };
    rn_model *const model = residual_network(context, 0);
    rn_session *session = NULL;
    rn_tensor *features = NULL;

    (void)state;
    require_status(context,
                   rn_session_create(&session, context, model,
                                     RN_OPTIONS(rn_session, .outputs = &logits, .output_count = 1, .input = "layer9")),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'layer9'"));
    require_ok(context,
               rn_tensor_create(&features, context, RN_FLOAT32, 4, (const int64_t[]){ 2, 16, 5, 5 }, RN_ROW_MAJOR));
    require_ok(context,
               rn_session_create(&session, context, model,
                                 RN_OPTIONS(rn_session, .outputs = both, .output_count = 2, .input = "layer3")));
    require_status(context, rn_session_forward(session, features), RN_INVALID_ARGUMENT); /* "layer2" lies before */
    assert_non_null(
        strstr(rn_context_message(context), model->graph->layer[rn_model_find_value(model, "layer3")].name));
    assert_non_null(
        strstr(rn_context_message(context), model->graph->layer[rn_model_find_value(model, "layer2")].name));
    rn_session_destroy(session);
    session = cut_behind(context, model, "layer3.conv1", RN_INFER); /* the shortcut goes round it */
    require_status(context, rn_session_forward(session, features), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'layer3.conv1'"));
    assert_non_null(strstr(rn_context_message(context), "also needs '"));
    rn_session_destroy(session);
    rn_tensor_destroy(features);
    rn_model_destroy(model);
}

static void require_refused(rn_session *session, int32_t rank, const int64_t *shape, rn_dtype dtype)
{
    rn_tensor *wrong = NULL;

    require_ok(context, rn_tensor_create(&wrong, context, dtype, rank, shape, RN_ROW_MAJOR));
    require_status(context, rn_session_forward(session, wrong), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "features"));
    rn_tensor_destroy(wrong);
}

static void features_of_another_shape_are_refused(void **state)
{
    rn_model *const model = residual_network(context, 0);
    rn_session *const session = cut_behind(context, model, "layer3", RN_INFER);

    (void)state;
    require_refused(session, 4, (const int64_t[]){ 2, 15, 5, 5 }, RN_FLOAT32);
    require_refused(session, 4, (const int64_t[]){ 0, 16, 5, 5 }, RN_FLOAT32);
    require_refused(session, 4, (const int64_t[]){ 2, 16, 5, 5 }, RN_FLOAT64);
    require_refused(session, 2, (const int64_t[]){ 2, 16 }, RN_FLOAT32);
    rn_session_destroy(session);
    rn_model_destroy(model);
}

/* Behind the flattening features are rows: (N, features). */
static void flat_features_are_rows(void **state)
{
    rn_model *const model = residual_network(context, 0);
    const int32_t fc = rn_model_find_value(model, "fc");
    const char *const name = model->graph->layer[model->graph->layer[fc].inputs[0]].name;
    const int64_t width = model->graph->layer[fc].in_channels;
    rn_session *const session = cut_behind(context, model, name, RN_INFER);
    rn_tensor *const images = residual_images(context, 4, 6), *features = cut_features(context, model, name, images);

    (void)state;
    assert_int_equal(rn_tensor_rank(features), 2);
    assert_int_equal(rn_tensor_shape(features)[1], width);
    require_same_logits(model, name, images);
    require_refused(session, 4, (const int64_t[]){ 2, width, 1, 1 }, RN_FLOAT32);
    require_refused(session, 2, (const int64_t[]){ 2, width - 1 }, RN_FLOAT32);
    rn_tensor_destroy(features);
    rn_tensor_destroy(images);
    rn_session_destroy(session);
    rn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_of_any_layer_give_the_same_logits),
        cmocka_unit_test(networks_of_the_zoo_begin_behind_their_stages),
        cmocka_unit_test(a_dense_block_begins_in_its_middle),
        cmocka_unit_test(what_is_given_may_be_asked_for),
        cmocka_unit_test(what_cannot_be_a_beginning_is_refused),
        cmocka_unit_test(features_of_another_shape_are_refused),
        cmocka_unit_test(flat_features_are_rows),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
