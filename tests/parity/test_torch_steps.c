/* SPDX-License-Identifier: MIT */
/*
 * Twenty training steps on a small residual network: PyTorch's losses to 1e-4, for each optimizer under StepLR (a step
 * is an epoch here, so that the rate falls several times), and its last weights to 1e-3. PyTorch in float and in
 * double agree to 1e-6 on these losses.
 */
#include "parity/oracle.h"
#include "parity/small_networks.h"

enum { STEPS = 20, BATCH = 8, BATCHES = 2 };

typedef struct recipe {
    const char *name;
    rn_optimizer *(*make)(rn_context *context, rn_parameters *parameters);
    int64_t step_size;
    double gamma;
} recipe;

static rn_optimizer *make_adam(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *optimizer = NULL;

    require_ok(context, rn_adam_create(&optimizer, parameters, RN_OPTIONS(rn_adam, .lr = 5e-3)));
    return optimizer;
}

static rn_optimizer *make_adam_decay(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *optimizer = NULL;

    require_ok(context, rn_adam_create(&optimizer, parameters,
                                       RN_OPTIONS(rn_adam, .lr = 5e-3, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-6,
                                                  .weight_decay = 1e-2)));
    return optimizer;
}

static rn_optimizer *make_sgd(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *optimizer = NULL;

    require_ok(context, rn_sgd_create(&optimizer, parameters, RN_OPTIONS(rn_sgd, .lr = 2e-2, .momentum = 0.9)));
    return optimizer;
}

static rn_optimizer *make_nesterov(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *optimizer = NULL;

    require_ok(context,
               rn_sgd_create(&optimizer, parameters,
                             RN_OPTIONS(rn_sgd, .lr = 2e-2, .momentum = 0.8, .weight_decay = 1e-3, .nesterov = 1)));
    return optimizer;
}

static rn_optimizer *make_plain(rn_context *context, rn_parameters *parameters)
{
    rn_optimizer *optimizer = NULL;

    require_ok(context, rn_sgd_create(&optimizer, parameters, RN_OPTIONS(rn_sgd, .lr = 2e-2)));
    return optimizer;
}

static const recipe recipes[] = {
    { "adam", make_adam, 5, 0.5 },         { "adam_decay", make_adam_decay, 7, 0.1 }, { "sgd", make_sgd, 5, 0.5 },
    { "nesterov", make_nesterov, 6, 0.3 }, { "plain", make_plain, 5, 0.5 },
};

enum { RECIPE_COUNT = sizeof recipes / sizeof recipes[0] };

static double train_step(rn_context *context, rn_session *session, rn_optimizer *optimizer, int step)
{
    static const int64_t shape[4] = { BATCH, 3, 16, 16 };
    char x[64], y[64];
    rn_tensor *images, *labels;
    double loss = 0;

    snprintf(x, sizeof x, "training/x%d", step % BATCHES);
    snprintf(y, sizeof y, "training/labels%d", step % BATCHES);
    images = oracle_tensor(context, x, 4, shape, 1.7f, 0, 0);
    labels = oracle_labels(context, y, BATCH, SMALL_CLASSES, 0);
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_cross_entropy(&loss, session, labels, NULL));
    require_ok(context, rn_session_backward(session));
    require_ok(context, rn_optimizer_step(optimizer));
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    return loss;
}

static void train_as_pytorch(rn_context *context, const recipe *it)
{
    rn_checkpoint *answers = oracle_open(context, "training");
    rn_model *model = small_residual(context);
    rn_optimizer *optimizer = it->make(context, rn_model_parameters(model));
    rn_scheduler *scheduler = NULL;
    rn_session *session = NULL;
    char name[64];
    float losses[STEPS];
    size_t head = 0;

    snprintf(name, sizeof name, "%s/losses", it->name);
    assert_non_null(rn_checkpoint_find(answers, name));
    require_ok(context, rn_tensor_read(rn_checkpoint_find(answers, name), RN_FLOAT32, losses, sizeof losses));
    oracle_fill_parameters(context, model, 1);
    require_ok(context, rn_step_lr_create(&scheduler, optimizer,
                                          RN_OPTIONS(rn_step_lr, .step_size = it->step_size, .gamma = it->gamma)));
    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    for (int step = 0; step < STEPS; step++) {
        const double loss = train_step(context, session, optimizer, step);

        if (!(fabs(loss - (double)losses[step]) <= 1e-4))
            fail_msg("step %d on %s: loss %.7f instead of %.7f", step, rn_isa_name(rn_context_isa(context)), loss,
                     (double)losses[step]);
        require_ok(context, rn_scheduler_step(scheduler, NULL));
    }
    require_ok(context, rn_parameters_find(&head, rn_model_parameters(model), "fc.weight"));
    oracle_expect(answers, rn_parameters_value(rn_model_parameters(model), head), 1e-3, "%s/fc.weight", it->name);
    rn_session_destroy(session);
    rn_scheduler_destroy(scheduler);
    rn_optimizer_destroy(optimizer);
    rn_model_destroy(model);
    rn_checkpoint_destroy(answers);
}

static void check_recipe(void **state)
{
    for (rn_isa isa = RN_ISA_REFERENCE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        if (!rn_test_has_isa(isa))
            continue;
        rn_context *context = rn_test_context(2, isa);

        train_as_pytorch(context, *state);
        rn_context_destroy(context);
    }
}

int main(void)
{
    static struct CMUnitTest tests[RECIPE_COUNT];

    for (size_t i = 0; i < RECIPE_COUNT; i++)
        tests[i] = (struct CMUnitTest){ recipes[i].name, check_recipe, NULL, NULL, (void *)(uintptr_t)&recipes[i] };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
