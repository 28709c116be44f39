/* SPDX-License-Identifier: MIT */
/*
 * The options of a fit: their defaults, what makes no sense, and whether a phase goes on with those that it was begun
 * with. Numbers that every phase has are written down as they are; of what was added later, and is mostly left alone, a
 * fingerprint is, and 0 is that of nothing.
 */
#include "train/fit.h"

#include "base/mix.h"
#include "base/options.h"
#include "base/text.h"
#include <math.h>

RN_NO_TAIL_PADDING(rn_fit_options, reserved);

/* ---- fingerprints ------------------------------------------------------------------------------------------------ */

/* What was given, so that it can be none of the zeros of nothing. */
static uint64_t not_nothing(uint64_t id)
{
    return id != 0 ? id : 1;
}

static uint64_t schedule_id(const rn_fit_options *o)
{
    uint64_t id = rn_mix(rn_mix(0, (uint64_t)o->schedule), (uint64_t)o->schedule_by_batch);

    if (o->schedule == RN_SCHEDULE_STEP && o->schedule_by_batch == 0 && o->warmup == 0)
        return 0;
    id = rn_mix(rn_mix_number(rn_mix_number(id, o->warmup_factor), o->lr_min), (uint64_t)o->warmup);
    id = rn_mix(rn_mix(id, (uint64_t)o->lr_patience), (uint64_t)o->monitor);
    for (size_t i = 0; i < o->lr_milestone_count; i++)
        id = rn_mix(id, (uint64_t)o->lr_milestones[i]);
    return not_nothing(id);
}

static uint64_t loss_id(const rn_fit_options *o)
{
    uint64_t id = rn_mix(rn_mix_number(0, o->label_smoothing), (uint64_t)o->accumulate);

    if (o->label_smoothing == 0 && o->accumulate <= 1 && o->class_weight_count == 0 && o->ema_decay == 0 &&
        !rn_fit_mixes(o))
        return 0;
    for (size_t i = 0; i < o->class_weight_count; i++)
        id = rn_mix_number(id, o->class_weights[i]);
    if (rn_fit_mixes(o))
        id = rn_mix_number(rn_mix_number(id, o->mixup), o->cutmix);
    if (o->ema_decay != 0)
        id = rn_mix(rn_mix_number(id, o->ema_decay), o->ema_steps > 1 ? (uint64_t)o->ema_steps : 1);
    return not_nothing(id);
}

