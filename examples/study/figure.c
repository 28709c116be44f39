/* SPDX-License-Identifier: MIT */
#include "study/figure.h"

#include <math.h>

/* In units of the picture; a panel is the square inside its axes. */
enum {
    WIDTH = 960,
    HEIGHT = 590,
    PANEL_WIDTH = 390,
    PANEL_HEIGHT = 340,
    PANEL_TOP = 56,
    PANEL_BOTTOM = PANEL_TOP + PANEL_HEIGHT,
    PLAIN_LEFT = 64,
    RESIDUAL_LEFT = 540,
    LEGEND_TOP = PANEL_BOTTOM + 62,
    LINE_HEIGHT = 20
};

typedef struct panel {
    FILE *stream;
    double left;
    double top_error; /* the axis of errors begins at 0 */
    int32_t epochs;
} panel;

/* The paper's colours, darker where they would be pale on white. */
static const char *colour_of(int32_t depth)
{
    static const struct {
        int32_t depth;
        const char *colour;
    } colours[] = { { 20, "#c79100" }, { 32, "#0093a8" }, { 44, "#2e8b2e" }, { 56, "#d0281e" } };

    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        if (colours[i].depth == depth)
            return colours[i].colour;
    return "#222222";
}

static double x_of(const panel *p, double epoch)
{
    return p->left + PANEL_WIDTH * epoch / p->epochs;
}

static double y_of(const panel *p, double error)
{
    return PANEL_BOTTOM - PANEL_HEIGHT * error / p->top_error;
}

/* The smallest of 1, 2, 5, 10, 20, ... that cuts `length` into ten pieces at most. */
static double step_of(double length)
{
    static const double steps[] = { 2, 2.5, 2 };
    double step = 1;

    for (int i = 0; length / step > 10; i++)
        step *= steps[i % 3];
    return step;
}

static void draw_text(const panel *p, double x, double y, const char *anchor, const char *text)
{
    fprintf(p->stream, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void draw_axes(const panel *p, const char *title)
{
    const double right = p->left + PANEL_WIDTH, epoch_step = step_of(p->epochs), error_step = step_of(p->top_error);
    char text[32];

    for (double error = 0; error <= p->top_error; error += error_step) {
        fprintf(p->stream, "<path d=\"M%.1f %.1fH%.1f\" stroke=\"#dddddd\"/>\n", p->left, y_of(p, error), right);
        snprintf(text, sizeof text, "%g", error);
        draw_text(p, p->left - 8, y_of(p, error) + 4, "end", text);
    }
    for (double epoch = 0; epoch <= p->epochs; epoch += epoch_step) {
        fprintf(p->stream, "<path d=\"M%.1f %dv6\" stroke=\"#333333\"/>\n", x_of(p, epoch), PANEL_BOTTOM);
        snprintf(text, sizeof text, "%g", epoch);
        draw_text(p, x_of(p, epoch), PANEL_BOTTOM + 20, "middle", text);
    }
    fprintf(p->stream, "<rect x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#333333\"/>\n",
            p->left, PANEL_TOP, PANEL_WIDTH, PANEL_HEIGHT);
    draw_text(p, p->left + PANEL_WIDTH / 2.0, PANEL_BOTTOM + 40, "middle", "epochs");
    fprintf(p->stream,
            "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\">error (%%)</text>\n",
            p->left - 40, PANEL_TOP + PANEL_HEIGHT / 2.0);
    fprintf(p->stream, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" font-size=\"16\">%s</text>\n",
            p->left + PANEL_WIDTH / 2.0, PANEL_TOP - 14, title);
}

/* Dashed and thin in training, solid on the test photos; a dot where the curve has come to. */
static void draw_line(const panel *p, const curve *c, int test)
{
    const char *colour = colour_of(c->depth);
    double x = 0, y = 0;

    fprintf(p->stream, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s points=\"", colour,
            test ? "2.2" : "1.4", test ? "" : " stroke-dasharray=\"5 4\"");
    for (size_t i = 0; i < c->count; i++) {
        x = x_of(p, (double)i + 1);
        y = y_of(p, test ? c->points[i].test_error : c->points[i].train_error);
        fprintf(p->stream, "%s%.1f,%.1f", i > 0 ? " " : "", x, y);
    }
    fprintf(p->stream, "\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" stroke=\"%s\"/>\n", x, y,
            test ? colour : "#ffffff", colour);
}

static void draw_legend(const panel *p, const curve *c, int line)
{
    const double y = LEGEND_TOP + line * LINE_HEIGHT;
    char text[128];

    fprintf(p->stream, "<path d=\"M%.1f %.1fh34\" stroke=\"%s\" stroke-width=\"2.2\"/>\n", p->left, y - 4,
            colour_of(c->depth));
    snprintf(text, sizeof text, "%s-%d", c->plain ? "plain" : "ResNet", (int)c->depth);
    if (c->count > 0)
        snprintf(text, sizeof text, "%s-%d: test %.1f %%, training %.1f %% after %zu of %d",
                 c->plain ? "plain" : "ResNet", (int)c->depth, c->points[c->count - 1].test_error,
                 c->points[c->count - 1].train_error, c->count, (int)p->epochs);
    draw_text(p, p->left + 42, y, "start", text);
}

static void draw_panel(const panel *p, const char *title, const curve *curves, size_t count, int plain)
{
    int line = 0;

    draw_axes(p, title);
    for (size_t i = 0; i < count; i++) {
        if (curves[i].plain != plain)
            continue;
        draw_legend(p, &curves[i], line++);
        for (int test = 0; curves[i].count > 0 && test < 2; test++)
            draw_line(p, &curves[i], test);
    }
}

/* The next ten above every error; both panels share it, so that they can be compared. */
static double top_error(const curve *curves, size_t count)
{
    double top = 10;

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < curves[i].count; k++)
            top = fmax(top, fmax(curves[i].points[k].train_error, curves[i].points[k].test_error));
    return 10 * ceil(top / 10);
}

void figure_draw(FILE *stream, const curve *curves, size_t count, int32_t epochs, const char *recipe)
{
    panel p = { .stream = stream, .left = PLAIN_LEFT, .top_error = top_error(curves, count), .epochs = epochs };

    fprintf(
        stream,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222222\">\n"
        "<title>Plain and residual networks on CIFAR-10</title>\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
        WIDTH, HEIGHT, WIDTH, HEIGHT, WIDTH, HEIGHT);
    draw_panel(&p, "plain networks", curves, count, 1);
    p.left = RESIDUAL_LEFT;
    draw_panel(&p, "residual networks", curves, count, 0);
    fprintf(stream, "<g font-size=\"11\" fill=\"#555555\">\n");
    draw_text(&p, WIDTH / 2.0, HEIGHT - 32, "middle",
              "solid: error on the test photos after an epoch; dashed: on the training photos while it was trained");
    draw_text(&p, WIDTH / 2.0, HEIGHT - 14, "middle", recipe);
    fprintf(stream, "</g>\n</svg>\n");
}
