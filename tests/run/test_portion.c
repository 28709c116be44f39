/* SPDX-License-Identifier: MIT */
/* The operations in front of a network, some images at a time: the same bits in less memory. */
#include "run/networks.h"
#include "run/plan.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

typedef struct run {
    rn_plan *plan;
    char *arena;
} run;

/* Whatever is not written before it is read shows as NaN. */
static run begin(rn_model *model, int64_t batch, bool training, int64_t portion_bytes)
{
    const int32_t output = rn_model_find_value(model, "logits");
    run r;
    const rn_plan_request request = { .context = context,
                                      .model = model,
                                      .outputs = &output,
                                      .output_count = 1,
                                      .batch = batch,
                                      .height = RESIDUAL_SIZE,
                                      .width = RESIDUAL_SIZE,
                                      .training = training,
                                      .portion_bytes = portion_bytes };

    require_ok(context, rn_plan_create(&r.plan, &request));
    require_ok(context, rn_tape_prepare(&r.plan->tape));
    r.arena = aligned_alloc(RN_ALIGNMENT, (r.plan->tape.arena_bytes + RN_ALIGNMENT) / RN_ALIGNMENT * RN_ALIGNMENT);
    assert_non_null(r.arena);
    memset(r.arena, 0xff, r.plan->tape.arena_bytes);
    r.plan->tape.arena = r.arena;
    return r;
}

static void end(run *r)
{
    rn_plan_destroy(r->plan);
    free(r->arena);
}

static void forward(run *r, int64_t batch)
{
    const rn_map input = rn_plan_map(r->plan, 0);

    rn_test_fill(input.data, (size_t)(batch * input.h * input.w * input.c), 7);
    rn_tape_forward(&r->plan->tape);
}

static void require_same_logits(const run *a, const run *b)
{
    const rn_map x = rn_plan_map(a->plan, a->plan->output[0]), y = rn_plan_map(b->plan, b->plan->output[0]);

    assert_int_equal(x.n, y.n);
    for (int64_t n = 0; n < x.n; n++)
        assert_memory_equal(x.data + n * x.pitch, y.data + n * y.pitch, (size_t)x.c * sizeof(float));
}

static void inference_in_portions_gives_the_same_bits(void **state)
{
    rn_model *const model = residual_network(context, 0.5);
    size_t least = SIZE_MAX;
    int portioned = 0;

    (void)state;
    for (int64_t batch = 1; batch <= 7; batch += 2) {
        run whole = begin(model, batch, false, INT64_MAX);

        assert_int_equal(whole.plan->tape.portion_end, 0);
        forward(&whole, batch);
        for (int64_t bytes = 1; bytes < 200000; bytes *= 3) {
            run part = begin(model, batch, false, bytes);

            forward(&part, batch);
            require_same_logits(&whole, &part);
            portioned += part.plan->tape.portion_end > 0;
            least = batch == 7 && part.plan->tape.arena_bytes < least ? part.plan->tape.arena_bytes : least;
            end(&part);
        }
        if (batch == 7)
            assert_true(least < whole.plan->tape.arena_bytes / 2);
        end(&whole);
    }
    assert_true(portioned > 20);
    rn_model_destroy(model);
}

/* All trainable parameters' gradients after a backward from logits' gradients of one. */
static float *gradients(run *r, rn_model *model, size_t *count)
{
    rn_parameters *const parameters = rn_model_parameters(model);
    const rn_map g = rn_plan_gradient(r->plan, r->plan->output[0]);
    float *all = NULL;

    *count = 0;
    for (int64_t n = 0; n < g.n; n++)
        rn_test_fill(g.data + n * g.pitch, (size_t)g.c, (uint32_t)n + 1);
    rn_parameters_clear_gradients(parameters);
    require_ok(context, rn_parameters_gradients_ready(parameters));
    rn_tape_backward(&r->plan->tape);
    for (size_t i = 0; i < parameters->count; i++) {
        const size_t more = (size_t)parameters->entry[i].count;

        if (!parameters->entry[i].has_gradient)
            continue;
        all = realloc(all, (*count + more) * sizeof *all);
        assert_non_null(all);
        memcpy(all + *count, rn_parameters_gradient_floats(parameters, i), more * sizeof *all);
        *count += more;
    }
    return all;
}

static void a_frozen_part_in_portions_gives_the_same_gradients(void **state)
{
    static const char *const trained[] = { "fc", "fire", "*" };
    int portioned = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        rn_model *const model = residual_network(context, 0);
        run whole;
        float *expected;
        size_t count, other;

        require_ok(context, rn_model_freeze(model, "*"));
        require_ok(context, rn_model_unfreeze(model, trained[i]));
        whole = begin(model, 5, true, INT64_MAX);
        forward(&whole, 5);
        expected = gradients(&whole, model, &count);
        assert_true(count > 0);
        for (int64_t bytes = 1; bytes < 200000; bytes *= 4) {
            run part = begin(model, 5, true, bytes);
            float *values;

            forward(&part, 5);
            require_same_logits(&whole, &part);
            values = gradients(&part, model, &other);
            assert_int_equal(count, other);
            assert_memory_equal(values, expected, count * sizeof *values);
            portioned += part.plan->tape.portion_end > 0;
            assert_true(i < 2 || part.plan->tape.portion_end == 0); /* nothing is frozen: batch norms see the batch */
            free(values);
            end(&part);
        }
        free(expected);
        end(&whole);
        rn_model_destroy(model);
    }
    assert_true(portioned > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_in_portions_gives_the_same_bits),
        cmocka_unit_test(a_frozen_part_in_portions_gives_the_same_gradients),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