/* Of groups that lie as far from each other as the first one says. */
static rn_status groups_id(uint64_t *id, const rn_fit_options *o, rn_message *message)
{
    const char *const first = (const char *)o->groups;
    rn_status status = RN_OK;

    *id = 0;
    if ((o->groups != NULL) != (o->group_count > 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "parameter groups come with their count");
    for (size_t i = 0; status == RN_OK && i < o->group_count; i++) {
        rn_parameter_group group;

        status = rn_options_read(&group, sizeof group, first + i * o->groups->struct_size, message);
        if (status != RN_OK)
            break;
        *id = rn_mix_text(*id, group.pattern != NULL ? group.pattern : "");
        *id = rn_mix_text(*id, group.except != NULL ? group.except : "");
        *id = not_nothing(rn_mix_number(rn_mix_number(*id, group.lr), group.weight_decay));
    }
    return status;
}

/* ---- sense ------------------------------------------------------------------------------------------------------- */

/* A name that the state can carry: JSON is UTF-8, anything else would come back changed. */
static rn_status check_name(const char *name, rn_message *message)
{
    if (*name != '\0' && rn_text_is_utf8(name))
        return RN_OK;
    return rn_fail(message, RN_INVALID_ARGUMENT, "the name of a phase must be text in UTF-8 and not empty");
}

/* An option that the chosen schedule does not look at would be a wish that is passed over. */
static rn_status check_schedule(const rn_fit_options *o, rn_message *message)
{
    const int32_t kind = o->schedule;
    const char *wrong = NULL;

    if (kind < RN_SCHEDULE_STEP || kind > RN_SCHEDULE_CONSTANT)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no rn_schedule_kind", kind);
    if (o->monitor < RN_MONITOR_LOSS || o->monitor > RN_MONITOR_ACCURACY)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no rn_monitor", o->monitor);
    if (o->lr_step_epochs != 0 && kind != RN_SCHEDULE_STEP)
        wrong = "lr_step_epochs is for RN_SCHEDULE_STEP";
    else if ((o->lr_milestone_count > 0) != (kind == RN_SCHEDULE_MULTI_STEP) ||
             (o->lr_milestones != NULL) != (kind == RN_SCHEDULE_MULTI_STEP))
        wrong = "lr_milestones and their count are for RN_SCHEDULE_MULTI_STEP, which needs them";
    else if (o->lr_gamma != 0 &&
             (kind == RN_SCHEDULE_COSINE || kind == RN_SCHEDULE_ONE_CYCLE || kind == RN_SCHEDULE_CONSTANT))
        wrong = "this schedule has no lr_gamma";
    else if (o->lr_min != 0 && kind != RN_SCHEDULE_COSINE && kind != RN_SCHEDULE_PLATEAU)
        wrong = "lr_min is for RN_SCHEDULE_COSINE and RN_SCHEDULE_PLATEAU";
    else if (o->lr_patience != 0 && kind != RN_SCHEDULE_PLATEAU)
        wrong = "lr_patience is for RN_SCHEDULE_PLATEAU";
    else if (o->schedule_by_batch != 0 && kind == RN_SCHEDULE_PLATEAU)
        wrong = "RN_SCHEDULE_PLATEAU looks at validation, which is not by batch";
    else if ((o->warmup != 0 && (kind == RN_SCHEDULE_ONE_CYCLE || kind == RN_SCHEDULE_PLATEAU)) || o->warmup < 0)
        wrong = "RN_SCHEDULE_ONE_CYCLE warms up by itself, RN_SCHEDULE_PLATEAU cannot, and no warm-up is negative";
    else if (o->warmup_factor != 0 && o->warmup == 0)
        wrong = "warmup_factor is that of a warm-up, and there is none";
    return wrong == NULL ? RN_OK : rn_fail(message, RN_INVALID_ARGUMENT, "%s", wrong);
}

static rn_status check_loss(const rn_fit_options *o, rn_message *message)
{
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1) || o->accumulate < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "label smoothing of %g, or %d batches a step, make no sense",
                       o->label_smoothing, o->accumulate);
    if ((o->class_weights != NULL) != (o->class_weight_count > 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "class weights come with their count");
    for (size_t i = 0; i < o->class_weight_count; i++) {
        if (!isfinite(o->class_weights[i]) || o->class_weights[i] < 0)
            return rn_fail(message, RN_INVALID_ARGUMENT, "the weight of class %zu is %g", i,
                           (double)o->class_weights[i]);
    }
    if (!(o->mixup >= 0 && o->cutmix >= 0) || !isfinite(o->mixup + o->cutmix))
        return rn_fail(message, RN_INVALID_ARGUMENT, "an alpha of MixUp of %g, of CutMix of %g", o->mixup, o->cutmix);
    if (!(o->ema_decay >= 0 && o->ema_decay <= 1) || o->ema_steps < 0 || (o->ema_steps > 0 && o->ema_decay == 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "an average of the weights of decay %g, every %d steps",
                       o->ema_decay, (int)o->ema_steps);
    return o->stop_patience >= 0 && o->stop_delta >= 0 && isfinite(o->stop_delta)
               ? RN_OK
               : rn_fail(message, RN_INVALID_ARGUMENT, "stop_patience %d and stop_delta %g make no sense",
                         o->stop_patience, o->stop_delta);
}

static rn_status check(const rn_phase *phase, rn_message *message)
{
    if (phase->epochs < 0 || phase->epochs > RN_STATE_EPOCHS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d epochs make no sense", phase->epochs);
    if (phase->lr_step_epochs < 0 || phase->lr_step_epochs > RN_STATE_EPOCHS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "lr_step_epochs %lld makes no sense",
                       (long long)phase->lr_step_epochs);
    if (phase->optimizer < RN_OPTIMIZER_ADAM || phase->optimizer > RN_OPTIMIZER_RMSPROP)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no rn_optimizer_kind", phase->optimizer);
    if (!isfinite(phase->clip_norm) || phase->clip_norm < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "gradients cannot be clipped to %g", phase->clip_norm);
    if (phase->momentum != 0 && phase->optimizer != RN_OPTIMIZER_SGD && phase->optimizer != RN_OPTIMIZER_RMSPROP)
        return rn_fail(message, RN_INVALID_ARGUMENT, "momentum is for RN_OPTIMIZER_SGD and RN_OPTIMIZER_RMSPROP only");
    return check_name(phase->name, message);
}

rn_status rn_phase_read(rn_phase *phase, rn_fit_options *options, const rn_fit_options *given, rn_message *message)
{
    rn_fit_options *const o = options;
    rn_status status = rn_options_read(o, sizeof *o, given, message);

    if (status == RN_OK)
        status = rn_options_reserved(o->reserved, "rn_trainer_fit", message);
    if (status == RN_OK)
        status = check_schedule(o, message);
    if (status == RN_OK)
        status = check_loss(o, message);
    if (status != RN_OK)
        return status;
    *phase = (rn_phase){
        .name = (char *)(o->phase != NULL ? o->phase : "fit"), /* the caller's until it is added to the state */
        .lr = rn_option_number(o->lr, 1e-3),
        .lr_gamma = rn_option_number(o->lr_gamma, o->schedule == RN_SCHEDULE_EXPONENTIAL ? 0.95 : 0.1),
        .weight_decay = rn_option_number(o->weight_decay, o->optimizer == RN_OPTIMIZER_ADAMW ? 1e-2 : 0),
        .momentum = rn_option_number(o->momentum, 0),
        .clip_norm = rn_option_number(o->clip_norm, 0),
        .lr_step_epochs = o->lr_step_epochs != 0 ? o->lr_step_epochs : 7,
        .epochs = o->epochs != 0 ? o->epochs : 20,
        .optimizer = o->optimizer,
        .schedule = schedule_id(o),
        .loss = loss_id(o),
    };
    status = groups_id(&phase->groups, o, message);
    return status == RN_OK ? check(phase, message) : status;
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

rn_status rn_phase_check_same(const rn_phase *known, const rn_phase *wanted, rn_message *message)
{
    const char *differs = NULL;

    if (known->lr != wanted->lr)
        differs = "learning rate";
    else if (known->lr_gamma != wanted->lr_gamma || known->lr_step_epochs != wanted->lr_step_epochs ||
             known->schedule != wanted->schedule)
        differs = "learning rate schedule";
    else if (known->optimizer != wanted->optimizer || known->weight_decay != wanted->weight_decay ||
             known->momentum != wanted->momentum || known->clip_norm != wanted->clip_norm)
        differs = "optimizer";
    else if (known->groups != wanted->groups)
        differs = "set of parameter groups";
    else if (known->loss != wanted->loss)
        differs = "loss, mixing, average of weights or number of batches a step";
    if (differs != NULL)
        return rn_fail(message, RN_STATE,
                       "phase \"%s\" of this run was begun with another %s: to train on with this one, finish it and "
                       "call a phase of another name",
                       known->name, differs);
    if (wanted->epochs < known->epochs)
        return rn_fail(message, RN_STATE, "phase \"%s\" of this run was begun for %d epochs: it cannot end after %d",
                       known->name, known->epochs, wanted->epochs);
    return RN_OK;
}

/* ---- stopping ---------------------------------------------------------------------------------------------------- */

double rn_phase_monitored(const rn_history_row *row, const rn_fit_options *options)
{
    return options->monitor == RN_MONITOR_ACCURACY ? row->valid_accuracy : row->valid_loss;
}

/* Counted anew from the history each time, so that there is nothing to be remembered in files. */
bool rn_phase_has_stalled(const rn_train_state *state, const rn_phase *phase, const rn_fit_options *options)
{
    const size_t index = (size_t)(phase - state->phase);
    const double sign = options->monitor == RN_MONITOR_ACCURACY ? 1 : -1;
    double best = -INFINITY;
    int32_t waited = 0;

    for (size_t i = 0; options->stop_patience > 0 && i < state->row_count; i++) {
        const double figure = sign * rn_phase_monitored(&state->row[i], options);

        if (state->row[i].phase != index)
            continue;
        waited = figure > best + options->stop_delta ? 0 : waited + 1;
        best = waited == 0 ? figure : best;
    }
    return options->stop_patience > 0 && waited >= options->stop_patience;
}
