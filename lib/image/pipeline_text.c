/* SPDX-License-Identifier: MIT */
/*
 * The text of a pipeline: steps separated by commas, each a name and in parentheses numbers, then words, some with
 * numbers behind them. Commas or spaces separate these; a word may be followed by "=".
 *
 * Numbers have at most 15 digits, zeros in front not counted, and at most 15 decimals. They are read and printed here,
 * since strtod and printf follow the program's locale: mantissa / 10^k is correctly rounded because both are exact.
 */
#include "image/pipeline.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
    for (int32_t kind = 0; kind < RN_TRANSFORM_KINDS; kind++) {
        const char *const known = rn_step_grammar_of((rn_transform_kind)kind)->name;

        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return kind;
    }
    return -1;
}

static const rn_step_word *find_word(const rn_step_grammar *rule, const char *name, size_t length)
{
    for (const rn_step_word *word = rule->words; word != NULL && word->name != NULL; word++)
        if (strlen(word->name) == length && memcmp(word->name, name, length) == 0)
            return word;
    return NULL;
}

/* Letters, and '_' behind the first. */
static size_t read_name(const char **name, const char **text)
{
    *name = *text;
    while (isalpha((unsigned char)**text) || (**text == '_' && *text > *name))
        (*text)++;
    return (size_t)(*text - *name);
}

static rn_status fail_count(const rn_step_grammar *rule, int32_t count, rn_message *message)
{
    if (rule->least == rule->most)
        return rn_fail(message, RN_FORMAT, "%s takes %d numbers, not %d", rule->name, (int)rule->most, (int)count);
    return rn_fail(message, RN_FORMAT, "%s takes %d to %d numbers, not %d", rule->name, (int)rule->least,
                   (int)rule->most, (int)count);
}

static rn_status fail_number(const rn_step_grammar *rule, rn_message *message)
{
    return rn_fail(message, RN_FORMAT, "%s: a number of at most %d digits was expected, or ')'", rule->name,
                   (int)DIGITS);
}

static rn_status read_within(double *number, const char **text, const rn_step_grammar *rule, double lowest,
                             double highest, bool is_whole, rn_message *message)
{
    skip_spaces(text);
    if (!read_number(number, text))
        return fail_number(rule, message);
    if (*number < lowest || *number > highest || (is_whole && *number != floor(*number)))
        return rn_fail(message, RN_FORMAT, "%s: %g is not possible", rule->name, *number);
    return RN_OK;
}

/* A word, and the numbers that go with it. */
static rn_status read_word(rn_transform *step, const char **text, const rn_step_grammar *rule, rn_message *message)
{
    const char *name;
    const size_t length = read_name(&name, text);
    const rn_step_word *const word = find_word(rule, name, length);
    rn_status status = RN_OK;

    if (word == NULL)
        return rn_fail(message, RN_FORMAT, "%s knows no '%.*s'", rule->name, (int)(length < 40 ? length : 40), name);
    if (word->count == 0)
        step->number[word->slot] = word->value;
    skip_spaces(text);
    if (**text == '=' && word->count > 0)
        (*text)++;
    for (int32_t i = 0; i < word->count && status == RN_OK; i++) {
        skip_spaces(text);
        if (i > 0 && **text == ',')
            (*text)++;
        status = read_within(&step->number[word->slot + i], text, rule, word->lowest, word->highest, word->is_whole,
                             message);
    }
    return status;
}

/* What stands in the parentheses, up to the closing one. */
static rn_status read_arguments(rn_transform *step, const char **text, const rn_step_grammar *rule, rn_message *message)
{
    rn_status status = RN_OK;
    bool has_words = false;

    for (bool first = true; status == RN_OK; first = false) {
        skip_spaces(text);
        if (**text == ')')
            break;
        if (**text == ',' && !first) {
            (*text)++;
            skip_spaces(text);
        }
        if (isalpha((unsigned char)**text) && rule->words != NULL) {
            has_words = true;
            status = read_word(step, text, rule, message);
        } else if (has_words) {
            status = rn_fail(message, RN_FORMAT, "%s: numbers without a word stand in front", rule->name);
        } else if (step->count == RN_TRANSFORM_NUMBERS || step->count > rule->most) {
            status = fail_count(rule, step->count, message);
        } else {
            const bool fits = step->count < rule->most; /* one too many is counted */
            double number = 0;

            status = fits ? read_within(&number, text, rule, rule->lowest, rule->highest, rule->is_whole, message)
                          : read_within(&number, text, rule, -INFINITY, INFINITY, false, message);
            if (fits)
                step->number[step->count] = number;
            step->count++;
        }
    }
    (*text) += status == RN_OK;
    return status;
}

