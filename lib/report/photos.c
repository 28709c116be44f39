/* SPDX-License-Identifier: MIT */
/*
 * Photos with what they were taken for: the surest mistakes, and a grid from the whole dataset as the tutorial has it,
 * in green and red, and with a mark for who does not see the two apart. Pictures are squares out of the middle, as they
 * lie in their files, and are part of the page until they fill its budget.
 */
#include "report/sections.h"
#include "report/thumbnail.h"

#include "data/sample.h"

#include <math.h>
#include <string.h>

typedef struct album {
    rn_page *page;
    const rn_report *report;
    rn_pipeline *pipeline;
    rn_decoder decoder;
    size_t left, left_out; /* bytes of the budget; pictures that did not fit */
    float *floats;         /* of a picture */
    uint8_t *rgb, *file;
} album;

/* ---- a picture --------------------------------------------------------------------------------------------------- */

/* The bytes of the picture's file, 0 if it cannot be read. RN_NO_MEMORY. */
static rn_status make_thumbnail(size_t *nbytes, album *a, size_t photo)
{
    enum { NUMBERS = RN_THUMBNAIL_SIDE * RN_THUMBNAIL_SIDE * 3 };
    const rn_dataset *const dataset = a->report->result->dataset;
    const rn_sample_source source = { .name = dataset->photo[photo].name,
                                      .read = dataset->read,
                                      .payload = dataset->payload,
                                      .pipeline = a->pipeline,
                                      .draw = { .sample = photo },
                                      .height = RN_THUMBNAIL_SIDE,
                                      .width = RN_THUMBNAIL_SIDE };
    rn_message *const message = &a->report->context->message;
    rn_status status = rn_sample_load(a->floats, &a->decoder, &source, message);

    *nbytes = 0;
    if (status != RN_OK)
        return status == RN_NO_MEMORY ? status : RN_OK;
    for (size_t i = 0; i < NUMBERS; i++)
        a->rgb[i] = (uint8_t)lrintf(255 * a->floats[i]);
    *nbytes = rn_thumbnail_write(a->file, a->rgb);
    return *nbytes > 0 ? RN_OK : rn_fail(message, RN_NO_MEMORY, "no memory for a small picture");
}

static rn_status put_picture(album *a, size_t photo)
{
    size_t nbytes = 0, written;
    rn_status status = RN_OK;
    const bool is_full = a->left == 0;

    if (!is_full)
        status = make_thumbnail(&nbytes, a, photo);
    if (status != RN_OK)
        return status;
    written = (nbytes + 2) / 3 * 4;
    if (is_full || written > a->left) {
        a->left = 0; /* from here on none: a reader would wonder why some are there */
        a->left_out++;
        rn_put(a->page, "<div class=\"none\">left out</div>");
    } else if (nbytes == 0) {
        rn_put(a->page, "<div class=\"none\">cannot be read</div>");
    } else {
        a->left -= written;
        rn_print(a->page, "<img width=\"112\" height=\"112\" loading=\"lazy\" alt=\"\" src=\"data:%s;base64,",
                 rn_thumbnail_type);
        rn_put_base64(a->page, a->file, nbytes);
        rn_put(a->page, "\"/>");
    }
    return RN_OK;
}

/* ---- what stands below ------------------------------------------------------------------------------------------- */

static void put_caption(album *a, size_t photo)
{
    const rn_evaluation_result *const result = a->report->result;
    const rn_answer *const answer = &result->answer[photo];
    const int64_t label = result->dataset->photo[photo].label;
    const bool is_right = answer->predicted == label;
    const char *const name = result->dataset->photo[photo].name, *const slash = strrchr(name, '/');

    rn_print(a->page, "<figcaption><b class=\"%s\">%s %s</b> ", is_right ? "right" : "wrong",
             is_right ? "\xe2\x9c\x93" : "\xe2\x9c\x97",
             answer->counted ? rn_report_class(a->report, answer->predicted) : "skipped");
    if (answer->predicted >= 0)
        rn_put_part(a->page, answer->probability);
    if (!is_right)
        rn_print(a->page, "<br/>is %s ", rn_report_class(a->report, label));
    if (!is_right && answer->predicted >= 0)
        rn_put_part(a->page, answer->label_probability);
    rn_print(a->page, "<small>%s</small></figcaption>",
             slash != NULL && result->dataset->read == NULL ? slash + 1 : name);
}

