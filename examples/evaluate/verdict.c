/* SPDX-License-Identifier: MIT */
#include "evaluate/verdict.h"
#include "common/language.h"
#include "common/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { CONFUSIONS_SHOWN = 10, NUMBER_SIZE = 24 };

typedef struct tally {
    size_t class, photos, given, right; /* of the class; given to it; both */
} tally;

typedef struct confusion {
    size_t label, prediction, count;
} confusion;

/* ---- a photo ----------------------------------------------------------------------------------------------------- */

/* The greatest logit's class, the first of equal ones, and its softmax; class_count if the photo was skipped. */
static size_t predict(double *probability, const verdict *v, size_t photo)
{
    const float *const row = v->logits + photo * v->class_count;
    size_t best = 0;
    double sum = 0;

    for (size_t c = 0; c < v->class_count; c++) {
        if (isnan(row[c]))
            return v->class_count;
        if (row[c] > row[best])
            best = c;
    }
    for (size_t c = 0; c < v->class_count; c++)
        sum += exp((double)row[c] - (double)row[best]);
    *probability = 1 / sum;
    return best;
}

static const char *folder(char digits[NUMBER_SIZE], const rn_classes *classes, size_t index)
{
    const char *const text = classes != NULL ? rn_classes_folder(classes, index) : NULL;

    snprintf(digits, NUMBER_SIZE, "%zu", index);
    return text != NULL ? text : digits;
}

static const char *name(char digits[NUMBER_SIZE], const rn_classes *classes, size_t index)
{
    const char *const text = classes != NULL ? rn_classes_name(classes, index) : NULL;

    return text != NULL ? text : folder(digits, classes, index);
}

int verdict_write_csv(const verdict *v, const char *path)
{
    FILE *const file = fopen(path, "wb");
    int error;

    if (file == NULL)
        return errno;
    fprintf(file, "path,label,prediction,probability\r\n");
    for (size_t i = 0; i < rn_dataset_count(v->photos); i++) {
        char digits[NUMBER_SIZE];
        double probability = 0;
        const size_t prediction = predict(&probability, v, i);

        text_csv(file, rn_dataset_sample_name(v->photos, i));
        fputc(',', file);
        text_csv(file, folder(digits, rn_dataset_classes(v->photos), (size_t)rn_dataset_label(v->photos, i)));
        fputc(',', file);
        if (prediction < v->class_count) {
            text_csv(file, folder(digits, v->classes, prediction));
            fprintf(file, ",%.9g\r\n", probability);
        } else {
            fputs(",\r\n", file);
        }
    }
    errno = 0;
    error = ferror(file) ? EIO : 0;
    if (fclose(file) != 0)
        error = errno != 0 ? errno : EIO;
    return error;
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

static double share(size_t part, size_t all)
{
    return all > 0 ? (double)part / (double)all : NAN;
}

/* Worst found first; classes without a photo last. */
static int compare_tallies(const void *a, const void *b)
{
    const tally *const x = a, *const y = b;
    const double p = share(x->right, x->photos), q = share(y->right, y->photos);

    if (isnan(p) != isnan(q))
        return isnan(p) ? 1 : -1;
    if (p < q || p > q)
        return p < q ? -1 : 1;
    return (x->class > y->class) - (x->class < y->class);
}

/* By label and prediction, so that equal ones are neighbours. */
static int compare_pairs(const void *a, const void *b)
{
    const confusion *const x = a, *const y = b;

    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->prediction > y->prediction) - (x->prediction < y->prediction);
}

static int compare_counts(const void *a, const void *b)
{
    const confusion *const x = a, *const y = b;

    return x->count != y->count ? (x->count > y->count ? -1 : 1) : compare_pairs(a, b);
}

