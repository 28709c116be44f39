/* SPDX-License-Identifier: MIT */
/* How the run went: charts, and the same as a table. */
#include "report/chart.h"
#include "report/sections.h"

#include <inttypes.h>
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
    rn_print(
        page,
        "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 440 260\" aria-labelledby=\"c-%s\"><desc id=\"c-%s\">%s of "
        "each epoch; the table below has the numbers</desc>\n",
        chart->id, chart->id, chart->title);
    rn_chart_draw(page, chart, run);
    rn_put(page, "</svg>\n");
}

static void put_row(rn_page *page, const rn_run *run, size_t index)
{
    const rn_epoch *const epoch = &run->epoch[index];
    const bool is_best = index == run->best;

    rn_print(page,
             "<tr class=\"%s\"><th scope=\"row\">%zu%s</th><td class=\"w\">%s %" PRId64
             "</td><td>%.4f</td><td>%.1f</td>"
             "<td>%.4f</td><td>%.1f</td><td>%g</td><td>%.1f</td><td>%.1f</td><td>%.1f</td></tr>\n",
             is_best ? "best" : "other", index + 1, is_best ? " (best)" : "", run->phase[epoch->phase].name,
             epoch->epoch + 1, epoch->train_loss, 100 * epoch->train_accuracy, epoch->valid_loss,
             100 * epoch->valid_accuracy, epoch->lr, epoch->rate, epoch->seconds, epoch->loading);
}

static void put_table(rn_page *page, const rn_run *run)
{
    rn_put(page,
           "<details><summary>Numbers of the epochs</summary>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" "
           "aria-label=\"Numbers of the epochs\"><table><caption>Epochs");
    if (rn_run_stride(run) > 1)
        rn_print(page, ": one of %zu is shown, here and in the curves, and the best", rn_run_stride(run));
    rn_put(page,
           "</caption><thead><tr><th scope=\"col\">Epoch</th><th scope=\"col\" class=\"w\">Phase</th><th scope=\"col\">"
           "Training loss</th><th scope=\"col\">Training accuracy, %</th><th scope=\"col\">Validation loss</th>"
           "<th scope=\"col\">Validation accuracy, %</th><th scope=\"col\">Learning rate</th><th scope=\"col\">Images/s"
           "</th><th scope=\"col\">Seconds</th><th scope=\"col\">Waiting for photos</th></tr></thead><tbody>\n");
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
    int y = 0;

    rn_put(page, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 -12 464 564\" width=\"696\" height=\"846\">\n"
                 "<title>Loss and accuracy</title><style>");
    rn_put(page, rn_report_colours);
    rn_put(page, rn_report_chart_style);
    rn_put(page, "</style>\n<rect class=\"paper\" x=\"-12\" y=\"-12\" width=\"464\" height=\"564\"/>\n");
    for (int i = 0; i < IN_A_FILE; i++) {
        if (!rn_chart_has_numbers(&charts[i], run))
            continue;
        rn_print(page, "<g transform=\"translate(0 %d)\">\n", y);
        rn_chart_draw(page, &charts[i], run);
        rn_put(page, "</g>\n");
        y += RN_CHART_HEIGHT + 20;
    }
    rn_put(page, "</svg>\n");
}
