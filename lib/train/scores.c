/* SPDX-License-Identifier: MIT */
/*
 * What is counted of the answers for a dataset: confusions, scores of classes, mistakes. The matrix is kept as its
 * cells that are not 0, so that a thousand classes cost no more than the photos there are. Definitions are
 * scikit-learn's (https://scikit-learn.org/stable/modules/model_evaluation.html).
 */
#include "train/evaluation.h"

#include "ops/softmax.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- collecting -------------------------------------------------------------------------------------------------- */

rn_status rn_result_begin(rn_evaluation_result **result, rn_dataset *dataset, size_t classes, rn_message *message)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    rn_evaluation_result *const made = rn_allocate_zeroed(allocator, 1, sizeof *made);

    *result = NULL;
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for the answers");
    made->context = dataset->context;
    rn_context_retain(made->context);
    made->dataset = dataset;
    rn_dataset_retain(dataset);
    made->photos = dataset->count;
    made->classes = classes;
    made->answer = rn_allocate_array(allocator, made->photos, sizeof *made->answer);
    made->class = rn_allocate_zeroed(allocator, classes, sizeof *made->class);
    if (made->answer == NULL || made->class == NULL) {
        rn_evaluation_result_destroy(made);
        return rn_fail(message, RN_NO_MEMORY, "no memory for the answers for %zu photos", dataset->count);
    }
    for (size_t i = 0; i < made->photos; i++)
        made->answer[i] = (rn_answer){ NAN, NAN, -1, -1, false };
    *result = made;
    return RN_OK;
}

/* Classes before the label: those with larger logits, and of equals the earlier ones. */
static int32_t rank_of(const float *row, size_t count, size_t label)
{
    int32_t rank = 0;

    for (size_t c = 0; c < count; c++)
        rank += row[c] > row[label] || (row[c] == row[label] && c < label);
    return rank;
}

void rn_result_add(rn_evaluation_result *result, size_t photo, const float *row)
{
    const size_t label = (size_t)result->dataset->photo[photo].label;
    const int64_t predicted = rn_row_argmax(row, (int64_t)result->classes, 1);
    rn_answer *const answer = &result->answer[photo];
    rn_softmax softmax;

    answer->counted = true;
    if (predicted < 0)
        return;
    answer->predicted = (int32_t)predicted;
    answer->rank = rank_of(row, result->classes, label);
    if (isinf(row[predicted])) { /* where softmax goes to, and what can be sorted */
        answer->probability = 1;
        answer->label_probability = predicted == (int64_t)label;
        return;
    }
    softmax = rn_softmax_of(row, (int64_t)result->classes);
    answer->probability = exp((double)row[predicted] - softmax.largest) / softmax.sum;
    answer->label_probability = exp((double)row[label] - softmax.largest) / softmax.sum;
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

static int compare_cells(const void *a, const void *b)
{
    const rn_cell *const x = a, *const y = b;

    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->predicted > y->predicted) - (x->predicted < y->predicted);
}

/* Each answer is a cell of one photo; equal ones are then made one. */
static rn_status count_cells(rn_evaluation_result *result, rn_message *message)
{
    rn_cell *cell = rn_allocate_array(&result->context->allocator, result->photos, sizeof *cell);
    size_t count = 0, kept = 0;

    if (cell == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a confusion matrix");
    for (size_t i = 0; i < result->photos; i++)
        if (result->answer[i].counted)
            cell[count++] = (rn_cell){ (int32_t)result->dataset->photo[i].label, result->answer[i].predicted, 1 };
    qsort(cell, count, sizeof *cell, compare_cells);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_cells(&cell[kept - 1], &cell[i]) == 0)
            cell[kept - 1].count++;
        else
            cell[kept++] = cell[i];
    }
    result->cell = cell;
    result->cell_count = kept;
    return RN_OK;
}

static void count_classes(rn_evaluation_result *result)
{
    for (size_t i = 0; i < result->cell_count; i++) {
        const rn_cell *const cell = &result->cell[i];

        result->counted += cell->count;
        result->class[cell->label].support += cell->count;
        if (cell->predicted >= 0)
            result->class[cell->predicted].predicted += cell->count;
        if (cell->predicted == cell->label) {
            result->class[cell->label].correct += cell->count;
            result->correct += cell->count;
        }
    }
}

typedef struct mistake {
    double probability;
    size_t photo;
} mistake;

static int compare_mistakes(const void *a, const void *b)
{
    const mistake *const x = a, *const y = b;

    if (x->probability != y->probability)
        return x->probability > y->probability ? -1 : 1;
    return (x->photo > y->photo) - (x->photo < y->photo);
}

static rn_status sort_mistakes(rn_evaluation_result *result, rn_message *message)
{
    const rn_allocator *const allocator = &result->context->allocator;
    mistake *const all = rn_allocate_array(allocator, result->photos, sizeof *all);
    size_t count = 0;

    for (size_t i = 0; all != NULL && i < result->photos; i++)
        if (result->answer[i].predicted >= 0 && result->answer[i].predicted != result->dataset->photo[i].label)
            all[count++] = (mistake){ result->answer[i].probability, i };
    if (all != NULL)
        result->mistake = rn_allocate_array(allocator, count, sizeof *result->mistake);
    if (result->mistake == NULL) {
        rn_release(allocator, all);
        return rn_fail(message, RN_NO_MEMORY, "no memory for the list of mistakes");
    }
    qsort(all, count, sizeof *all, compare_mistakes);
    for (size_t i = 0; i < count; i++)
        result->mistake[i] = all[i].photo;
    result->mistake_count = count;
    rn_release(allocator, all);
    return RN_OK;
}

