/* SPDX-License-Identifier: MIT */
/* What all sessions of a model share: that it follows every write, and that there is one of it. */
#include "run/networks.h"

#include "run/session.h"

#include <pthread.h>
#include <stdbool.h>

static void read_logits(rn_context *context, rn_session *session, const rn_tensor *images, float *logits, size_t count)
{
    const rn_tensor *output = NULL;

    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&output, session, 0));
    require_ok(context, rn_tensor_read(output, RN_FLOAT32, logits, count * sizeof *logits));
}

/* Scales a parameter by a factor through the public call. */
static void scale_parameter(rn_context *context, rn_model *model, const char *name, float factor)
{
    rn_parameters *const parameters = rn_model_parameters(model);
    rn_tensor *copy = NULL;
    float *values;
    size_t index;

    require_ok(context, rn_parameters_find(&index, parameters, name));
    require_ok(context, rn_tensor_convert(&copy, rn_parameters_value(parameters, index), RN_FLOAT32, RN_ROW_MAJOR));
    values = rn_tensor_data(copy);
    for (int64_t i = 0; i < rn_tensor_count(copy); i++)
        values[i] *= factor;
    require_ok(context, rn_parameters_write(parameters, index, copy));
    rn_tensor_destroy(copy);
}

/* A session that has run must see every later write: weights, bias, and each part of a batch norm. */
static void follow_every_write(rn_precision precision)
{
    static const char *const names[] = { "conv1.weight",    "bn1.weight",          "bn1.bias", "bn1.running_mean",
                                         "bn1.running_var", "fire.squeeze.weight", "fc.weight" };
    rn_context *const context = rn_test_context_of(1, RN_ISA_AUTO, precision);
    rn_model *const model = residual_network(context, 0);
    rn_tensor *const images = residual_images(context, 2, 1);
    rn_session *kept = NULL;
    float before[2 * RESIDUAL_CLASSES], after[2 * RESIDUAL_CLASSES], fresh[2 * RESIDUAL_CLASSES];

    scale_parameter(context, model, "bn1.bias", 0);
    require_ok(context, rn_session_create(&kept, context, model, NULL));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rn_session *session = NULL;
        rn_tensor *value = NULL;
        size_t index;

        read_logits(context, kept, images, before, 2 * RESIDUAL_CLASSES);
        require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), names[i]));
        require_ok(context, rn_tensor_convert(&value, rn_parameters_value(rn_model_parameters(model), index),
                                              RN_FLOAT32, RN_ROW_MAJOR));
        for (int64_t j = 0; j < rn_tensor_count(value); j++)
            ((float *)rn_tensor_data(value))[j] = ((float *)rn_tensor_data(value))[j] * 1.5f + 0.25f;
        require_ok(context, rn_parameters_write(rn_model_parameters(model), index, value));
        rn_tensor_destroy(value);
        read_logits(context, kept, images, after, 2 * RESIDUAL_CLASSES);
        require_ok(context, rn_session_create(&session, context, model, NULL));
        read_logits(context, session, images, fresh, 2 * RESIDUAL_CLASSES);
        assert_memory_equal(after, fresh, sizeof after);
        assert_memory_not_equal(after, before, sizeof after);
        rn_session_destroy(session);
    }
    rn_session_destroy(kept);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void what_is_prepared_follows_every_write(void **state)
{
    (void)state;
    follow_every_write(RN_PRECISION_FLOAT32);
    follow_every_write(RN_PRECISION_BFLOAT16);
}

/* ---- one copy ---------------------------------------------------------------------------------------------------- */

/* The allocator of a model that threads share. */
typedef struct shared_allocator {
    pthread_mutex_t lock;
    rn_test_allocator of_blocks;
} shared_allocator;

static void *shared_allocate(size_t bytes, size_t alignment, void *payload)
{
    shared_allocator *const shared = payload;
    void *memory;

    pthread_mutex_lock(&shared->lock);
    memory = rn_test_allocate(bytes, alignment, &shared->of_blocks);
    pthread_mutex_unlock(&shared->lock);
    return memory;
}

