/* SPDX-License-Identifier: MIT */
/* The network: its size, and its summary as a table. */
#include "report/sections.h"

#include "graph/graph.h"

enum { LAYERS = 1000 };

static void put_row(rn_page *page, const rn_layer_summary *row)
{
    rn_put(page, "<tr><th scope=\"row\">");
    rn_put_name(page, row->name);
    rn_put(page, "</th><td class=\"w\">");
    rn_put(page, row->kind);
    rn_put(page, "</td><td class=\"w\">");
    rn_put(page, row->shape);
    rn_put(page, "</td>");
    rn_put_cell(page, (double)row->parameters, 0);
    rn_put(page, "<td class=\"w\">");
    rn_put(page, row->trainable);
    rn_put(page, "</td></tr>\n");
}

static void put_figure(rn_page *page, const char *label, int64_t value)
{
    rn_put(page, "<div><dt>");
    rn_put(page, label);
    rn_put(page, "</dt><dd>");
    rn_put_count(page, value);
    rn_put(page, "</dd></div>\n");
}

void rn_report_network(rn_page *page, const rn_report *report)
{
    const rn_model *const model = report->model;
    int64_t parameters = 0, trained = 0;
    rn_layer_summary row;
    int32_t layers;

    if (model == NULL)
        return;
    layers = model->graph->count;
    for (int32_t i = 0; i < layers; i++) {
        rn_layer_summarise(&row, model, i);
        parameters += row.parameters;
        trained += row.trained;
    }
    rn_put(page, "<section id=\"network\"><h2>Network</h2>\n<dl class=\"figures\">\n");
    put_figure(page, "Parameters", parameters);
    put_figure(page, "Trainable", trained);
    put_figure(page, "Multiply-adds of a photo", rn_model_multiply_adds(model));
    rn_put(page, "</dl>\n<details><summary>Layers</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
                 "aria-label=\"Layers\"><table><caption>Layers of ");
    rn_put_name(page, rn_model_name(model));
    rn_put(page, layers > LAYERS ? ": the first 1000" : "");
    rn_put(page,
           "</caption><thead><tr><th scope=\"col\" class=\"w\">Layer</th><th scope=\"col\" class=\"w\">Kind</th><th "
           "scope=\"col\" class=\"w\">Output shape</th><th scope=\"col\">Parameters</th><th scope=\"col\" class=\"w\">"
           "Trainable</th></tr></thead><tbody>\n");
    for (int32_t i = 0; i < layers && i < LAYERS; i++) {
        rn_layer_summarise(&row, model, i);
        put_row(page, &row);
    }
    rn_put(page, "</tbody></table></div></details></section>\n");
}
