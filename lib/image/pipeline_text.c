/* SPDX-License-Identifier: MIT */
/*
 * The text of a pipeline: steps separated by commas, each a name and in parentheses numbers, then words, some with
 * numbers behind them. Commas or spaces separate these. What Python programs write is understood, too: "=" behind
 * words, brackets around numbers, quotes around words, modules in front of names, and some names of arguments.
 */
#include "image/decimal.h"
#include "image/pipeline.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* Letters, and '_' behind the first; perhaps in quotes. */
static size_t read_name(const char **name, const char **text)
{
    const char quote = **text == '\'' || **text == '"' ? **text : '\0';
    size_t length;

    *name = *text += quote != '\0';
    while (isalpha((unsigned char)**text) || (**text == '_' && *text > *name))
        (*text)++;
    length = (size_t)(*text - *name);
    if (quote == '\0')
        return length;
    if (**text != quote)
        return 0;
    (*text)++;
    return length;
}

static bool begins_name(char c)
{
    return isalpha((unsigned char)c) || c == '\'' || c == '"';
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
                   (int)RN_DECIMAL_DIGITS);
}

static rn_status read_within(double *number, const char **text, const rn_step_grammar *rule, double lowest,
                             double highest, bool is_whole, rn_message *message)
{
    skip_spaces(text);
    if (!rn_decimal_read(number, text))
        return fail_number(rule, message);
    if (*number < lowest || *number > highest || (is_whole && *number != floor(*number)))
        return rn_fail(message, RN_FORMAT, "%s: %g is not possible", rule->name, *number);
    return RN_OK;
}

/* A bracket that numbers may stand in, as in Python's tuples and lists; gives what closes it, or '\0'. */
static char open_bracket(const char **text)
{
    const char closing = **text == '(' ? ')' : **text == '[' ? ']' : '\0';

    *text += closing != '\0';
    return closing;
}

static rn_status close_bracket(const char **text, char closing, const rn_step_grammar *rule, rn_message *message)
{
    skip_spaces(text);
    if (closing == '\0')
        return RN_OK;
    if (**text != closing)
        return rn_fail(message, RN_FORMAT, "%s: '%c' was expected", rule->name, closing);
    (*text)++;
    return RN_OK;
}

/* Whether a number comes next, perhaps behind a comma. */
static bool has_another(const char *text)
{
    skip_spaces(&text);
    text += *text == ',';
    skip_spaces(&text);
    return isdigit((unsigned char)*text) || *text == '.' || *text == '-' || *text == '+';
}

/* A word's numbers. */
static rn_status read_values(double *number, const char **text, const rn_step_word *word, const rn_step_grammar *rule,
                             rn_message *message)
{
    rn_status status = RN_OK;
    char closing;

    skip_spaces(text);
    if (**text == '=')
        (*text)++;
    skip_spaces(text);
    closing = open_bracket(text);
    for (int32_t i = 0; i < word->count && status == RN_OK; i++) {
        if (i == 1 && word->value == 1 && !has_another(*text)) {
            number[1] = number[0];
            break;
        }
        skip_spaces(text);
        if (i > 0 && **text == ',')
            (*text)++;
        status = read_within(&number[i], text, rule, word->lowest, word->highest, word->is_whole, message);
    }
    return status == RN_OK ? close_bracket(text, closing, rule, message) : status;
}

/*
 * The name of a Python argument that says nothing, as "size=" in front of the first number, or "value=" in front of
 * a word: true if it was one, and is passed over with its "=".
 */
static bool skip_argument_name(const rn_transform *step, const char *name, size_t length, const char **text,
                               const rn_step_grammar *rule)
{
    static const struct {
        const char *name;
        int32_t behind; /* so many numbers; -1: in front of a word */
        int32_t most;   /* of the step's numbers; 0: any */
    } known[] = { { "size", 0, 0 },        { "degrees", 0, 0 },       { "p", 0, 1 },
                  { "mean", 0, 6 },        { "std", 3, 6 },           { "interpolation", -1, 0 },
                  { "kernel_size", 0, 2 }, { "padding_mode", -1, 0 }, { "value", -1, 0 } };
    const char *at = *text;
    bool is_known = false, equals;

    skip_spaces(&at);
    equals = *at == '=';
    at += equals;
    skip_spaces(&at);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        is_known = is_known || (strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0 &&
                                (known[i].behind < 0 ? begins_name(*at) : equals && known[i].behind == step->count) &&
                                (known[i].most == 0 || known[i].most == rule->most));
    *text = is_known ? at : *text;
    return is_known;
}

/* A word, and the numbers that go with it. */
static rn_status read_word(rn_transform *step, bool *has_words, const char **text, const rn_step_grammar *rule,
                           rn_message *message)
{
    const char *name;
    const size_t length = read_name(&name, text);
    const rn_step_word *const word = find_word(rule, name, length);

    if ((word == NULL || word->count > 0) && skip_argument_name(step, name, length, text, rule))
        return RN_OK;
    if (word == NULL)
        return rn_fail(message, RN_FORMAT, "%s knows no '%.*s'", rule->name, (int)(length < 40 ? length : 40), name);
    *has_words = true;
    if (word->count > 0)
        return read_values(step->number + word->slot, text, word, rule, message);
    step->number[word->slot] = word->value;
    return RN_OK;
}

/* A number that stands by itself; one too many is counted. */
static rn_status read_own_number(rn_transform *step, const char **text, const rn_step_grammar *rule,
                                 rn_message *message)
{
    const bool fits = step->count < rule->most;
    double number = 0;
    rn_status status;

    if (step->count > rule->most)
        return fail_count(rule, step->count, message);
    status = fits ? read_within(&number, text, rule, rule->lowest, rule->highest, rule->is_whole, message)
                  : read_within(&number, text, rule, -INFINITY, INFINITY, false, message);
    if (fits)
        step->number[step->count] = number;
    step->count++;
    return status;
}

/* One of them, or several in brackets. */
static rn_status read_own_numbers(rn_transform *step, const char **text, const rn_step_grammar *rule,
                                  rn_message *message)
{
    const char closing = open_bracket(text);
    rn_status status;

    do {
        status = read_own_number(step, text, rule, message);
        skip_spaces(text);
        if (status == RN_OK && closing != '\0' && **text == ',')
            (*text)++;
        skip_spaces(text);
    } while (status == RN_OK && closing != '\0' && **text != closing);
    return status == RN_OK ? close_bracket(text, closing, rule, message) : status;
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
        if (begins_name(**text))
            status = read_word(step, &has_words, text, rule, message);
        else if (has_words)
            status = rn_fail(message, RN_FORMAT, "%s: numbers without a word stand in front", rule->name);
        else
            status = read_own_numbers(step, text, rule, message);
    }
    (*text) += status == RN_OK;
    return status;
}

/* The name of a step, and in front of it perhaps that of a Python module. */
static int32_t read_kind(const char **text, const char **name, size_t *length)
{
    *length = read_name(name, text);
    for (int level = 0; level < 3 && *length > 0 && **text == '.'; level++) {
        (*text)++;
        *length = read_name(name, text);
    }
    return find_kind(*name, *length);
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
    kind = read_kind(text, &name, &length);
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
            return rn_pipeline_check_order(pipeline, message);
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

    rn_decimal_print(number, sizeof number, value);
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
