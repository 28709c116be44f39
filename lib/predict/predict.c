/* SPDX-License-Identifier: MIT */
/* Logits in, classes out: softmax in double, the most probable classes by name. */
#include <resnet/predict.h>

#include "base/options.h"
#include "graph/graph.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_predict_options, reserved);

enum { STANDARD_TOP = 5 };

typedef struct prediction {
    int64_t index;
    double probability;
    char *folder, *name; /* copies: the model's table may change */
} prediction;

struct rn_predictions {
    rn_context *context; /* retained */
    prediction *best;    /* rows * count */
    size_t rows, count;
};

/* ---- the most probable classes ----------------------------------------------------------------------------------- */

typedef struct score {
    double value;
    int64_t index;
} score;

/* Larger first; of equals the lower index. */
static bool comes_before(score a, score b)
{
    return a.value > b.value || (!(a.value < b.value) && a.index < b.index);
}

static void sift_down(score *heap, size_t count, size_t place)
{
    for (;;) {
        size_t first = place;
        score moved;

        for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < count; child++) {
            if (comes_before(heap[child], heap[first]))
                first = child;
        }
        if (first == place)
            return;
        moved = heap[place];
        heap[place] = heap[first];
        heap[first] = moved;
        place = first;
    }
}

/* Moves the `top` best scores, best first, to the end of the array backwards: heapsort, stopped early. */
static void select_best(score *scores, size_t count, size_t top)
{
    for (size_t place = count / 2; place-- > 0;)
        sift_down(scores, count, place);
    for (size_t i = 0; i < top; i++) {
        const size_t last = count - 1 - i;
        const score best = scores[0];

        scores[0] = scores[last];
        scores[last] = best;
        sift_down(scores, last, 0);
    }
}

/* ---- filling the answer ------------------------------------------------------------------------------------------ */

/* softmax: exp(value - largest) / sum */
typedef struct softmax {
    double largest, sum;
} softmax;

static rn_status read_row(score *scores, softmax *scale, rn_context *context, const rn_tensor *logits, int64_t row,
                          int64_t count)
{
    double largest = -INFINITY;

    for (int64_t i = 0; i < count; i++) {
        const rn_status status = rn_tensor_get(logits, (const int64_t[]){ row, i }, &scores[i].value);

        if (status != RN_OK)
            return status;
        if (isnan(scores[i].value) || scores[i].value == INFINITY)
            return rn_fail(&context->message, RN_INVALID_ARGUMENT,
                           "logit %" PRId64 " of row %" PRId64 " is %g: the network has diverged", i, row,
                           scores[i].value);
        scores[i].index = i;
        largest = fmax(largest, scores[i].value);
    }
    if (largest == -INFINITY)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "all logits of row %" PRId64 " are -inf", row);
    *scale = (softmax){ largest, 0 };
    for (int64_t i = 0; i < count; i++)
        scale->sum += exp(scores[i].value - largest);
    return RN_OK;
}

static bool fill_prediction(prediction *filled, const rn_context *context, const rn_classes *classes, score chosen,
                            const softmax *scale)
{
    char number[32];

    snprintf(number, sizeof number, "%" PRId64, chosen.index);
    filled->index = chosen.index;
    filled->probability = exp(chosen.value - scale->largest) / scale->sum;
    filled->folder = rn_copy_string(&context->allocator,
                                    classes != NULL ? rn_classes_folder(classes, (size_t)chosen.index) : number);
    filled->name =
        rn_copy_string(&context->allocator, classes != NULL ? rn_classes_name(classes, (size_t)chosen.index) : number);
    return filled->folder != NULL && filled->name != NULL;
}

static rn_status fail_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for predictions");
}

/* One row: the `top` best of the scores. */
static bool fill_row(rn_predictions *predictions, size_t row, const rn_classes *classes, score *scores,
                     size_t classes_count, const softmax *scale)
{
    bool fine = true;

    select_best(scores, classes_count, predictions->count);
    for (size_t i = 0; fine && i < predictions->count; i++)
        fine = fill_prediction(&predictions->best[row * predictions->count + i], predictions->context, classes,
                               scores[classes_count - 1 - i], scale);
    return fine;
}

static rn_status create_predictions(rn_predictions **predictions, rn_context *context, size_t rows, size_t top)
{
    rn_predictions *created;
    size_t count;

    *predictions = NULL;
    if (!rn_size_multiply(&count, rows, top))
        return fail_memory(context);
    created = rn_allocate_zeroed(&context->allocator, 1, sizeof *created);
    if (created == NULL)
        return fail_memory(context);
    rn_context_retain(context);
    created->context = context;
    created->best = rn_allocate_zeroed(&context->allocator, count, sizeof *created->best);
    if (created->best == NULL) {
        rn_predictions_destroy(created);
        return fail_memory(context);
    }
    created->rows = rows;
    created->count = top;
    *predictions = created;
    return RN_OK;
}

