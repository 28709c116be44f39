/* SPDX-License-Identifier: MIT */
/* The network: its size, and its summary as a table. */
#include "report/sections.h"

#include "graph/graph.h"

#include <inttypes.h>

enum { LAYERS = 1000 };

void rn_report_network(rn_page *page, const rn_report *report)
{
    const rn_model *const model = report->model;
    int64_t parameters = 0, trained = 0;
    rn_layer_summary row;

    if (model == NULL)
        return;
    for (int32_t i = 0; i < model->graph->count; i++) {
        rn_layer_summarise(&row, model, i);
        parameters += row.parameters;
        trained += row.trained;
    }
    rn_print(
        page,
        "<section id=\"network\"><h2>Network</h2>\n<dl class=\"figures\">\n"
        "<div><dt>Parameters</dt><dd>%" PRId64 "</dd></div>\n<div><dt>Trainable</dt><dd>%" PRId64 "</dd></div>\n"
        "<div><dt>Multiply-adds of a photo</dt><dd>%" PRId64 "</dd></div>\n</dl>\n<details><summary>Layers</summary>\n"
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Layers\"><table><caption>Layers of %s%s"
        "</caption><thead><tr><th scope=\"col\" class=\"w\">Layer</th><th scope=\"col\" class=\"w\">Kind</th><th "
        "scope=\"col\" class=\"w\">Output shape</th><th scope=\"col\">Parameters</th><th scope=\"col\" class=\"w\">"
        "Trainable</th></tr></thead><tbody>\n",
        parameters, trained, rn_model_multiply_adds(model), rn_model_name(model),
        model->graph->count > LAYERS ? ": the first 1000" : "");
    for (int32_t i = 0; i < model->graph->count && i < LAYERS; i++) {
        rn_layer_summarise(&row, model, i);
        rn_print(page,
                 "<tr><th scope=\"row\">%s</th><td class=\"w\">%s</td><td class=\"w\">%s</td><td>%" PRId64 "</td><td "
                 "class=\"w\">%s</td></tr>\n",
                 row.name, row.kind, row.shape, row.parameters, row.trainable);
    }
    rn_put(page, "</tbody></table></div></details></section>\n");
}
