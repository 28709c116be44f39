/* SPDX-License-Identifier: MIT */
/* Plans that keep to a limit: the same bits in less memory, and a refusal that says what would do. */
#include "run/networks.h"
#include "support/bfloat16.h"

enum { BATCH = 4, HEIGHT = 64, WIDTH = 72, STEPS = 2, THREADS = 2 };

/* What was not written before it is read shows as NaN. */
static void *allocate_nans(size_t bytes, size_t alignment, void *payload)
{
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void *const memory = aligned_alloc(alignment, rounded);

    (void)payload;
    if (memory != NULL)
        memset(memory, 0xff, rounded);
    return memory;
}

static void release(void *memory, void *payload)
{
    (void)payload;
    free(memory);
}

/* Of sessions that compute in that precision. */
static rn_context *context_of_nans(rn_precision precision)
{
    rn_context *context = NULL;

    require_ok(NULL,
               rn_context_create(&context, RN_OPTIONS(rn_context, .threads = THREADS, .seed = 3, .precision = precision,
                                                      .allocate = allocate_nans, .release = release)));
    if (precision == RN_PRECISION_BFLOAT16)
        rn_test_emulate_bfloat16(context);
    return context;
}

static rn_model *network(rn_context *context, const char *name)
{
    rn_model *model = NULL;

    if (name == NULL)
        return residual_network(context, 0.5);
    require_ok(context, rn_model_create(&model, context, name, RN_OPTIONS(rn_model, .class_count = RESIDUAL_CLASSES)));
    return model;
}

static rn_tensor *images_for(rn_context *context, const char *name)
{
    const int64_t shape[] = { BATCH, 3, HEIGHT, WIDTH };
    rn_tensor *images = NULL;
    float *values;

    if (name == NULL)
        return residual_images(context, BATCH, 5);
    values = malloc((size_t)BATCH * 3 * HEIGHT * WIDTH * sizeof *values);
    assert_non_null(values);
    rn_test_fill(values, (size_t)BATCH * 3 * HEIGHT * WIDTH, 5);
    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR));
    require_ok(context,
               rn_tensor_write(images, RN_FLOAT32, values, (size_t)BATCH * 3 * HEIGHT * WIDTH * sizeof *values));
    free(values);
    return images;
}

typedef struct answer {
    double loss[STEPS];
    float *values; /* all parameters and buffers after the steps */
    size_t count, plan_bytes;
} answer;

static void read_values(answer *a, const rn_context *context, rn_parameters *parameters)
{
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *const value = rn_parameters_value(parameters, i);
        const size_t length = (size_t)rn_tensor_count(value);

        a->values = realloc(a->values, (a->count + length) * sizeof *a->values);
        assert_non_null(a->values);
        require_ok(context, rn_tensor_read(value, RN_FLOAT32, a->values + a->count, length * sizeof *a->values));
        a->count += length;
    }
}

/* Two steps of a new network within a limit. */
static answer train(const char *name, size_t limit, rn_precision precision)
{
    rn_context *const context = context_of_nans(precision);
    rn_model *const model = network(context, name);
    rn_tensor *const images = images_for(context, name), *const labels = residual_labels(context, BATCH, 2);
    const int64_t *const shape = rn_tensor_shape(images);
    rn_session *session = NULL;
    rn_optimizer *adam = NULL;
    answer a = { .values = NULL };

    require_ok(context, rn_session_create(&session, context, model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .memory_limit = limit)));
    require_ok(context, rn_adam_create(&adam, rn_model_parameters(model), RN_OPTIONS(rn_adam, .lr = 1e-3)));
    require_ok(context, rn_session_plan_bytes(&a.plan_bytes, session, BATCH, shape[2], shape[3]));
    for (int i = 0; i < STEPS; i++) {
        require_ok(context, rn_session_forward(session, images));
        require_ok(context, rn_cross_entropy(&a.loss[i], session, labels, NULL));
        require_ok(context, rn_session_backward(session));
        require_ok(context, rn_optimizer_step(adam));
    }
    read_values(&a, context, rn_model_parameters(model));
    rn_optimizer_destroy(adam);
    rn_session_destroy(session);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_context_destroy(context);
    return a;
}

/* What the message of a refusal says would do. */
static size_t least_bytes(const char *name, int32_t mode, rn_precision precision)
{
    rn_context *const context = context_of_nans(precision);
    rn_model *const model = network(context, name);
    rn_tensor *const images = images_for(context, name);
    const int64_t *const shape = rn_tensor_shape(images);
    rn_session *session = NULL;
    size_t bytes = 1;
    const char *said;

    require_ok(context,
               rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = mode, .memory_limit = 1)));
    require_status(context, rn_session_plan_bytes(&bytes, session, BATCH, shape[2], shape[3]), RN_NO_MEMORY);
    require_status(context, rn_session_forward(session, images), RN_NO_MEMORY);
    said = strstr(rn_context_message(context), "needs ");
    assert_non_null(said);
    assert_int_equal(sscanf(said, "needs %zu bytes at least", &bytes), 1);
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_context_destroy(context);
    return bytes;
}