static rn_status read_top(size_t *top, rn_message *message, const rn_predict_options *options, int64_t classes)
{
    rn_predict_options o;
    rn_status status = rn_options_read(&o, sizeof o, options, message);

    if (status == RN_OK)
        status = rn_options_reserved(o.reserved, "rn_predict", message);
    if (status != RN_OK)
        return status;
    if (o.top < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "the top %" PRId32 " classes were asked for", o.top);
    *top = o.top != 0 ? (size_t)o.top : STANDARD_TOP;
    if ((uint64_t)classes < *top)
        *top = (size_t)classes;
    return RN_OK;
}

static rn_status fill_rows(rn_predictions *predictions, const rn_model *model, const rn_tensor *logits)
{
    rn_context *const context = predictions->context;
    const rn_classes *const classes = rn_model_classes(model);
    const size_t count = (size_t)rn_model_class_count(model);
    score *const scores = rn_allocate_array(&context->allocator, count, sizeof *scores);
    rn_status status = scores != NULL ? RN_OK : fail_memory(context);

    for (size_t row = 0; status == RN_OK && row < predictions->rows; row++) {
        softmax scale = { 0, 0 };

        status = read_row(scores, &scale, context, logits, (int64_t)row, (int64_t)count);
        if (status == RN_OK && !fill_row(predictions, row, classes, scores, count, &scale))
            status = fail_memory(context);
    }
    rn_release(&context->allocator, scores);
    return status;
}

rn_status rn_predict_logits(rn_predictions **predictions, const rn_model *model, const rn_tensor *logits,
                            const rn_predict_options *options)
{
    rn_predictions *created = NULL;
    rn_context *context;
    int64_t count;
    size_t top = 0;
    rn_status status;

    if (predictions != NULL)
        *predictions = NULL;
    if (model == NULL)
        return rn_fail_null("rn_predict_logits", "model");
    /* The caller's own context: several threads may ask one model. */
    context = logits != NULL ? logits->context : model->context;
    if (predictions == NULL || logits == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_predict_logits: %s is NULL",
                       logits == NULL ? "logits" : "predictions");
    count = rn_model_class_count(model);
    if ((status = read_top(&top, &context->message, options, count)) != RN_OK)
        return status;
    if (rn_tensor_rank(logits) != 2 || rn_tensor_shape(logits)[1] != count)
        return rn_fail(&context->message, RN_SHAPE,
                       "logits of a model of %" PRId64 " classes have the shape (N, %" PRId64 ")", count, count);
    status = create_predictions(&created, context, (size_t)rn_tensor_shape(logits)[0], top);
    if (status == RN_OK)
        status = fill_rows(created, model, logits);
    if (status == RN_OK)
        *predictions = created;
    else
        rn_predictions_destroy(created);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static const prediction *answer_at(const rn_predictions *predictions, size_t row, size_t rank)
{
    return row < rn_predictions_rows(predictions) && rank < predictions->count
               ? &predictions->best[row * predictions->count + rank]
               : NULL;
}

size_t rn_predictions_rows(const rn_predictions *predictions)
{
    return predictions != NULL ? predictions->rows : 0;
}

size_t rn_predictions_count(const rn_predictions *predictions)
{
    return predictions != NULL ? predictions->count : 0;
}

int64_t rn_predictions_index(const rn_predictions *predictions, size_t row, size_t rank)
{
    const prediction *const answer = answer_at(predictions, row, rank);

    return answer != NULL ? answer->index : -1;
}

const char *rn_predictions_folder(const rn_predictions *predictions, size_t row, size_t rank)
{
    const prediction *const answer = answer_at(predictions, row, rank);

    return answer != NULL ? answer->folder : NULL;
}

const char *rn_predictions_name(const rn_predictions *predictions, size_t row, size_t rank)
{
    const prediction *const answer = answer_at(predictions, row, rank);

    return answer != NULL ? answer->name : NULL;
}

double rn_predictions_probability(const rn_predictions *predictions, size_t row, size_t rank)
{
    const prediction *const answer = answer_at(predictions, row, rank);

    return answer != NULL ? answer->probability : 0;
}

void rn_predictions_destroy(rn_predictions *predictions)
{
    rn_context *context;

    if (predictions == NULL)
        return;
    context = predictions->context;
    for (size_t i = 0; i < predictions->rows * predictions->count; i++) {
        rn_release(&context->allocator, predictions->best[i].folder);
        rn_release(&context->allocator, predictions->best[i].name);
    }
    rn_release(&context->allocator, predictions->best);
    rn_release(&context->allocator, predictions);
    rn_context_release(context);
}