rn_status rn_result_finish(rn_evaluation_result *result, rn_message *message)
{
    rn_status status = count_cells(result, message);

    if (status == RN_OK) {
        count_classes(result);
        status = sort_mistakes(result, message);
    }
    return status;
}

void rn_evaluation_result_destroy(rn_evaluation_result *result)
{
    rn_context *context;

    if (result == NULL)
        return;
    context = result->context;
    rn_release(&context->allocator, result->answer);
    rn_release(&context->allocator, result->class);
    rn_release(&context->allocator, result->cell);
    rn_release(&context->allocator, result->mistake);
    rn_dataset_destroy(result->dataset);
    rn_release(&context->allocator, result);
    rn_context_release(context);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

/* Copies as much of an answer as the caller's struct has; the first field of both is struct_size. */
static void give(void *to, const void *from, size_t size)
{
    size_t room;

    memcpy(&room, to, sizeof room);
    memcpy((char *)to + sizeof room, (const char *)from + sizeof room, (room < size ? room : size) - sizeof room);
}

const rn_dataset *rn_evaluation_dataset(const rn_evaluation_result *result)
{
    return result != NULL ? result->dataset : NULL;
}

rn_status rn_evaluation_photo(rn_evaluated_photo *photo, const rn_evaluation_result *result, size_t index)
{
    rn_evaluated_photo all = { 0 };
    const rn_answer *answer;

    if (photo == NULL || photo->struct_size < sizeof(size_t) || result == NULL || index >= result->photos)
        return RN_INVALID_ARGUMENT;
    answer = &result->answer[index];
    all.label = result->dataset->photo[index].label;
    all.predicted = answer->predicted;
    all.rank = answer->rank;
    all.probability = answer->probability;
    all.label_probability = answer->label_probability;
    all.skipped = !answer->counted;
    give(photo, &all, sizeof all);
    return RN_OK;
}

size_t rn_evaluation_mistake_count(const rn_evaluation_result *result)
{
    return result != NULL ? result->mistake_count : 0;
}

size_t rn_evaluation_mistake(const rn_evaluation_result *result, size_t rank)
{
    return result != NULL && rank < result->mistake_count ? result->mistake[rank] : SIZE_MAX;
}

double rn_evaluation_top(const rn_evaluation_result *result, int64_t k)
{
    int64_t found = 0;

    if (result == NULL || k < 1)
        return NAN;
    for (size_t i = 0; i < result->photos; i++)
        found += result->answer[i].rank >= 0 && result->answer[i].rank < k;
    return (double)found / (double)result->counted;
}

size_t rn_evaluation_cell_count(const rn_evaluation_result *result)
{
    return result != NULL ? result->cell_count : 0;
}

rn_status rn_evaluation_cell(int64_t *label, int64_t *predicted, int64_t *count, const rn_evaluation_result *result,
                             size_t index)
{
    if (label == NULL || predicted == NULL || count == NULL || result == NULL || index >= result->cell_count)
        return RN_INVALID_ARGUMENT;
    *label = result->cell[index].label;
    *predicted = result->cell[index].predicted;
    *count = result->cell[index].count;
    return RN_OK;
}

int64_t rn_evaluation_confusion(const rn_evaluation_result *result, int64_t label, int64_t predicted)
{
    rn_cell wanted;
    const rn_cell *found;

    if (result == NULL || label < 0 || predicted < -1 || label >= (int64_t)result->classes ||
        predicted >= (int64_t)result->classes)
        return 0;
    wanted = (rn_cell){ (int32_t)label, (int32_t)predicted, 0 };
    found = bsearch(&wanted, result->cell, result->cell_count, sizeof wanted, compare_cells);
    return found != NULL ? found->count : 0;
}

/* ---- scores of classes ------------------------------------------------------------------------------------------- */

static double part(int64_t some, int64_t all)
{
    return all > 0 ? (double)some / (double)all : 0;
}

static rn_class_scores scores_of(const rn_class_counts *counts)
{
    return (rn_class_scores){
        .support = counts->support,
        .predicted = counts->predicted,
        .correct = counts->correct,
        .precision = part(counts->correct, counts->predicted),
        .recall = part(counts->correct, counts->support),
        .f1 = part(2 * counts->correct, counts->support + counts->predicted),
    };
}

rn_status rn_evaluation_class(rn_class_scores *scores, const rn_evaluation_result *result, size_t index)
{
    rn_class_scores all;

    if (scores == NULL || scores->struct_size < sizeof(size_t) || result == NULL || index >= result->classes)
        return RN_INVALID_ARGUMENT;
    all = scores_of(&result->class[index]);
    give(scores, &all, sizeof all);
    return RN_OK;
}

rn_status rn_evaluation_average(rn_class_scores *scores, const rn_evaluation_result *result, int32_t average)
{
    rn_class_scores sum = { 0 };
    double weights = 0;

    if (scores == NULL || scores->struct_size < sizeof(size_t) || result == NULL ||
        (average != RN_AVERAGE_MACRO && average != RN_AVERAGE_WEIGHTED))
        return RN_INVALID_ARGUMENT;
    for (size_t c = 0; c < result->classes; c++) {
        const rn_class_scores one = scores_of(&result->class[c]);
        const double weight =
            average == RN_AVERAGE_WEIGHTED ? (double)one.support : one.support > 0 || one.predicted > 0;

        weights += weight;
        sum.support += one.support;
        sum.predicted += one.predicted;
        sum.correct += one.correct;
        sum.precision += weight * one.precision;
        sum.recall += weight * one.recall;
        sum.f1 += weight * one.f1;
    }
    sum.precision /= weights;
    sum.recall /= weights;
    sum.f1 /= weights;
    give(scores, &sum, sizeof sum);
    return RN_OK;
}