static void shared_release(void *memory, void *payload)
{
    shared_allocator *const shared = payload;

    pthread_mutex_lock(&shared->lock);
    rn_test_release(memory, &shared->of_blocks);
    pthread_mutex_unlock(&shared->lock);
}

static rn_context *shared_context(shared_allocator *shared)
{
    rn_context *context = NULL;

    *shared = (shared_allocator){ .of_blocks = { .fail_at = -1 } };
    assert_int_equal(pthread_mutex_init(&shared->lock, NULL), 0);
    require_ok(NULL, rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = shared_allocate,
                                                            .release = shared_release, .allocator_payload = shared)));
    return context;
}

/* A session with a context, and so an allocator, of its own: the model's sees what is prepared and nothing else. */
typedef struct server {
    rn_context *context;
    rn_session *session;
    rn_tensor *images;
    float logits[2 * RESIDUAL_CLASSES];
} server;

static void serve(server *s, rn_model *model, rn_isa isa)
{
    s->context = rn_test_context(1, isa);
    s->images = residual_images(s->context, 2, 1);
    require_ok(s->context, rn_session_create(&s->session, s->context, model, NULL));
    read_logits(s->context, s->session, s->images, s->logits, 2 * RESIDUAL_CLASSES);
}

static void close_server(server *s)
{
    rn_session_destroy(s->session);
    rn_tensor_destroy(s->images);
    rn_context_destroy(s->context);
}

static long batch_norms_of(const rn_model *model)
{
    long count = 0;

    for (int32_t i = 0; i < model->graph->count; i++)
        count += model->graph->layer[i].kind == RN_LAYER_BATCH_NORM2D;
    return count;
}

static void sessions_share_one_set_of_prepared_weights(void **state)
{
    shared_allocator shared;
    rn_context *const context = shared_context(&shared);
    rn_model *const model = residual_network(context, 0);
    const long live = shared.of_blocks.live;
    const size_t bytes = shared.of_blocks.bytes;
    server servers[4];
    const rn_tape *tape;
    size_t one;

    (void)state;
    serve(&servers[0], model, RN_ISA_AUTO);
    one = shared.of_blocks.bytes - bytes;
    tape = &servers[0].session->current->plan->tape; /* a block of numbers and a small one for each product */
    assert_true(tape->products > batch_norms_of(model));
    assert_int_equal(shared.of_blocks.live - live, 2 * tape->products);
    assert_true(one >= rn_tape_prepared_bytes(tape) + (size_t)tape->products);
    assert_true(one <= rn_tape_prepared_bytes(tape) + (size_t)tape->products * 128);
    for (int i = 1; i < 4; i++) {
        const long calls = shared.of_blocks.calls;

        serve(&servers[i], model, RN_ISA_AUTO);
        assert_int_equal(shared.of_blocks.calls, calls);
        assert_true(shared.of_blocks.bytes - bytes == one);
        assert_memory_equal(servers[i].logits, servers[0].logits, sizeof servers[0].logits);
    }
    print_message("four sessions, %zu bytes of prepared weights in %ld blocks\n", one, shared.of_blocks.live - live);
    for (int i = 0; i < 4; i++) {
        assert_true(shared.of_blocks.bytes - bytes == one);
        close_server(&servers[i]);
    }
    assert_int_equal(shared.of_blocks.live, live);
    assert_true(shared.of_blocks.bytes == bytes);
    rn_model_destroy(model);
    rn_context_destroy(context);
    assert_int_equal(shared.of_blocks.live, 0);
    pthread_mutex_destroy(&shared.lock);
}