/* "Name(numbers, words)" */
static rn_status parse_step(rn_transform *step, const char **text, rn_message *message)
{
    const rn_step_grammar *rule;
    const char *name;
    size_t length;
    int32_t kind;
    rn_status status;

    skip_spaces(text);
    length = read_name(&name, text);
    kind = find_kind(name, length);
    if (kind < 0)
        return rn_fail(message, RN_FORMAT, "a pipeline has no step '%.*s'", (int)(length < 40 ? length : 40), name);
    *step = (rn_transform){ .kind = (rn_transform_kind)kind };
    rule = rn_step_grammar_of(step->kind);
    for (int32_t i = 0; rule->standards != NULL && i < rule->numbers; i++)
        step->number[i] = rule->standards[i];
    skip_spaces(text);
    if (**text != '(')
        return rn_fail(message, RN_FORMAT, "'(' is missing after %s", rule->name);
    (*text)++;
    status = read_arguments(step, text, rule, message);
    if (status != RN_OK)
        return status;
    if (step->count < rule->least || step->count > rule->most)
        return fail_count(rule, step->count, message);
    if (step->count >= rule->filled)
        step->count = rule->most;
    return rn_step_check(step, message);
}

/* ToTensor once; behind it Normalize, then RandomErasing, each once at most and nothing else. */
static rn_status check_order(const rn_pipeline *pipeline, rn_message *message)
{
    int32_t tensors = 0, normalised = 0, erased = 0;

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform_kind kind = pipeline->step[i].kind;

        if (kind == RN_TRANSFORM_TO_TENSOR)
            tensors++;
        else if (kind == RN_TRANSFORM_NORMALIZE)
            normalised++;
        else if (kind == RN_TRANSFORM_RANDOM_ERASING)
            erased++;
        else if (kind == RN_TRANSFORM_EXIF_TRANSPOSE && i > 0)
            return rn_fail(message, RN_FORMAT, "ExifTranspose stands in front: it is about the photo as it was taken");
        else if (tensors > 0)
            return rn_fail(message, RN_FORMAT, "%s behind ToTensor: it works on 8-bit pixels",
                           rn_step_grammar_of(kind)->name);
        if (normalised > tensors || normalised > 1 || (erased > 0 && kind == RN_TRANSFORM_NORMALIZE))
            return rn_fail(message, RN_FORMAT, "Normalize stands once, behind ToTensor");
        if (erased > tensors || erased > 1)
            return rn_fail(message, RN_FORMAT, "RandomErasing stands once, at the end");
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

static void write_number(writer *w, double value)
{
    char number[64];

    print_number(number, sizeof number, value);
    write_text(w, number);
}

/* What is not as it would be without the word. */
static void write_words(writer *w, const rn_transform *step, const rn_step_grammar *rule)
{
    bool first = step->count == 0;

    for (const rn_step_word *word = rule->words; word != NULL && word->name != NULL; word++) {
        const double *const number = step->number + word->slot, *const standard = rule->standards + word->slot;
        bool is_said = word->count == 0 && number[0] == word->value && number[0] != standard[0];

        for (int32_t i = 0; i < word->count; i++)
            is_said = is_said || number[i] != standard[i];
        if (!is_said)
            continue;
        write_text(w, first ? "" : ", ");
        write_text(w, word->name);
        for (int32_t i = 0; i < word->count; i++) {
            write_text(w, " ");
            write_number(w, number[i]);
        }
        first = false;
    }
}

size_t rn_pipeline_print(const rn_pipeline *pipeline, char *text, size_t size)
{
    writer w = { text, size, 0 };

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform *const step = &pipeline->step[i];
        const rn_step_grammar *const rule = rn_step_grammar_of(step->kind);

        write_text(&w, i > 0 ? ", " : "");
        write_text(&w, rule->name);
        write_text(&w, "(");
        for (int32_t j = 0; j < step->count; j++) {
            const bool triples = step->kind == RN_TRANSFORM_NORMALIZE && j % 3 != 0;

            write_text(&w, j == 0 ? "" : triples ? " " : ", ");
            write_number(&w, step->number[j]);
        }
        write_words(&w, step, rule);
        write_text(&w, ")");
    }
    if (size > 0)
        text[w.length < size ? w.length : size - 1] = '\0';
    return w.length;
}
