/* SPDX-License-Identifier: MIT */
/*
 * Whole small networks against PyTorch (in double): logits, loss, every gradient, running statistics. The numbers were
 * chosen so that no ReLU's input and no two rivals of a pooling window lie closer than 2e-5 of the largest value:
 * every correct implementation has the same masks, so 1e-4 holds.
 */
#include "parity/oracle.h"
#include "parity/small_networks.h"

static const double tolerance = 1e-4;

typedef struct network_case {
    const char *name;
    rn_model *(*make)(rn_context *context);
    int64_t shape[4];
} network_case;

static const network_case cases[] = {
    { "residual", small_residual, { 4, 3, 16, 16 } }, { "fire", small_fire, { 4, 3, 21, 19 } },
    { "dense", small_dense, { 4, 3, 8, 6 } },         { "inception", small_inception, { 4, 3, 11, 9 } },
    { "next", small_next, { 4, 3, 8, 8 } },
};

static rn_tensor *images_of(rn_context *context, const network_case *it, uint32_t salt)
{
    char name[64];

    snprintf(name, sizeof name, "%s/x", it->name);
    return oracle_tensor(context, name, 4, it->shape, 1.7f, 0, salt);
}

static rn_tensor *labels_of(rn_context *context, const network_case *it, uint32_t salt)
{
    char name[64];

    snprintf(name, sizeof name, "%s/labels", it->name);
    return oracle_labels(context, name, it->shape[0], SMALL_CLASSES, salt);
}

static void check_training(rn_context *context, const rn_checkpoint *answers, const network_case *it)
{
    const uint32_t salt = oracle_salt(answers, it->name);
    rn_model *model = it->make(context);
    rn_tensor *images = images_of(context, it, salt), *labels = labels_of(context, it, salt);
    rn_session *session = NULL;
    const rn_tensor *y = NULL, *dx = NULL;
    double loss;

    oracle_fill_parameters(context, model, salt);
    require_ok(context, rn_session_create(&session, context, model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .input_gradient = 1)));
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&y, session, 0));
    oracle_expect(answers, y, tolerance, "%s/y", it->name);
    loss = oracle_loss(context, session, model, labels);
    oracle_expect_number(answers, loss, tolerance, "%s/loss", it->name);
    require_ok(context, rn_session_backward(session));
    require_ok(context, rn_session_input_gradient(&dx, session, 0));
    oracle_expect(answers, dx, tolerance, "%s/dx", it->name);
    oracle_expect_gradients(answers, model, it->name, tolerance);
    oracle_expect_buffers(answers, model, it->name, tolerance);
    rn_session_destroy(session);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
}

static void check_inference(rn_context *context, const rn_checkpoint *answers, const network_case *it)
{
    const uint32_t salt = oracle_salt(answers, it->name);
    rn_model *model = it->make(context);
    rn_tensor *images = images_of(context, it, salt);
    rn_session *session = NULL;
    const rn_tensor *y = NULL;

    oracle_fill_parameters(context, model, salt);
    require_ok(context, rn_session_create(&session, context, model, NULL));
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&y, session, 0));
    oracle_expect(answers, y, tolerance, "%s/eval", it->name);
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
}

static void on_every_instruction_set(const network_case *it,
                                     void (*check)(rn_context *, const rn_checkpoint *, const network_case *))
{
    for (rn_isa isa = RN_ISA_REFERENCE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        if (!rn_test_has_isa(isa))
            continue;
        rn_context *context = rn_test_context(2, isa);
        rn_checkpoint *answers = oracle_open(context, "networks");

        check(context, answers, it);
        rn_checkpoint_destroy(answers);
        rn_context_destroy(context);
    }
}

static void networks_train_as_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        on_every_instruction_set(&cases[i], check_training);
}

static void networks_infer_as_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        on_every_instruction_set(&cases[i], check_inference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_train_as_pytorch),
        cmocka_unit_test(networks_infer_as_pytorch),
    };

    return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
