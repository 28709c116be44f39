/* SPDX-License-Identifier: MIT */
/* Which gradients of a plan die at the step, and which stay in the store. */
#include "run/kinds.h"
#include "run/networks.h"
#include "run/plan.h"

enum { BATCH = 2 };

typedef struct planned {
    rn_context *context;
    rn_model *model;
    rn_optimizer *sgd;
    rn_plan *plan; /* with all gradients in the store */
} planned;

static planned begin(void)
{
    planned it = { .context = rn_test_context(1, RN_ISA_AUTO) };
    int32_t output;

    it.model = residual_network(it.context, 0);
    output = rn_model_find_value(it.model, "logits");
    require_ok(it.context, rn_sgd_create(&it.sgd, rn_model_parameters(it.model), NULL));
    require_ok(it.context, rn_plan_create(&it.plan, &(rn_plan_request){ .context = it.context,
                                                                        .model = it.model,
                                                                        .outputs = &output,
                                                                        .output_count = 1,
                                                                        .batch = BATCH,
                                                                        .height = RESIDUAL_SIZE,
                                                                        .width = RESIDUAL_SIZE,
                                                                        .training = true }));
    return it;
}

static void end(planned *it)
{
    rn_plan_destroy(it->plan);
    rn_optimizer_destroy(it->sgd);
    rn_model_destroy(it->model);
    rn_context_destroy(it->context);
}

static int32_t index_of(const planned *it, const char *name)
{
    size_t index;

    require_ok(it->context, rn_parameters_find(&index, rn_model_parameters(it->model), name));
    return (int32_t)index;
}

/* How many gradients lie in the store; that of `parameter` has to if it is not -1. */
static int count_staying(const planned *it, int32_t parameter)
{
    const rn_tape *const tape = &it->plan->tape;
    int staying = 0;
    bool stays = parameter < 0;

    for (int32_t i = tape->backward; i < tape->operations; i++) {
        const rn_operation *const o = &tape->operation[i];

        if (o->kind != &rn_op_gradient_ready || rn_tape_ready(tape, o).dies)
            continue;
        staying++;
        stays = stays || o->as.ready.parameter == parameter;
    }
    assert_true(stays);
    return staying;
}

static void all_die_where_nothing_speaks_against_it(void **state)
{
    planned it = begin();

    (void)state;
    assert_int_equal(count_staying(&it, -1), 32);
    require_ok(it.context, rn_plan_let_gradients_die(it.plan, it.sgd));
    assert_int_equal(count_staying(&it, -1), 0);
    end(&it);
}

static void without_an_optimizer_none_does(void **state)
{
    planned it = begin();
    const int32_t operations = it.plan->tape.operations;

    (void)state;
    require_ok(it.context, rn_plan_let_gradients_die(it.plan, NULL));
    assert_int_equal(it.plan->tape.operations, operations);
    assert_int_equal(count_staying(&it, -1), 32);
    end(&it);
}

/* An operation at the end of backward that has that parameter, or its gradient, as an operand. */
static void add_reader(planned *it, rn_place place, int32_t parameter, int operand, rn_role role)
{
    rn_operation made = rn_operation_of(&rn_op_combine, 0);

    made.operand[operand] = rn_operand_of(rn_tape_parameter(&it->plan->tape, place, parameter), role);
    assert_true(rn_tape_add(&it->plan->tape, &made) >= 0);
}

static void a_parameter_that_is_read_later_stays(void **state)
{
    planned it = begin();
    const int32_t parameter = index_of(&it, "layer3.conv1.weight");

    (void)state;
    add_reader(&it, RN_IN_PARAMETERS, parameter, RN_WEIGHTS, RN_READ);
    require_ok(it.context, rn_plan_let_gradients_die(it.plan, it.sgd));
    assert_int_equal(count_staying(&it, parameter), 1);
    end(&it);
}

static void a_gradient_of_several_operations_stays(void **state)
{
    planned it = begin();
    const int32_t parameter = index_of(&it, "layer1.bn1.bias");

    (void)state;
    add_reader(&it, RN_IN_GRADIENTS, parameter, RN_DBETA, RN_ADD);
    require_ok(it.context, rn_plan_let_gradients_die(it.plan, it.sgd));
    assert_int_equal(count_staying(&it, parameter), 1);
    end(&it);
}

static void what_is_not_covered_stays(void **state)
{
    planned it = begin();

    (void)state;
    rn_optimizer_destroy(it.sgd);
    require_ok(it.context,
               rn_sgd_create(&it.sgd, rn_model_parameters(it.model), RN_OPTIONS(rn_sgd, .except = "layer3.conv1")));
    require_ok(it.context, rn_plan_let_gradients_die(it.plan, it.sgd));
    assert_int_equal(count_staying(&it, index_of(&it, "layer3.conv1.weight")), 1);
    end(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_die_where_nothing_speaks_against_it),
        cmocka_unit_test(without_an_optimizer_none_does),
        cmocka_unit_test(a_parameter_that_is_read_later_stays),
        cmocka_unit_test(a_gradient_of_several_operations_stays),
        cmocka_unit_test(what_is_not_covered_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
