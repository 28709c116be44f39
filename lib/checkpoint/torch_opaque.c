/* SPDX-License-Identifier: MIT */
/*
 * Objects that nobody looks into. A neighbour does not spoil a file: an argparse.Namespace beside the weights is passed
 * over with everything beneath it, and the reader is told. Only a file that has no tensor elsewhere is refused.
 */
#include "checkpoint/torch_walk.h"

#include "context/context.h"
#include <stdio.h>
#include <string.h>

enum { PASS_WORK = 256 };

static bool is_listed(const rn_passed_over *p, const rn_pickle_global *global)
{
    for (size_t i = 0; i < p->kinds; i++)
        if (p->kind[i] == global)
            return true;
    return false;
}

rn_status rn_walk_pass_over(rn_torch_walk *w, const rn_pickle_global *global)
{
    rn_passed_over *p = &w->passed;
    const rn_status status = rn_reader_work(w->reader, PASS_WORK);

    if (status != RN_OK)
        return status;
    p->objects++;
    if (p->kinds == RN_PASSED_KINDS || is_listed(p, global))
        return RN_OK;
    const char *name = w->length == 0 ? "the object itself" : w->name;
    char text[RN_PASSED_TEXT];
    const int length = global == NULL ? snprintf(text, sizeof text, "%s (a key that is no text)", name)
                                      : snprintf(text, sizeof text, "%s (%s.%s)", name, global->module, global->name);
    const size_t left = sizeof p->text - p->length, comma = p->length == 0 ? 0 : 2;
    p->kind[p->kinds++] = global;
    if (length < 0 || (size_t)length >= left - comma - 1)
        return RN_OK; /* counted, though there is no room for its name */
    snprintf(p->text + p->length, left, "%s%s", comma == 0 ? "" : ", ", text);
    p->length += comma + (size_t)length;
    p->listed++;
    return RN_OK;
}

/* "a (x.Y), b (z.W) and 3 more" */
static void print_passed(char *text, size_t size, const rn_passed_over *p)
{
    const size_t more = p->objects - p->listed;

    if (more == 0)
        snprintf(text, size, "%s", p->text);
    else if (p->listed == 0)
        snprintf(text, size, "%zu object%s", more, more == 1 ? "" : "s");
    else
        snprintf(text, size, "%s and %zu more", p->text, more);
}

static rn_status refuse(const rn_torch_walk *w, const char *passed)
{
    const rn_pickle_global *first = w->passed.kind[0];
    rn_message *message = rn_walk_message(w);

    if (first != NULL && first->kind == RN_GLOBAL_STORAGE)
        return rn_fail(message, RN_UNSUPPORTED, "%s: holds bare storages, not tensors: %s", w->reader->path, passed);
    if (first != NULL && (first->kind == RN_GLOBAL_UNSUPPORTED || first->kind == RN_GLOBAL_PAIRS))
        return rn_fail(message, RN_UNSUPPORTED, "%s: %s are not read, and there is nothing else: %s", w->reader->path,
                       first->what, passed);
    return rn_fail(message, RN_FORMAT,
                   "%s: there is no tensor outside objects that are not read: %s; nothing of them was executed. Save "
                   "model.state_dict() instead of a whole object",
                   w->reader->path, passed);
}

rn_status rn_walk_report_passed(const rn_torch_walk *w)
{
    char passed[RN_PASSED_TEXT + 64];

    if (w->passed.objects == 0)
        return RN_OK;
    print_passed(passed, sizeof passed, &w->passed);
    if (w->count == 0)
        return refuse(w, passed);
    rn_context_log(w->reader->context, RN_LOG_WARNING, "%s: passed over what is not read: %s", w->reader->path, passed);
    return rn_checkpoint_set_metadata(w->reader->checkpoint, "rn.opaque", passed);
}
