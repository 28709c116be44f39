/* SPDX-License-Identifier: MIT */
#include "run/networks.h"
#include "run/plan.h"

/* A plan over a model. */
typedef struct planned {
    rn_context *context;
    rn_model *model;
    rn_plan *plan;
} planned;

static void make(planned *p, int64_t batch, bool training)
{
    rn_plan_request request;
    int32_t output;

    p->context = rn_test_context(2, RN_ISA_AUTO);
    p->model = residual_network(p->context, 0.5);
    output = rn_model_find_value(p->model, "logits");
    request = (rn_plan_request){ .context = p->context,
                                 .model = p->model,
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
    rn_model_destroy(p->model);
    rn_context_destroy(p->context);
}

static bool is_placed(const rn_buffer *buffer)
{
    return buffer->place == RN_IN_ARENA && buffer->first <= buffer->last;
}

static void buffers_that_live_together_do_not_overlap(void **state)
{
    (void)state;
    for (int training = 0; training <= 1; training++) {
        const rn_tape *tape;
        int placed = 0;
        planned p;

        make(&p, 3, training);
        tape = &p.plan->tape;
        for (int32_t i = 0; i < tape->buffers; i++) {
            const rn_buffer *const a = &tape->buffer[i];

            if (!is_placed(a))
                continue;
            placed++;
            assert_int_equal(a->offset % RN_ALIGNMENT, 0);
            assert_true(a->offset + a->nbytes <= tape->arena_bytes);
            for (int32_t j = 0; j < i; j++) {
                const rn_buffer *const b = &tape->buffer[j];
                const bool together = is_placed(b) && a->first <= b->last && b->first <= a->last;

                assert_true(!together || a->offset + a->nbytes <= b->offset || b->offset + b->nbytes <= a->offset);
            }
        }
        assert_true(placed > 10);
        drop(&p);
    }
}

/* Nobody reads what has not been written, and a buffer's life is that of its operands. */
static void every_operand_lies_within_the_life_of_its_buffer(void **state)
{
    (void)state;
    for (int training = 0; training <= 1; training++) {
        planned p;
        const rn_tape *tape;
        bool *written;

        make(&p, 3, training);
        tape = &p.plan->tape;
        written = calloc((size_t)tape->buffers, sizeof *written);
        assert_non_null(written);
        for (int32_t i = 0; i < tape->operations; i++) {
            for (int j = 0; j < RN_OPERANDS; j++) {
                const rn_operand operand = tape->operation[i].operand[j];
                const int32_t buffer = tape->view[operand.view].buffer;
                const rn_buffer *const b = &tape->buffer[buffer];

                if (operand.role == RN_ABSENT || b->place != RN_IN_ARENA)
                    continue;
                assert_true(b->first <= i && i <= b->last);
                assert_true(operand.role == RN_WRITE || written[buffer] || b->from_start);
            }
            for (int j = 0; j < RN_OPERANDS; j++)
                if (tape->operation[i].operand[j].role == RN_WRITE)
                    written[tape->view[tape->operation[i].operand[j].view].buffer] = true;
        }
        free(written);
        drop(&p);
    }
}

static void memory_is_shared_over_time(void **state)
{
    planned p;
    size_t sum = 0;

    (void)state;
    make(&p, 8, false);
    for (int32_t i = 0; i < p.plan->tape.buffers; i++)
        sum += is_placed(&p.plan->tape.buffer[i]) ? p.plan->tape.buffer[i].nbytes : 0;
    assert_true(p.plan->tape.arena_bytes < sum / 2);
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
        cmocka_unit_test(buffers_that_live_together_do_not_overlap),
        cmocka_unit_test(every_operand_lies_within_the_life_of_its_buffer),
        cmocka_unit_test(memory_is_shared_over_time),
        cmocka_unit_test(a_batch_that_no_address_space_holds_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
