/* SPDX-License-Identifier: MIT */
/*
 * The text of a pipeline: steps separated by commas, each a name and numbers in parentheses, themselves separated by
 * commas or spaces.
 *
 * Numbers have at most 15 digits, zeros in front not counted, and at most 15 decimals. They are read and printed here,
 * since strtod and printf follow the program's locale: mantissa / 10^k is correctly rounded because both are exact.
 */
#include "image/pipeline.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A step takes `least` to `most` numbers; where standards are given, they stand for those left out. */
typedef struct grammar {
    const char *name;
    int32_t least, most;
    double lowest, highest; /* of each */
    const double *standards;
} grammar;

static const double half[] = { 0.5 }, tenth[] = { 0.1 }, no_jitter[] = { 0, 0, 0, 0 };

static const grammar kinds[RN_TRANSFORM_KINDS] = {
    [RN_TRANSFORM_RESIZE] = { "Resize", 1, 2, 1, 16384, NULL },
    [RN_TRANSFORM_CENTER_CROP] = { "CenterCrop", 1, 2, 1, 16384, NULL },
    [RN_TRANSFORM_RANDOM_ROTATION] = { "RandomRotation", 1, 1, 0, 180, NULL },
    [RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP] = { "RandomHorizontalFlip", 0, 1, 0, 1, half },
    [RN_TRANSFORM_RANDOM_VERTICAL_FLIP] = { "RandomVerticalFlip", 0, 1, 0, 1, half },
    [RN_TRANSFORM_COLOR_JITTER] = { "ColorJitter", 0, 4, 0, 100, no_jitter },
    [RN_TRANSFORM_RANDOM_GRAYSCALE] = { "RandomGrayscale", 0, 1, 0, 1, tenth },
    [RN_TRANSFORM_TO_TENSOR] = { "ToTensor", 0, 0, 0, 0, NULL },
    [RN_TRANSFORM_NORMALIZE] = { "Normalize", 6, 6, -1e6, 1e6, NULL },
};

/* ---- numbers --------------------------------------------------------------------------------------------------- */

enum { DIGITS = 15 };

static double power_of_ten(int32_t k)
{
    double power = 1;

    for (int32_t i = 0; i < k; i++)
        power *= 10;
    return power;
}

/* Reads [-]digits[.digits]; false if there is none, it is too long, or another follows without a gap. */
static bool read_number(double *value, const char **text)
{
    const char *at = *text;
    const bool negative = *at == '-';
    int32_t digits = 0, decimals = 0;
    int64_t mantissa = 0;
    bool point = false, any = false;

    at += negative;
    for (; isdigit((unsigned char)*at) || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        any = true;
        mantissa = mantissa * 10 + (*at - '0');
        digits += mantissa != 0; /* zeros in front are none: the text of .5 is 0.5 */
        decimals += point;
        if (digits > DIGITS || decimals > DIGITS)
            return false;
    }
    if (!any || *at == '.' || *at == '-')
        return false;
    *value = (double)mantissa / power_of_ten(decimals);
    *value = negative && mantissa != 0 ? -*value : *value;
    *text = at;
    return true;
}

/* The shortest text that reads back as the same value. */
static void print_number(char *text, size_t size, double value)
{
    const double magnitude = fabs(value);

    for (int32_t k = 0; k <= DIGITS; k++) {
        const double power = power_of_ten(k), mantissa = round(magnitude * power);

        if (mantissa / power == magnitude || k == DIGITS) {
            const long long whole = (long long)(mantissa / power), part = (long long)(mantissa - (double)whole * power);

            if (k == 0)
                snprintf(text, size, "%s%lld", value < 0 ? "-" : "", whole);
            else
                snprintf(text, size, "%s%lld.%0*lld", value < 0 ? "-" : "", whole, (int)k, part);
            return;
        }
    }
}

/* ---- parsing --------------------------------------------------------------------------------------------------- */

static void skip_spaces(const char **text)
{
    while (isspace((unsigned char)**text))
        (*text)++;
}

static int32_t find_kind(const char *name, size_t length)
{
    for (int32_t kind = 0; kind < RN_TRANSFORM_KINDS; kind++)
        if (strlen(kinds[kind].name) == length && memcmp(kinds[kind].name, name, length) == 0)
            return kind;
    return -1;
}

static bool is_size(const rn_transform *step)
{
    return step->kind == RN_TRANSFORM_RESIZE || step->kind == RN_TRANSFORM_CENTER_CROP;
}

static rn_status check_count(const rn_transform *step, rn_message *message)
{
    const grammar *const rule = &kinds[step->kind];

    if (step->count >= rule->least && step->count <= rule->most)
        return RN_OK;
    if (rule->least == rule->most)
        return rn_fail(message, RN_FORMAT, "%s takes %d numbers, not %d", rule->name, (int)rule->most,
                       (int)step->count);
    return rn_fail(message, RN_FORMAT, "%s takes %d to %d numbers, not %d", rule->name, (int)rule->least,
                   (int)rule->most, (int)step->count);
}