static rn_status put_photo(album *a, size_t photo)
{
    rn_status status;

    rn_put(a->page, "<figure title=\"");
    rn_put_cut(a->page, a->report->result->dataset->photo[photo].name, 400);
    rn_put(a->page, "\">");
    status = put_picture(a, photo);
    put_caption(a, photo);
    rn_put(a->page, "</figure>\n");
    return status;
}

/* ---- the two grids ----------------------------------------------------------------------------------------------- */

static void end_grid(album *a)
{
    rn_put(a->page, "</div>\n");
    if (a->left_out > 0)
        rn_print(a->page,
                 "<p class=\"note\">%zu pictures were left out, so that the page does not grow too large "
                 "(picture_bytes).</p>\n",
                 a->left_out);
    rn_put(a->page, "</section>\n");
    a->left_out = 0;
}

static rn_status put_mistakes(album *a)
{
    const rn_evaluation_result *const result = a->report->result;
    const size_t wanted = (size_t)a->report->options.mistakes,
                 count = wanted < result->mistake_count ? wanted : result->mistake_count;
    rn_status status = RN_OK;

    if (count == 0)
        return RN_OK;
    rn_print(
        a->page,
        "<section id=\"mistakes\"><h2>Surest mistakes</h2>\n<p>%zu of %zu photos that were taken for another class, "
        "those that the network was surest about first.</p>\n<div class=\"grid\">\n",
        count, result->mistake_count);
    for (size_t i = 0; i < count && status == RN_OK; i++)
        status = put_photo(a, result->mistake[i]);
    end_grid(a);
    return status;
}

static rn_status put_grid(album *a)
{
    const size_t photos = a->report->result->photos, wanted = (size_t)a->report->options.photos,
                 count = wanted < photos ? wanted : photos;
    rn_status status = RN_OK;

    if (count == 0)
        return RN_OK;
    rn_put(a->page,
           "<section id=\"photos\"><h2>Photos</h2>\n<p>Evenly from the whole dataset, with what each was taken "
           "for.</p>\n<div class=\"grid\">\n");
    for (size_t i = 0; i < count && status == RN_OK; i++)
        status = put_photo(a, (size_t)((double)photos * ((double)i + 0.5) / (double)count));
    end_grid(a);
    return status;
}

rn_status rn_report_photos(rn_page *page, const rn_report *report)
{
    const rn_allocator *const allocator = &report->context->allocator;
    const size_t numbers = (size_t)RN_THUMBNAIL_SIDE * RN_THUMBNAIL_SIDE * 3;
    album a = { .page = page, .report = report, .left = report->options.picture_bytes };
    rn_status status = rn_pipeline_create(&a.pipeline, report->context, "Resize(112), CenterCrop(112), ToTensor()");

    if (status != RN_OK)
        return status;
    rn_decoder_begin(&a.decoder, report->context);
    a.floats = rn_allocate_array(allocator, numbers, sizeof *a.floats);
    a.rgb = rn_allocate(allocator, numbers);
    a.file = rn_allocate(allocator, RN_THUMBNAIL_BYTES);
    if (a.floats == NULL || a.rgb == NULL || a.file == NULL)
        status = rn_fail(&report->context->message, RN_NO_MEMORY, "no memory for small pictures");
    if (status == RN_OK)
        status = put_mistakes(&a);
    if (status == RN_OK)
        status = put_grid(&a);
    rn_release(allocator, a.floats);
    rn_release(allocator, a.rgb);
    rn_release(allocator, a.file);
    rn_decoder_end(&a.decoder);
    rn_pipeline_destroy(a.pipeline);
    return status;
}
