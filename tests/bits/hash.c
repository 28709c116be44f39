/* SPDX-License-Identifier: MIT */
/*
 * One pass of a network as a number. Weights and images are made of integers and of what IEEE 754 rounds correctly, so
 * that they are the same everywhere.
 */
#include "bits/bits.h"

enum { INFER_BATCH = 2, TRAIN_BATCH = 3, IMAGES_SEED = 1000003 };

const char *const bits_pass_name[BITS_PASSES] = { "infer", "train", "frozen", "partial" };

typedef struct hashing {
    const bits_network *network;
    rn_context *context;
    rn_model *model;
    int64_t shape[4]; /* of a batch */
    float *buffer;    /* as large as the largest parameter, or as a batch */
} hashing;

int32_t bits_steps(const bits_network *network, bits_pass pass)
{
    return pass == BITS_INFER ? 0 : network->steps;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* FNV-1a, 32 bits at a time. */
static uint64_t add_words(uint64_t hash, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word;

        memcpy(&word, &values[i], sizeof word);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static const uint64_t empty_hash = UINT64_C(0xcbf29ce484222325);

/* centre +- spread, evenly. */
static void fill(float *values, size_t count, uint32_t seed, float centre, float spread)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t x = (uint32_t)i * 2654435761u + seed * 2246822519u;
        float part;

        x = (x ^ x >> 16) * 0x85ebca6bu;
        x = (x ^ x >> 13) * 0xc2b2ae35u;
        x ^= x >> 16;
        part = ((float)(x >> 8) * 0x1p-23f - 1.0f) * spread; /* one rounding, and one more below */
        values[i] = centre + part;
    }
}

static int ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name), wanted = strlen(end);

    return length >= wanted && strcmp(name + length - wanted, end) == 0;
}

/*
 * Convolutions keep the variance behind a ReLU. The norm that ends most residual branches is small, or the sums of a
 * hundred blocks would drown what a block does; without shortcuts it is not, or nothing would come through.
 */
static void fill_parameter(const hashing *h, size_t index, const char *name, const rn_tensor *value)
{
    const size_t count = (size_t)rn_tensor_count(value);
    const uint32_t seed = (uint32_t)index + 1;

    if (ends_in(name, "num_batches_tracked"))
        fill(h->buffer, count, seed, 0, 0);
    else if (ends_in(name, "running_var"))
        fill(h->buffer, count, seed, 1, 0.25f);
    else if (rn_tensor_rank(value) > 1)
        fill(h->buffer, count, seed, 0, sqrtf(6.0f / ((float)count / (float)rn_tensor_shape(value)[0])));
    else if (ends_in(name, "bn2.weight") && strstr(h->network->name, "plain") == NULL)
        fill(h->buffer, count, seed, 0.25f, 0.0625f);
    else if (ends_in(name, "weight"))
        fill(h->buffer, count, seed, 1, 0.25f);
    else
        fill(h->buffer, count, seed, 0, 0.125f);
}

static void fill_model(const hashing *h)
{
    rn_parameters *const parameters = rn_model_parameters(h->model);

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *const value = rn_parameters_value(parameters, i);
        rn_tensor *given = NULL;

        fill_parameter(h, i, rn_parameters_name(parameters, i), value);
        require_ok(h->context,
                   rn_tensor_wrap(&given, h->context, RN_FLOAT32, rn_tensor_rank(value), rn_tensor_shape(value),
                                  RN_ROW_MAJOR, h->buffer, (size_t)rn_tensor_count(value) * sizeof(float)));
        require_ok(h->context, rn_parameters_write(parameters, i, given));
        rn_tensor_destroy(given);
    }
}

static rn_tensor *make_images(const hashing *h, int64_t batch, uint32_t seed)
{
    const int64_t shape[4] = { batch, h->shape[1], h->shape[2], h->shape[3] };
    rn_tensor *images = NULL;

    require_ok(h->context, rn_tensor_create(&images, h->context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR));
    fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), seed, 0, 2);
    return images;
}