/* Packings have the layout of an instruction set's kernels; folded batch norms have none. */
static void instruction_sets_share_folded_batch_norms_only(void **state)
{
    shared_allocator shared;
    rn_context *context, *wide = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model;
    server alone[2], together[2];
    const rn_isa isas[2] = { RN_ISA_BASELINE, RN_ISA_AUTO };
    const bool same = rn_context_isa(wide) == RN_ISA_BASELINE;
    long blocks[2], before;

    (void)state;
    rn_context_destroy(wide);
    if (same)
        skip();
    context = shared_context(&shared);
    model = residual_network(context, 0);
    before = shared.of_blocks.live;
    for (int i = 0; i < 2; i++) {
        serve(&alone[i], model, isas[i]);
        blocks[i] = shared.of_blocks.live - before;
        close_server(&alone[i]);
        assert_int_equal(shared.of_blocks.live, before);
    }
    for (int i = 0; i < 2; i++) {
        serve(&together[i], model, isas[i]);
        assert_memory_equal(together[i].logits, alone[i].logits, sizeof alone[i].logits);
    }
    /* A block and what is said of it for each: those of the batch norms are there once. */
    assert_int_equal(shared.of_blocks.live - before, blocks[0] + blocks[1] - 2 * batch_norms_of(model));
    assert_true(rn_test_error(together[0].logits, together[1].logits, 2 * RESIDUAL_CLASSES) < 1e-5);
    scale_parameter(context, model, "conv1.weight", 1.5f); /* both packings are made anew */
    scale_parameter(context, model, "bn1.bias", 0.5f);
    for (int i = 0; i < 2; i++) {
        server fresh;

        read_logits(together[i].context, together[i].session, together[i].images, together[i].logits,
                    2 * RESIDUAL_CLASSES);
        assert_memory_not_equal(together[i].logits, alone[i].logits, sizeof alone[i].logits);
        close_server(&together[i]);
        serve(&fresh, model, isas[i]);
        assert_memory_equal(fresh.logits, together[i].logits, sizeof fresh.logits);
        close_server(&fresh);
    }
    assert_int_equal(shared.of_blocks.live, before);
    rn_model_destroy(model);
    rn_context_destroy(context);
    assert_int_equal(shared.of_blocks.live, 0);
    pthread_mutex_destroy(&shared.lock);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

enum { WORKERS = 2, ROUNDS = 40 };

typedef struct work {
    rn_model *model;
    rn_isa isa;
    float expected[2 * RESIDUAL_CLASSES];
    int wrong;
} work;

static void *make_and_run(void *payload)
{
    work *const w = payload;

    for (int round = 0; round < ROUNDS; round++) {
        server s;

        serve(&s, w->model, w->isa);
        w->wrong += memcmp(s.logits, w->expected, sizeof s.logits) != 0;
        close_server(&s);
    }
    return NULL;
}

/* Sessions come and go in two threads at once: whoever is first prepares, whoever is last releases, in any order. */
static void run_in_threads(rn_isa first, rn_isa second)
{
    shared_allocator shared;
    rn_context *const context = shared_context(&shared);
    rn_model *const model = residual_network(context, 0);
    const long live = shared.of_blocks.live;
    work works[WORKERS] = { { .model = model, .isa = first }, { .model = model, .isa = second } };
    pthread_t worker[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        server alone;

        serve(&alone, model, works[i].isa);
        memcpy(works[i].expected, alone.logits, sizeof alone.logits);
        close_server(&alone);
    }
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&worker[i], NULL, make_and_run, &works[i]), 0);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(worker[i], NULL);
        assert_int_equal(works[i].wrong, 0);
    }
    assert_int_equal(shared.of_blocks.live, live);
    rn_model_destroy(model);
    rn_context_destroy(context);
    assert_int_equal(shared.of_blocks.live, 0);
    pthread_mutex_destroy(&shared.lock);
}

static void threads_make_and_drop_sessions_at_once(void **state)
{
    (void)state;
    run_in_threads(RN_ISA_AUTO, RN_ISA_AUTO);
    run_in_threads(RN_ISA_AUTO, RN_ISA_BASELINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_prepared_follows_every_write),
        cmocka_unit_test(sessions_share_one_set_of_prepared_weights),
        cmocka_unit_test(instruction_sets_share_folded_batch_norms_only),
        cmocka_unit_test(threads_make_and_drop_sessions_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
