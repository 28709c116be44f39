/* SPDX-License-Identifier: MIT */
/*
 * What the run was asked to do, from the trainer's state: a table of the run's settings, and one of its phases with a
 * column for whatever a phase says, so that an option that is new to the trainer has its column, too.
 */
#include "report/sections.h"

#include <string.h>

enum { COLUMNS = 32, PHASES_SHOWN = 100, LONGEST = 4000 };

static void put_value(rn_page *page, const char *name, const rn_json *value)
{
    static const char *const optimizers[] = { "Adam", "SGD", "AdamW", "RMSprop" };
    const size_t known = sizeof optimizers / sizeof optimizers[0];
    double number;

    if (rn_json_string(value) != NULL) {
        rn_put_cut(page, rn_json_string(value), LONGEST);
    } else if (!rn_json_number(&number, value)) {
        rn_put(page, rn_json_is_true(value)    ? "yes"
                     : rn_json_is_false(value) ? "no"
                     : value != NULL           ? "?"
                                               : "\xe2\x80\x93");
    } else if (strcmp(name, "optimizer") == 0 && number >= 0 && number < (double)known &&
               number == (double)(size_t)number) {
        rn_put(page, optimizers[(int)number]);
    } else {
        rn_put_shortest(page, number);
    }
}

/* "lr_step_epochs" as "lr step epochs". */
static void put_label(rn_page *page, const char *name)
{
    char text[64];
    size_t length = 0;

    for (; name[length] != '\0' && length + 1 < sizeof text; length++)
        text[length] = name[length] == '_' ? ' ' : name[length];
    text[length] = '\0';
    rn_print(page, "<th scope=\"col\">%s</th>", text);
}

static void put_setting(rn_page *page, const char *label, const rn_json *value)
{
    if (value == NULL)
        return;
    rn_print(page, "<tr><th scope=\"row\">%s</th><td class=\"w\">", label);
    put_value(page, "", value);
    rn_put(page, "</td></tr>\n");
}

static void put_run(rn_page *page, const rn_json *state)
{
    static const struct {
        const char *name, *label;
    } settings[] = {
        { "network", "Network" },
        { "training_pipeline", "Photos in training" },
        { "pipeline", "Photos in validation" },
        { "batch_size", "Photos in a batch" },
        { "seed", "Seed (hexadecimal)" },
    };

    rn_put(page, "<table class=\"run\"><caption>The run</caption><tbody>\n");
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        put_setting(page, settings[i].label, rn_json_member(state, settings[i].name));
    rn_print(page, "<tr><th scope=\"row\">Numbers</th><td class=\"w\">%s</td></tr>\n</tbody></table>\n",
             rn_json_member(state, "bfloat16") != NULL ? "products of bfloat16" : "float32");
}

/* What a reader of the report has no use for, or has in a column of its own. */
static bool is_hidden(const char *name)
{
    static const char *const hidden[] = { "name", "trainable", "complete", "done" };

    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
        if (strcmp(name, hidden[i]) == 0)
            return true;
    return false;
}

/* The names of what any phase says; gives how many. */
static size_t find_columns(const char *column[COLUMNS], const rn_json *phases)
{
    size_t count = 0, seen = 0;

    for (const rn_json *phase = rn_json_first(phases); phase != NULL && seen < PHASES_SHOWN;
         phase = rn_json_next(phase), seen++)
        for (const rn_json *item = rn_json_first(phase); item != NULL && count < COLUMNS; item = rn_json_next(item)) {
            bool known = rn_json_name(item) == NULL || is_hidden(rn_json_name(item));

            for (size_t i = 0; i < count && !known; i++)
                known = strcmp(column[i], rn_json_name(item)) == 0;
            if (!known)
                column[count++] = rn_json_name(item);
        }
    return count;
}

static void put_phase(rn_page *page, const rn_json *phase, const char *const *column, size_t columns)
{
    const char *const name = rn_json_string(rn_json_member(phase, "name"));
    double complete = 0;

    rn_print(page, "<tr><th scope=\"row\">%s</th>", name != NULL ? name : "?");
    for (size_t i = 0; i < columns; i++) {
        rn_put(page, "<td>");
        put_value(page, column[i], rn_json_member(phase, column[i]));
        rn_put(page, "</td>");
    }
    rn_json_number(&complete, rn_json_member(phase, "complete"));
    rn_put(page, complete != 0 ? "<td>complete</td></tr>\n" : "<td>open</td></tr>\n");
}

static void put_phases(rn_page *page, const rn_json *phases)
{
    const char *column[COLUMNS];
    const size_t columns = find_columns(column, phases);
    size_t shown = 0;

    rn_put(page, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Phases\"><table><caption>Phases");
    if (rn_json_count(phases) > PHASES_SHOWN)
        rn_put(page, " (the first 100)");
    rn_put(page, "</caption><thead><tr><th scope=\"col\">Phase</th>");
    for (size_t i = 0; i < columns; i++)
        put_label(page, column[i]);
    rn_put(page, "<th scope=\"col\">State</th></tr></thead><tbody>\n");
    for (const rn_json *phase = rn_json_first(phases); phase != NULL && shown < PHASES_SHOWN;
         phase = rn_json_next(phase), shown++)
        put_phase(page, phase, column, columns);
    rn_put(page, "</tbody></table></div>\n");
}

/* The options of the program that began the run, in its words. */
static void put_config(rn_page *page, const rn_json *config)
{
    enum { SHOWN = 200 };
    size_t shown = 0;

    rn_put(page, "<details><summary>Configuration</summary><table class=\"run\"><caption>Options of the program "
                 "(config.json)</caption><tbody>\n");
    for (const rn_json *item = rn_json_first(config); item != NULL && shown < SHOWN; item = rn_json_next(item), shown++)
        if (rn_json_name(item) != NULL) {
            rn_print(page, "<tr><th scope=\"row\">%s</th><td class=\"w\">", rn_json_name(item));
            put_value(page, "", item);
            rn_put(page, "</td></tr>\n");
        }
    rn_put(page, "</tbody></table></details>\n");
}

void rn_report_settings(rn_page *page, const rn_report *report)
{
    const rn_json *const state = report->run != NULL ? report->run->state : NULL;

    if (state == NULL)
        return;
    rn_put(page, "<section id=\"settings\"><h2>Settings</h2>\n");
    put_run(page, state);
    if (rn_json_count(rn_json_member(state, "phases")) > 0)
        put_phases(page, rn_json_member(state, "phases"));
    if (report->run->config != NULL)
        put_config(page, report->run->config);
    rn_put(page, "</section>\n");
}
