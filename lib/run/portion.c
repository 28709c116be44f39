/* SPDX-License-Identifier: MIT */
/*
 * Portions: the steps in front of a network, whose maps are the largest, need not see the whole batch at once. Where
 * images do not meet (no batch statistics, no dropout) and backward does not reach, they are run on some images after
 * the other, and what lies between them has room for a portion only (a step of a frozen vgg16 at batch 8: 685 MiB
 * instead of 779, weights included). An image's numbers do not depend on who else is in the batch, so no bit changes.
 */
#include "run/plan.h"

/* Of the maps around one step; where all images stay below it, nothing is gained. */
static const int64_t standard_bytes = INT64_C(64) << 20;

static bool keeps_images_apart(const rn_step *step)
{
    return !step->differentiates && step->kind != &rn_step_batch_norm && step->kind != &rn_step_dropout;
}

static int64_t image_bytes(const rn_plan *plan, int32_t value)
{
    const rn_value_shape *const shape = &plan->value[value].shape;

    return shape->c * shape->h * shape->w * (int64_t)sizeof(float);
}

/* Bytes of one image in the maps that a step reads and writes. */
static int64_t bytes_around(const rn_plan *plan, const rn_step *step)
{
    int64_t bytes = image_bytes(plan, step->output);

    for (int32_t i = 0; i < step->input_count; i++)
        bytes += image_bytes(plan, step->inputs[i].value);
    return bytes;
}

/* What only the steps in front touch is portioned. */
static void mark_values(rn_plan *plan)
{
    for (int32_t s = 0; s < plan->portion_steps; s++)
        plan->value[rn_plan_root(plan, plan->step[s].output)].portioned = true;
    for (int32_t s = plan->portion_steps; s < plan->step_count; s++) {
        const rn_step *const step = &plan->step[s];

        plan->value[rn_plan_root(plan, step->output)].portioned = false;
        for (int32_t i = 0; i < step->input_count; i++)
            plan->value[rn_plan_root(plan, step->inputs[i].value)].portioned = false;
    }
    for (int32_t i = 0; i < plan->value_count; i++) {
        if (plan->value[i].is_output)
            plan->value[rn_plan_root(plan, i)].portioned = false;
    }
}

void rn_plan_choose_portion(rn_plan *plan, int64_t most_bytes)
{
    const int64_t limit = most_bytes > 0 ? most_bytes : standard_bytes;
    int64_t largest = 0;

    for (int32_t s = 0; s < plan->step_count && keeps_images_apart(&plan->step[s]); s++) {
        const int64_t bytes = bytes_around(plan, &plan->step[s]);

        if (bytes <= limit / plan->batch)
            continue;
        plan->portion_steps = s + 1;
        largest = bytes > largest ? bytes : largest;
    }
    if (plan->portion_steps == 0)
        return;
    plan->portion = limit / largest > 1 ? limit / largest : 1;
    if (plan->portion >= plan->batch)
        plan->portion_steps = 0;
    else
        mark_values(plan);
}

/* Points all maps at images [first, first + count). */
static void select_images(rn_plan *plan, int64_t first, int64_t count)
{
    rn_plan_bind(plan, plan->arena);
    for (int32_t i = 0; i < plan->value_count; i++) {
        rn_map *const map = &plan->value[i].map;

        if (map->data != NULL && !plan->value[rn_plan_root(plan, i)].portioned)
            map->data += first * map->h * map->w * map->pitch;
        map->n = count;
    }
}

void rn_plan_forward_portions(rn_plan *plan)
{
    for (int64_t first = 0; plan->portion_steps > 0 && first < plan->batch; first += plan->portion) {
        const int64_t rest = plan->batch - first;

        select_images(plan, first, rest < plan->portion ? rest : plan->portion);
        for (int32_t s = 0; s < plan->portion_steps; s++)
            plan->step[s].kind->forward(plan, &plan->step[s]);
    }
    if (plan->portion_steps > 0)
        rn_plan_bind(plan, plan->arena);
}