/* Counts all photos; gives the number of different confusions. */
static size_t count(tally *tallies, confusion *confusions, const verdict *v)
{
    size_t wrong = 0, different = 0;

    for (size_t c = 0; c < v->class_count; c++)
        tallies[c] = (tally){ .class = c };
    for (size_t i = 0; i < rn_dataset_count(v->photos); i++) {
        const size_t label = (size_t)rn_dataset_label(v->photos, i);
        double probability;
        const size_t prediction = predict(&probability, v, i);

        if (prediction == v->class_count)
            continue;
        tallies[label].photos++;
        tallies[prediction].given++;
        tallies[label].right += label == prediction;
        if (label != prediction)
            confusions[wrong++] = (confusion){ label, prediction, 1 };
    }
    qsort(tallies, v->class_count, sizeof *tallies, compare_tallies);
    qsort(confusions, wrong, sizeof *confusions, compare_pairs);
    for (size_t i = 0; i < wrong; i++) {
        if (different > 0 && compare_pairs(&confusions[different - 1], &confusions[i]) == 0)
            confusions[different - 1].count++;
        else
            confusions[different++] = confusions[i];
    }
    qsort(confusions, different, sizeof *confusions, compare_counts);
    return different;
}

static void print_text(const verdict *v, const tally *tallies, const confusion *confusions, size_t different)
{
    char digits[2][NUMBER_SIZE];

    printf("\n%s\n", _("  found  precision  photos  class"));
    for (size_t c = 0; c < v->class_count; c++) {
        const tally *const t = &tallies[c];

        if (t->photos == 0 && t->given == 0)
            continue;
        if (t->photos > 0)
            printf("%5.1f %%", 100 * share(t->right, t->photos));
        else
            printf("%7s", "-");
        if (t->given > 0)
            printf("%9.1f %%", 100 * share(t->right, t->given));
        else
            printf("%11s", "-");
        printf("%8zu  ", t->photos);
        text_print(stdout, name(digits[0], v->classes, t->class));
        printf("\n");
    }
    printf("\n%s\n", different > 0 ? _("most often taken for another") : _("none is taken for another"));
    for (size_t i = 0; i < different && i < CONFUSIONS_SHOWN; i++)
        text_line(stdout, "%7zu  %s, taken for %s", confusions[i].count,
                  name(digits[0], v->classes, confusions[i].label),
                  name(digits[1], v->classes, confusions[i].prediction));
    if (different > CONFUSIONS_SHOWN)
        text_line(stdout, "         and %zu other pairs", different - CONFUSIONS_SHOWN);
}

static void print_json(const verdict *v, const tally *tallies, const confusion *confusions, size_t different)
{
    char digits[NUMBER_SIZE];

    printf(", \"per_class\": [");
    for (size_t c = 0; c < v->class_count; c++) {
        const tally *const t = &tallies[c];

        printf("%s{\"class\": ", c > 0 ? ", " : "");
        text_json_string(stdout, folder(digits, v->classes, t->class));
        printf(", \"name\": ");
        text_json_string(stdout, name(digits, v->classes, t->class));
        printf(", \"photos\": %zu, \"predicted\": %zu, \"right\": %zu, \"recall\": ", t->photos, t->given, t->right);
        text_json_number(stdout, share(t->right, t->photos));
        printf(", \"precision\": ");
        text_json_number(stdout, share(t->right, t->given));
        printf("}");
    }
    printf("], \"confusions\": [");
    for (size_t i = 0; i < different; i++) {
        printf("%s{\"label\": ", i > 0 ? ", " : "");
        text_json_string(stdout, folder(digits, v->classes, confusions[i].label));
        printf(", \"prediction\": ");
        text_json_string(stdout, folder(digits, v->classes, confusions[i].prediction));
        printf(", \"photos\": %zu}", confusions[i].count);
    }
    printf("]");
}

int verdict_print(const verdict *v, int json)
{
    tally *const tallies = calloc(v->class_count, sizeof *tallies);
    confusion *const confusions = calloc(rn_dataset_count(v->photos), sizeof *confusions);
    const int error = tallies == NULL || confusions == NULL ? ENOMEM : 0;

    if (error == 0) {
        const size_t different = count(tallies, confusions, v);

        (json ? print_json : print_text)(v, tallies, confusions, different);
    }
    free(confusions);
    free(tallies);
    return error;
}
