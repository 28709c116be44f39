/* SPDX-License-Identifier: MIT */
/* How the run went: charts, and the same as a table. */
#include "report/chart.h"
#include "report/sections.h"

#include <math.h>

enum { CHARTS = 4, IN_A_FILE = 2 };

static const rn_chart charts[CHARTS] = {
    { "loss",
      "Loss",
      { { "training", offsetof(rn_epoch, train_loss) }, { "validation", offsetof(rn_epoch, valid_loss) } },
      2,
      false,
      false },
    { "accuracy",
      "Accuracy",
      { { "training", offsetof(rn_epoch, train_accuracy) }, { "validation", offsetof(rn_epoch, valid_accuracy) } },
      2,
      true,
      false },
    { "rate", "Learning rate", { { "learning rate", offsetof(rn_epoch, lr) } }, 1, false, true },
    { "speed", "Images per second in training", { { "images a second", offsetof(rn_epoch, rate) } }, 1, false, false },
};

static void put_chart(rn_page *page, const rn_chart *chart, const rn_run *run)
{
    if (!rn_chart_has_numbers(chart, run))
        return;
    rn_put(page, "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 440 260\" aria-labelledby=\"c-");
    rn_put(page, chart->id);
    rn_put(page, "\"><desc id=\"c-");
    rn_put(page, chart->id);
    rn_put(page, "\">");
    rn_put(page, chart->title);
    rn_put(page, " of each epoch; the table below has the numbers</desc>\n");
    rn_chart_draw(page, chart, run);
    rn_put(page, "</svg>\n");
}

static void put_row(rn_page *page, const rn_run *run, size_t index)
{
    const rn_epoch *const epoch = &run->epoch[index];

    rn_put(page, index == run->best ? "<tr class=\"best\"><th scope=\"row\">" : "<tr><th scope=\"row\">");
    rn_put_count(page, (int64_t)index + 1);
    rn_put(page, index == run->best ? " (best)</th><td class=\"w\">" : "</th><td class=\"w\">");
    rn_put_name(page, run->phase[epoch->phase].name);
    rn_put(page, " ");
    rn_put_count(page, epoch->epoch + 1);
    rn_put(page, "</td>");
    rn_put_cell(page, epoch->train_loss, 4);
    rn_put_cell(page, 100 * epoch->train_accuracy, 1);
    rn_put_cell(page, epoch->valid_loss, 4);
    rn_put_cell(page, 100 * epoch->valid_accuracy, 1);
    rn_put(page, "<td>");
    rn_put_shortest(page, epoch->lr);
    rn_put(page, "</td>");
    rn_put_cell(page, epoch->rate, 1);
    rn_put_cell(page, epoch->seconds, 1);
    rn_put(page, "</tr>\n");
}

static void put_table(rn_page *page, const rn_run *run)
{
    rn_put(page,
           "<details><summary>Numbers of the epochs</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
           "aria-label=\"Numbers of the epochs\"><table><caption>Epochs");
    if (rn_run_stride(run) > 1) {
        rn_put(page, ": one of ");
        rn_put_count(page, (int64_t)rn_run_stride(run));
        rn_put(page, " is shown, here and in the curves, and the best");
    }
    rn_put(page,
           "</caption><thead><tr><th scope=\"col\">Epoch</th><th scope=\"col\" class=\"w\">Phase</th><th scope=\"col\">"
           "Training loss</th><th scope=\"col\">Training accuracy, %</th><th scope=\"col\">Validation loss</th>"
           "<th scope=\"col\">Validation accuracy, %</th><th scope=\"col\">Learning rate</th><th scope=\"col\">Images/s"
           "</th><th scope=\"col\">Seconds</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < run->count; i++)
        if (rn_run_shows(run, i))
            put_row(page, run, i);
    rn_put(page, "</tbody></table></div></details>\n");
}

void rn_report_curves(rn_page *page, const rn_report *report)
{
    if (report->run == NULL)
        return;
    rn_put(page, "<section id=\"curves\"><h2>Training</h2>\n");
    if (report->run->count == 0) {
        rn_put(page, "<p>No epoch has ended yet.</p></section>\n");
        return;
    }
    rn_put(page, "<div class=\"charts\">\n");
    for (int i = 0; i < CHARTS; i++)
        put_chart(page, &charts[i], report->run);
    rn_put(page, "</div>\n");
    put_table(page, report->run);
    rn_put(page, "</section>\n");
}

void rn_report_curves_file(rn_page *page, const rn_run *run)
{
    int64_t y = 0;

    rn_put(page, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 -12 464 564\" width=\"696\" height=\"846\">\n"
                 "<title>Loss and accuracy</title><style>");
    rn_put(page, rn_report_colours);
    rn_put(page, rn_report_chart_style);
    rn_put(page, "</style>\n<rect class=\"paper\" x=\"-12\" y=\"-12\" width=\"464\" height=\"564\"/>\n");
    for (int i = 0; i < IN_A_FILE; i++) {
        if (!rn_chart_has_numbers(&charts[i], run))
            continue;
        rn_put(page, "<g transform=\"translate(0 ");
        rn_put_count(page, y);
        rn_put(page, ")\">\n");
        rn_chart_draw(page, &charts[i], run);
        rn_put(page, "</g>\n");
        y += RN_CHART_HEIGHT + 20;
    }
    rn_put(page, "</svg>\n");
}