/*
 * cifar_resnet56 has longer chains of sums than are made of one another, densenet121 batch norms of a
 * growing map, most of which its plan forms while they are read and never keeps, the residual network all that a plan
 * shares. At most `part` of the bytes must do.
 */
static const struct limited {
    const char *name;
    double part;
} networks[] = { { NULL, 0.95 }, { "cifar_resnet56", 0.65 }, { "densenet121", 0.75 } };

static void require_same_within_any_limit(const struct limited *network, rn_precision precision)
{
    answer whole = train(network->name, 0, precision);
    const size_t least = least_bytes(network->name, RN_TRAIN, precision);

    assert_false(isnan(whole.loss[STEPS - 1]));
    assert_true((double)least <= network->part * (double)whole.plan_bytes);
    for (int quarter = 0; quarter < 4; quarter += 2) {
        const size_t limit = least + (whole.plan_bytes - least) / 4 * (size_t)quarter;
        answer part = train(network->name, limit, precision);

        assert_true(part.plan_bytes <= limit);
        assert_memory_equal(part.loss, whole.loss, sizeof whole.loss);
        assert_int_equal(part.count, whole.count);
        assert_memory_equal(part.values, whole.values, whole.count * sizeof *whole.values);
        free(part.values);
    }
    free(whole.values);
}

static void within_any_limit_steps_have_the_same_bits(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof networks / sizeof networks[0]; n++)
        require_same_within_any_limit(&networks[n], RN_PRECISION_FLOAT32);
}

/* Maps of halves are made again, too. */
static void and_so_they_have_in_bfloat16(void **state)
{
    static const struct limited of_halves[] = {
        { NULL, 0.98 }, { "cifar_resnet56", 0.65 }, { "densenet121", 0.9 }, { "resnet50", 0.9 }
    };

    (void)state;
    rn_test_need_bfloat16();
    for (size_t n = 0; n < sizeof of_halves / sizeof of_halves[0]; n++)
        require_same_within_any_limit(&of_halves[n], RN_PRECISION_BFLOAT16);
}

/* No limit, and one that is not reached, change nothing. */
static void a_limit_that_is_not_reached_costs_nothing(void **state)
{
    answer whole = train("cifar_resnet20", 0, RN_PRECISION_FLOAT32),
           same = train("cifar_resnet20", SIZE_MAX, RN_PRECISION_FLOAT32);

    (void)state;
    assert_int_equal(whole.plan_bytes, same.plan_bytes);
    assert_memory_equal(whole.values, same.values, whole.count * sizeof *whole.values);
    free(whole.values);
    free(same.values);
}

static float *infer(const char *name, size_t limit, size_t *bytes, size_t *count)
{
    rn_context *const context = context_of_nans(RN_PRECISION_FLOAT32);
    rn_model *const model = network(context, name);
    rn_tensor *const images = images_for(context, name);
    const int64_t *const shape = rn_tensor_shape(images);
    const rn_tensor *logits;
    rn_session *session = NULL;
    float *values;

    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .memory_limit = limit)));
    require_ok(context, rn_session_plan_bytes(bytes, session, BATCH, shape[2], shape[3]));
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&logits, session, 0));
    *count = (size_t)rn_tensor_count(logits);
    values = malloc(*count * sizeof *values);
    require_ok(context, rn_tensor_read(logits, RN_FLOAT32, values, *count * sizeof *values));
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_context_destroy(context);
    return values;
}

/* Image after image. */
static void inference_keeps_to_a_limit_too(void **state)
{
    const size_t least = least_bytes("resnet18", RN_INFER, RN_PRECISION_FLOAT32);
    size_t whole_bytes, part_bytes, count, other;
    float *const whole = infer("resnet18", 0, &whole_bytes, &count), *const part =
                                                                         infer("resnet18", least, &part_bytes, &other);

    (void)state;
    assert_true(part_bytes <= least);
    assert_true(part_bytes < whole_bytes);
    assert_int_equal(count, other);
    assert_memory_equal(whole, part, count * sizeof *whole);
    free(whole);
    free(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_any_limit_steps_have_the_same_bits),
        cmocka_unit_test(and_so_they_have_in_bfloat16),
        cmocka_unit_test(a_limit_that_is_not_reached_costs_nothing),
        cmocka_unit_test(inference_keeps_to_a_limit_too),
    };

    return cmocka_run_group_tests_name("run/memory_limit", tests, NULL, NULL);
}