static uint64_t add_tensor(const hashing *h, uint64_t hash, const rn_tensor *tensor)
{
    const size_t count = (size_t)rn_tensor_count(tensor);

    require_ok(h->context, rn_tensor_read(tensor, RN_FLOAT32, h->buffer, count * sizeof(float)));
    return add_words(hash, h->buffer, count);
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

static uint64_t infer(const hashing *h)
{
    rn_tensor *images = make_images(h, INFER_BATCH, IMAGES_SEED);
    rn_session *session = NULL;
    const rn_tensor *logits = NULL;
    uint64_t hash;
    int64_t classes;
    int differ = 0;

    require_ok(h->context, rn_session_create(&session, h->context, h->model, NULL));
    require_ok(h->context, rn_session_forward(session, images));
    require_ok(h->context, rn_session_output(&logits, session, 0));
    hash = add_tensor(h, empty_hash, logits);
    classes = rn_tensor_shape(logits)[1];
    for (int64_t i = 0; i < INFER_BATCH * classes; i++) {
        assert_true(isfinite(h->buffer[i]));
        differ |= h->buffer[i] != h->buffer[i % classes];
    }
    if (!differ)
        fail_msg("%s: the same logits for two images", h->network->name);
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    return hash;
}

/* As the trainer adds up the losses of the outputs that count. */
static double loss_of(const hashing *h, rn_session *session, const rn_tensor *labels)
{
    const int nll = strcmp(rn_model_output_name(h->model, 0), "log_probabilities") == 0;
    double loss = 0;

    for (size_t i = 0; rn_model_output_name(h->model, i) != NULL; i++) {
        const double weight = rn_model_loss_weight(h->model, i);
        const rn_loss_options *const options = RN_OPTIONS(rn_loss, .output = (int32_t)i, .weight = weight);
        double part;

        if (weight == 0)
            continue;
        require_ok(h->context, (nll ? rn_nll_loss : rn_cross_entropy)(&part, session, labels, options));
        loss += part;
    }
    return loss;
}

static float step(const hashing *h, rn_session *session, rn_optimizer *adam, int32_t number)
{
    const int64_t classes = rn_model_class_count(h->model), batch = TRAIN_BATCH;
    rn_tensor *images = make_images(h, batch, IMAGES_SEED + 1 + (uint32_t)number), *labels = NULL;
    int64_t label[TRAIN_BATCH];
    double loss;

    for (int i = 0; i < TRAIN_BATCH; i++)
        label[i] = (2 * i + number) % classes;
    require_ok(h->context, rn_tensor_wrap(&labels, h->context, RN_INT64, 1, &batch, RN_ROW_MAJOR, label, sizeof label));
    require_ok(h->context, rn_session_forward(session, images));
    loss = loss_of(h, session, labels);
    require_ok(h->context, rn_session_backward(session));
    require_ok(h->context, rn_optimizer_step(adam));
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    return (float)loss;
}

static uint64_t add_model(const hashing *h, uint64_t hash)
{
    const rn_parameters *const parameters = rn_model_parameters(h->model);

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *const value = rn_parameters_value(parameters, i);

        hash = add_tensor(h, hash, value);
        for (int64_t j = 0; j < rn_tensor_count(value); j++)
            if (!isfinite(h->buffer[j]))
                fail_msg("%s is not finite", rn_parameters_name(parameters, i));
    }
    return hash;
}

