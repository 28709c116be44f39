/* SPDX-License-Identifier: MIT */
#include "common/progress.h"
#include "common/text.h"

static void print_json(const rn_progress *p, double seconds)
{
    const struct {
        const char *name;
        double value;
    } fields[] = {
        { "epoch", p->epoch },
        { "train_loss", p->loss },
        { "train_accuracy", p->accuracy },
        { "valid_loss", p->valid_loss },
        { "valid_accuracy", p->valid_accuracy },
        { "lr", p->lr },
        { "seconds", seconds },
        { "images_per_second", p->images_per_second },
    };

    printf("{\"phase\": ");
    text_json_string(stdout, p->phase);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        printf(", \"%s\": ", fields[i].name);
        text_json_number(stdout, fields[i].value);
    }
    printf("}\n");
}

int32_t progress_show(const rn_progress *p, void *payload)
{
    progress *shown = payload;
    double seconds;

    if (p->phase != shown->phase) {
        shown->phase = p->phase;
        shown->epoch_began = 0;
    }
    if (!p->epoch_ended) {
        if (shown->terminal)
            printf("\r%s %d/%d  batch %lld/%lld  loss %.4f  accuracy %.3f  %.1f images/s\033[K", p->phase, p->epoch + 1,
                   p->epochs, (long long)p->batch, (long long)p->batches, p->loss, p->accuracy, p->images_per_second);
        fflush(stdout);
        return *shown->stop;
    }
    seconds = p->elapsed - shown->epoch_began;
    shown->epoch_began = p->elapsed;
    if (shown->json)
        print_json(p, seconds);
    else
        printf("%s%s %d/%d  train loss %.4f accuracy %.3f  valid loss %.4f accuracy %.3f%s  lr %g  %.1f s  %.1f "
               "images/s\n",
               shown->terminal ? "\r\033[K" : "", p->phase, p->epoch + 1, p->epochs, p->loss, p->accuracy,
               p->valid_loss, p->valid_accuracy, p->is_best ? " (best)" : "", p->lr, seconds, p->images_per_second);
    fflush(stdout);
    return *shown->stop;
}
