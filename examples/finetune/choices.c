/* SPDX-License-Identifier: MIT */
#include "finetune/choices.h"
#include "common/language.h"

#include <resnet/trainer.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const choice *find(const choice *choices, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (name == NULL || strcmp(choices[i].name, name) == 0)
            return &choices[i];
    return NULL;
}

const choice *choose_optimizer(const char *name)
{
    static const choice optimizers[] = { { "adam", "Adam", RN_OPTIMIZER_ADAM },
                                         { "adamw", "AdamW", RN_OPTIMIZER_ADAMW },
                                         { "rmsprop", "RMSprop", RN_OPTIMIZER_RMSPROP },
                                         { "sgd", "SGD", RN_OPTIMIZER_SGD } };

    return find(optimizers, sizeof optimizers / sizeof optimizers[0], name);
}

const choice *choose_schedule(const char *name)
{
    static const choice schedules[] = { { "step", N_("in steps"), RN_SCHEDULE_STEP },
                                        { "cosine", N_("falling as a cosine"), RN_SCHEDULE_COSINE },
                                        { "one-cycle", N_("rising and falling once"), RN_SCHEDULE_ONE_CYCLE },
                                        { "plateau", N_("falling where the loss does not"), RN_SCHEDULE_PLATEAU },
                                        { "constant", N_("constant"), RN_SCHEDULE_CONSTANT } };

    return find(schedules, sizeof schedules / sizeof schedules[0], name);
}

static rn_parameter_group group(const char *pattern, const char *except, double lr)
{
    return (rn_parameter_group){
        .struct_size = sizeof(rn_parameter_group), .pattern = pattern, .except = except, .lr = lr
    };
}

int choose_groups(rn_parameter_group groups[CHOICE_GROUPS], char *pieces, size_t size, const char *text)
{
    int count = 0;

    if (text == NULL)
        return 0;
    if (strlen(text) >= size)
        return -1;
    memcpy(pieces, text, strlen(text) + 1);
    for (char *at = pieces, *next; at != NULL; at = next) {
        char *const equals = strchr(at, '='), *end;
        double lr;

        next = strchr(at, ',');
        if (next != NULL)
            *next++ = '\0';
        if (equals == NULL || equals == at || (next != NULL && equals > next) || count == CHOICE_GROUPS)
            return -1;
        *equals = '\0';
        lr = strtod(equals + 1, &end);
        if (end == equals + 1 || *end != '\0' || !isfinite(lr) || lr <= 0)
            return -1;
        groups[count++] = group(at, NULL, lr);
    }
    if (count == 1)
        groups[count++] = group(NULL, groups[0].pattern, 0);
    return count;
}