static uint64_t train(const hashing *h, double lr)
{
    rn_session *session = NULL;
    rn_optimizer *adam = NULL;
    uint64_t hash = empty_hash;
    int moved = 0;
    float loss, first = 0;

    require_ok(h->context, rn_session_create(&session, h->context, h->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(h->context, rn_adam_create(&adam, rn_model_parameters(h->model), RN_OPTIONS(rn_adam, .lr = lr)));
    for (int32_t i = 0; i < h->network->steps; i++) {
        loss = step(h, session, adam, i);
        if (!(isfinite(loss) && loss > 0))
            fail_msg("%s: a loss of %g", h->network->name, loss);
        first = i == 0 ? loss : first;
        moved |= loss != first;
        hash = add_words(hash, &loss, 1);
    }
    assert_true(moved);
    hash = add_model(h, hash);
    rn_optimizer_destroy(adam);
    rn_session_destroy(session);
    return hash;
}

/* ---- freezing ---------------------------------------------------------------------------------------------------- */

/* The layer that has a parameter: its name up to the last dot. Gives 0 if it is that of the parameter before. */
static int next_layer(char layer[128], const char *name)
{
    const int length = (int)(strrchr(name, '.') - name);
    char found[128];

    snprintf(found, sizeof found, "%.*s", length, name);
    if (strcmp(found, layer) == 0)
        return 0;
    memcpy(layer, found, sizeof found);
    return 1;
}

/* Of convolutions and the norms behind them every combination, the first and a stretch of eight layers in sixteen. */
static void freeze_some(const hashing *h)
{
    const rn_parameters *const parameters = rn_model_parameters(h->model);
    char layer[128] = "";
    int number = 0;

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        if (!next_layer(layer, rn_parameters_name(parameters, i)))
            continue;
        if (number % 5 < 2 || number / 8 % 2 == 1)
            require_ok(h->context, rn_model_freeze(h->model, layer));
        number++;
    }
}

/* All but the head, or but the last layer where nobody said what the head is. */
static void freeze_backbone(const hashing *h)
{
    const rn_parameters *const parameters = rn_model_parameters(h->model);
    char layer[128] = "";

    require_ok(h->context, rn_model_unfreeze(h->model, "*"));
    if (rn_model_head_name(h->model, 0) != NULL) {
        require_ok(h->context, rn_model_freeze_backbone(h->model));
        return;
    }
    next_layer(layer, rn_parameters_name(parameters, rn_parameters_count(parameters) - 1));
    require_ok(h->context, rn_model_freeze(h->model, "*"));
    require_ok(h->context, rn_model_unfreeze(h->model, layer));
}

/* ---- a network --------------------------------------------------------------------------------------------------- */

static rn_model *make_model(rn_context *context, const bits_network *network)
{
    rn_model *model = NULL;

    if (network->make != NULL)
        return network->make(context);
    require_ok(context, rn_model_create(&model, context, network->name,
                                        RN_OPTIONS(rn_model, .class_count = 5, .height = network->height,
                                                   .width = network->width)));
    return model;
}

static size_t largest_tensor(const rn_model *model, const int64_t shape[4])
{
    const rn_parameters *const parameters = rn_model_parameters((rn_model *)(uintptr_t)model);
    int64_t largest = shape[0] * shape[1] * shape[2] * shape[3];

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const int64_t count = rn_tensor_count(rn_parameters_value(parameters, i));

        largest = count > largest ? count : largest;
    }
    return (size_t)largest;
}

void bits_hash(uint64_t hash[BITS_PASSES], const bits_network *network, int32_t threads, rn_isa isa,
               rn_precision precision)
{
    rn_context *const context = rn_test_context_of(threads, isa, precision);
    hashing h = { network, context, make_model(context, network), { TRAIN_BATCH }, NULL };

    assert_int_equal(rn_context_threads(context), threads);
    rn_model_input_size(h.model, &h.shape[1], &h.shape[2], &h.shape[3]);
    h.buffer = malloc(largest_tensor(h.model, h.shape) * sizeof(float));
    assert_non_null(h.buffer);
    fill_model(&h);
    hash[BITS_INFER] = infer(&h);
    hash[BITS_TRAIN] = train(&h, 1e-3);
    fill_model(&h);
    freeze_some(&h);
    hash[BITS_PARTIAL] = train(&h, 1e-3);
    fill_model(&h);
    freeze_backbone(&h);
    hash[BITS_FROZEN] = train(&h, 1e-2);
    free(h.buffer);
    rn_model_destroy(h.model);
    rn_context_destroy(context);
}
