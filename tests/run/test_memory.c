/* SPDX-License-Identifier: MIT */
#include "run/networks.h"
#include "run/plan.h"

/* A plan with its prepared weights, over a model. */
typedef struct planned {
    rn_context *context;
    rn_model *model;
    rn_prepared *prepared;
    rn_plan *plan;
} planned;

static void make(planned *p, int64_t batch, bool training)
{
    rn_plan_request request;
    int32_t output;

    p->context = rn_test_context(2, RN_ISA_AUTO);
    p->model = residual_network(p->context, 0.5);
    p->prepared = calloc((size_t)p->model->graph->count, sizeof *p->prepared);
    output = rn_model_find_value(p->model, "logits");
    request = (rn_plan_request){ .context = p->context,
                                 .model = p->model,
                                 .prepared = p->prepared,
                                 .outputs = &output,
                                 .output_count = 1,
                                 .batch = batch,
                                 .height = RESIDUAL_SIZE,
                                 .width = RESIDUAL_SIZE,
                                 .training = training };
    require_ok(p->context, rn_plan_create(&p->plan, &request));
}

static void drop(planned *p)
{
    rn_plan_destroy(p->plan);
    free(p->prepared);
    rn_model_destroy(p->model);
    rn_context_destroy(p->context);
}

static void blocks_that_live_together_do_not_overlap(void **state)
{
    (void)state;
    for (int training = 0; training <= 1; training++) {
        planned p;

        make(&p, 3, training);
        assert_true(p.plan->block_count > 10);
        for (int32_t i = 0; i < p.plan->block_count; i++) {
            const rn_block *const a = &p.plan->block[i];

            assert_int_equal(a->offset % RN_ALIGNMENT, 0);
            assert_true(a->offset + a->nbytes <= p.plan->arena_bytes);
            for (int32_t j = 0; j < i; j++) {
                const rn_block *const b = &p.plan->block[j];
                const bool together = a->first <= b->last && b->first <= a->last;

                assert_true(!together || a->offset + a->nbytes <= b->offset || b->offset + b->nbytes <= a->offset);
            }
        }
        drop(&p);
    }
}

static void memory_is_shared_over_time(void **state)
{
    planned p;
    size_t sum = 0;

    (void)state;
    make(&p, 8, false);
    for (int32_t i = 0; i < p.plan->block_count; i++)
        sum += p.plan->block[i].nbytes;
    assert_true(p.plan->arena_bytes < sum / 2);
    drop(&p);
}

static void a_batch_that_no_address_space_holds_is_refused(void **state)
{
    planned p;
    rn_plan_request request;
    rn_plan *plan;
    int32_t output;

    (void)state;
    make(&p, 1, true);
    output = p.plan->output[0];
    request = (rn_plan_request){ .context = p.context,
                                 .model = p.model,
                                 .prepared = p.prepared,
                                 .outputs = &output,
                                 .output_count = 1,
                                 .batch = INT32_MAX,
                                 .height = 1 << 23,
                                 .width = 1 << 10,
                                 .training = true };
    require_status(p.context, rn_plan_create(&plan, &request), RN_NO_MEMORY);
    assert_null(plan);
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_live_together_do_not_overlap),
        cmocka_unit_test(memory_is_shared_over_time),
        cmocka_unit_test(a_batch_that_no_address_space_holds_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
