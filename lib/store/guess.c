/* SPDX-License-Identifier: MIT */
/*
 * Which network of the zoo a file is of. A network that is written down has names and shapes and no weights yet, so
 * that asking all of them takes milliseconds; it is done only for a file that is refused.
 */
#include "store/advice.h"
#include "zoo/zoo.h"

enum { MOST_TENSORS = 20000 }; /* that are worth asking about: no network has a tenth of them */

/* True if everything is there and nothing else is. */
static rn_status try_source(bool *fits, const rn_load_source *source, rn_load_report *report,
                            const rn_load_options *options)
{
    const rn_allocator *const allocator = source->names->allocator;
    const rn_tensor **values;
    rn_load_source place = *source;
    rn_status status = rn_source_locate(&place, report, options, "the file");

    if (status != RN_OK)
        return status == RN_NO_MEMORY ? status : RN_OK;
    values = rn_allocate_zeroed(allocator, source->model->graph->parameters->count, sizeof *values);
    if (values == NULL)
        return rn_fail(&report->context->message, RN_NO_MEMORY, "no memory to compare names");
    report->head_skipped = true;
    status = rn_load_compare(values, report, &place);
    *fits = status == RN_OK && report->list[RN_LOAD_MISSING].count == 0 && report->list[RN_LOAD_DIFFERENT].count == 0 &&
            report->list[RN_LOAD_SURPLUS].count == 0;
    rn_release(allocator, values);
    return status;
}

static rn_status try_graph(bool *fits, const rn_zoo_entry *entry, rn_graph *graph, const rn_file_names *names,
                           const rn_load_options *options)
{
    /* What a comparison asks of a model. */
    const rn_model network = { .context = graph->context, .graph = graph, .name = (char *)(uintptr_t)entry->name };
    rn_load_report *report = NULL;
    rn_load_source source;
    rn_status status;

    entry->write(graph, entry->name, entry->classes, entry->height, entry->width);
    if (graph->status != RN_OK)
        return graph->status != RN_NO_MEMORY
                   ? RN_OK
                   : rn_fail(&graph->context->message, RN_NO_MEMORY, "no memory to write down %s", entry->name);
    status = rn_source_create(&source, &network, names);
    if (status != RN_OK)
        return status;
    source.quiet = true;
    status = rn_load_report_create(&report, graph->context);
    if (status == RN_OK)
        status = try_source(fits, &source, report, options);
    rn_load_report_destroy(report);
    rn_source_release(&source);
    return status;
}

rn_status rn_load_guess_network(const char *names[2], const rn_load_source *source, const rn_load_options *options)
{
    rn_load_options wanted = *options;
    size_t found = 0;
    rn_status status = RN_OK;

    names[0] = names[1] = NULL;
    wanted.head = RN_HEAD_SKIP;
    if (rn_checkpoint_count(source->names->file) > MOST_TENSORS)
        return RN_OK;
    for (size_t i = 0; status == RN_OK && found < 2 && rn_zoo_name(i) != NULL; i++) {
        const rn_zoo_entry *const entry = rn_zoo_find(rn_zoo_name(i));
        rn_graph *graph = NULL;
        bool fits = false;

        status = rn_graph_create(&graph, source->model->context);
        if (status == RN_OK)
            status = try_graph(&fits, entry, graph, source->names, &wanted);
        rn_graph_destroy(graph);
        if (fits)
            names[found++] = entry->name;
    }
    return status;
}