static rn_status check_numbers(const rn_transform *step, rn_message *message)
{
    const grammar *const rule = &kinds[step->kind];

    for (int32_t i = 0; i < step->count; i++) {
        const double v = step->number[i];

        if (v < rule->lowest || v > rule->highest || (is_size(step) && v != floor(v)))
            return rn_fail(message, RN_FORMAT, "%s: %g is not possible", rule->name, v);
        if (step->kind == RN_TRANSFORM_NORMALIZE && i >= 3 && v <= 0)
            return rn_fail(message, RN_FORMAT, "Normalize: deviations are positive");
    }
    if (step->kind == RN_TRANSFORM_COLOR_JITTER && step->number[3] > 0.5)
        return rn_fail(message, RN_FORMAT, "ColorJitter: hue is at most 0.5");
    return RN_OK;
}

/* "Name(numbers)" */
static rn_status parse_step(rn_transform *step, const char **text, rn_message *message)
{
    const char *name;
    size_t length;
    int32_t kind;
    rn_status status;

    skip_spaces(text);
    for (name = *text; isalpha((unsigned char)**text);)
        (*text)++;
    length = (size_t)(*text - name);
    kind = find_kind(name, length);
    if (kind < 0)
        return rn_fail(message, RN_FORMAT, "a pipeline has no step '%.*s'", (int)(length < 40 ? length : 40), name);
    *step = (rn_transform){ .kind = (rn_transform_kind)kind };
    skip_spaces(text);
    if (**text != '(')
        return rn_fail(message, RN_FORMAT, "'(' is missing after %s", kinds[kind].name);
    (*text)++;
    for (;;) {
        skip_spaces(text);
        if (**text == ')')
            break;
        if (**text == ',' && step->count > 0) {
            (*text)++;
            skip_spaces(text);
        }
        if (step->count == RN_TRANSFORM_NUMBERS || !read_number(&step->number[step->count], text))
            return rn_fail(message, RN_FORMAT, "%s: a number of at most %d digits was expected, or ')'",
                           kinds[kind].name, (int)DIGITS);
        step->count++;
    }
    (*text)++;
    status = check_count(step, message);
    if (status != RN_OK)
        return status;
    for (; kinds[kind].standards != NULL && step->count < kinds[kind].most; step->count++)
        step->number[step->count] = kinds[kind].standards[step->count];
    return check_numbers(step, message);
}

/* ToTensor once; Normalize only behind it; nothing else behind it. */
static rn_status check_order(const rn_pipeline *pipeline, rn_message *message)
{
    int32_t tensors = 0, normalised = 0;

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform_kind kind = pipeline->step[i].kind;

        if (kind == RN_TRANSFORM_TO_TENSOR)
            tensors++;
        else if (kind == RN_TRANSFORM_NORMALIZE)
            normalised++;
        else if (tensors > 0)
            return rn_fail(message, RN_FORMAT, "%s behind ToTensor: it works on 8-bit pixels", kinds[kind].name);
        if (normalised > tensors || normalised > 1)
            return rn_fail(message, RN_FORMAT, "Normalize stands once, behind ToTensor");
    }
    return tensors == 1 ? RN_OK : rn_fail(message, RN_FORMAT, "ToTensor stands once in a pipeline");
}

rn_status rn_pipeline_parse(rn_pipeline *pipeline, const char *text, rn_message *message)
{
    pipeline->count = 0;
    for (;;) {
        rn_status status;

        if (pipeline->count == RN_PIPELINE_STEPS)
            return rn_fail(message, RN_FORMAT, "a pipeline has at most %d steps", (int)RN_PIPELINE_STEPS);
        status = parse_step(&pipeline->step[pipeline->count], &text, message);
        if (status != RN_OK)
            return status;
        pipeline->count++;
        skip_spaces(&text);
        if (*text == '\0')
            return check_order(pipeline, message);
        if (*text != ',')
            return rn_fail(message, RN_FORMAT, "steps are separated by commas, not by '%c'",
                           isprint((unsigned char)*text) ? *text : '?');
        text++;
    }
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* Text being written into a buffer that may be too small. */
typedef struct writer {
    char *text;
    size_t size, length;
} writer;

static void write_text(writer *w, const char *text)
{
    for (; *text != '\0'; text++, w->length++)
        if (w->length + 1 < w->size)
            w->text[w->length] = *text;
}

size_t rn_pipeline_print(const rn_pipeline *pipeline, char *text, size_t size)
{
    writer w = { text, size, 0 };

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform *const step = &pipeline->step[i];

        write_text(&w, i > 0 ? ", " : "");
        write_text(&w, kinds[step->kind].name);
        write_text(&w, "(");
        for (int32_t j = 0; j < step->count; j++) {
            const bool triples = step->kind == RN_TRANSFORM_NORMALIZE && j % 3 != 0;
            char number[64];

            print_number(number, sizeof number, step->number[j]);
            write_text(&w, j == 0 ? "" : triples ? " " : ", ");
            write_text(&w, number);
        }
        write_text(&w, ")");
    }
    if (size > 0)
        text[w.length < size ? w.length : size - 1] = '\0';
    return w.length;
}
