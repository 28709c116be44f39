/* SPDX-License-Identifier: MIT */
/* Contexts: options, the environment's overrides, lifetime, message and log. */
#define _POSIX_C_SOURCE 200809L
#include "context/context.h"

#include "base/cpu.h"
#include "base/text.h"
#include "support/support.h"

static int forget_environment(void **state)
{
    (void)state;
    return unsetenv("RN_THREADS") != 0 || unsetenv("RN_ISA") != 0 || unsetenv("RN_CONVOLUTION") != 0;
}

static void the_defaults_fit_the_machine(void **state)
{
    rn_context *context;

    (void)state;
    assert_int_equal(rn_context_create(&context, NULL), RN_OK);
    assert_int_equal(rn_context_threads(context), rn_cpu_count(0));
    assert_int_equal(rn_context_isa(context), context->kernels->isa);
    assert_true((rn_isa_available() & rn_context_isa(context)) != 0 && rn_context_isa(context) != RN_ISA_REFERENCE);
    assert_int_equal(rn_context_seed(context), 0);
    assert_string_equal(rn_context_message(context), "");
    rn_context_destroy(context);
}

static void options_are_taken(void **state)
{
    rn_context *context;

    (void)state;
    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 3, .isas = RN_ISA_REFERENCE, .seed = UINT64_MAX)),
        RN_OK);
    assert_int_equal(rn_context_threads(context), 3);
    assert_int_equal(rn_context_isa(context), RN_ISA_REFERENCE);
    assert_true(rn_context_seed(context) == UINT64_MAX);
    rn_context_destroy(context);
}

static void the_way_of_convolutions_is_an_option_that_the_environment_overrides(void **state)
{
    static const char *const values[] = { NULL, "auto", "direct" };

    (void)state;
    for (int i = 0; i < 6; i++) {
        const rn_convolution wanted = i % 2 == 0 ? RN_CONVOLUTION_AUTO : RN_CONVOLUTION_DIRECT;
        const char *const value = values[i / 2];
        rn_context *context;

        if (value != NULL)
            setenv("RN_CONVOLUTION", value, 1);
        assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .convolution = wanted)), RN_OK);
        assert_int_equal(context->direct_convolutions,
                         value != NULL ? strcmp(value, "direct") == 0 : wanted == RN_CONVOLUTION_DIRECT);
        rn_context_destroy(context);
    }
    unsetenv("RN_CONVOLUTION");
}

static void senseless_options_are_refused(void **state)
{
    rn_context *context = (rn_context *)state;
    rn_test_allocator hooks = { .fail_at = -1 };

    assert_int_equal(rn_context_create(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = -1)), RN_INVALID_ARGUMENT);
    assert_null(context);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1025)), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .isas = UINT32_MAX)), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .isas = 16)), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .allocate = rn_test_allocate)),
                     RN_INVALID_ARGUMENT);
    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .release = rn_test_release, .allocator_payload = &hooks)),
        RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .convolution = (rn_convolution)2)),
                     RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .precision = (rn_precision)3)),
                     RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, &(rn_context_options){ 0 }), RN_INVALID_ARGUMENT);
    assert_null(context);
}

static void an_instruction_set_that_the_cpu_lacks_is_unsupported(void **state)
{
    (void)state;
    for (uint32_t isa = RN_ISA_REFERENCE; isa <= RN_ISA_AVX512; isa *= 2) {
        const int have = (rn_cpu_isas() & isa) != 0 && rn_kernels_for((rn_isa)isa) != NULL;
        rn_context *context;

        assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .isas = isa)),
                         have ? RN_OK : RN_UNSUPPORTED);
        assert_int_equal(rn_context_isa(context), have ? isa : RN_ISA_AUTO);
        rn_context_destroy(context);
        /* Of a set the best is taken. */
        assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .isas = isa | RN_ISA_REFERENCE)), RN_OK);
        assert_int_equal(rn_context_isa(context), have ? isa : RN_ISA_REFERENCE);
        rn_context_destroy(context);
    }
}

static void a_failure_says_why(void **state)
{
    static const struct {
        const char *variable, *value, *words;
    } cases[] = {
        { "RN_ISA", "avx9", "RN_ISA is \"avx9\"" },
        { "RN_ISA", "avx2,", "RN_ISA is \"avx2,\"" },
        { "RN_THREADS", "two", "RN_THREADS is \"two\"" },
        { "RN_CONVOLUTION", "fast", "RN_CONVOLUTION is \"fast\"" },
        { "RN_THREADS", "1\n\033[31m", "RN_THREADS is \"1??[31m\"" },
    };
    struct {
        rn_context_options known;
        size_t unknown;
    } newer = { .unknown = 1 };
    char why[256] = "older", tiny[4] = "old";
    rn_context *context;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv(cases[i].variable, cases[i].value, 1);
        assert_int_equal(
            rn_context_create(&context, RN_OPTIONS(rn_context, .message = why, .message_size = sizeof why)),
            RN_INVALID_ARGUMENT);
        if (strstr(why, cases[i].words) == NULL)
            fail_msg("\"%s\" is not in: %s", cases[i].words, why);
        unsetenv(cases[i].variable);
    }
    assert_int_equal(rn_context_create(NULL, RN_OPTIONS(rn_context, .message = why, .message_size = sizeof why)),
                     RN_INVALID_ARGUMENT);
    assert_string_equal(why, "rn_context_create: context is NULL");
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 5000, .message = tiny,
                                                            .message_size = sizeof tiny)),
                     RN_INVALID_ARGUMENT);
    assert_string_equal(tiny, "500");
    setenv("RN_ISA", "\xc3\xbc\xc3\xbc\xc3\xbc", 1);
    for (size_t size = 30; size < 50; size++) { /* never half a character */
        unsigned character;
        size_t length;

        assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .message = why, .message_size = size)),
                         RN_INVALID_ARGUMENT);
        length = strlen(why);
        assert_in_range(length, size - 2, size - 1);
        for (size_t at = 0, count; at < length; at += count)
            assert_true((count = rn_text_character(&character, why + at, length - at)) > 0);
    }
    unsetenv("RN_ISA");
    newer.known.struct_size = sizeof newer;
    newer.known.message = why;
    newer.known.message_size = sizeof why;
    assert_int_equal(rn_context_create(&context, &newer.known), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(why, "does not know"));
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .message = why)), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .message = why, .message_size = sizeof why)),
                     RN_OK);
    assert_string_equal(why, "");
    rn_context_destroy(context);
}

static void a_call_without_an_object_leaves_no_older_sentence(void **state)
{
    rn_context *context;

    (void)state;
    assert_int_equal(rn_context_create(&context, NULL), RN_OK);
    rn_fail(&context->message, RN_SHAPE, "an older failure");
    assert_int_equal(rn_context_create(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_string_equal(rn_context_message(context), "rn_context_create: context is NULL");
    rn_fail(&context->message, RN_SHAPE, "a newer failure");
    assert_string_equal(rn_context_message(context), "a newer failure");
    rn_context_destroy(context);
}

static void the_environment_overrides(void **state)
{
    rn_context *context;

    (void)state;
    setenv("RN_THREADS", "5", 1);
    setenv("RN_ISA", "reference", 1);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .isas = RN_ISA_BASELINE)), RN_OK);
    assert_int_equal(rn_context_threads(context), 5);
    assert_int_equal(rn_context_isa(context), RN_ISA_REFERENCE);
    rn_context_destroy(context);
    setenv("RN_THREADS", "", 1); /* as if it were not set */
    setenv("RN_ISA", "", 1);
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 2, .isas = RN_ISA_BASELINE)), RN_OK);
    assert_int_equal(rn_context_threads(context), 2);
    assert_int_equal(rn_context_isa(context), RN_ISA_BASELINE);
    rn_context_destroy(context);
}

static void an_environment_that_is_not_understood_is_refused(void **state)
{
    static const char *const threads[] = { "0",  "-1", "+1", " 1", "1 ", "2x", "0x2", "1025", "99999999999999999999",
                                           "two" };
    static const char *const isas[] = { "auto", "AVX2", "avx", "avx2 ", "avx1024", "0", ",", "avx2,", "avx2,,avx512" };
    rn_context *context;

    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        setenv("RN_THREADS", threads[i], 1);
        assert_int_equal(rn_context_create(&context, NULL), RN_INVALID_ARGUMENT);
    }
    unsetenv("RN_THREADS");
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        setenv("RN_ISA", isas[i], 1);
        assert_int_equal(rn_context_create(&context, NULL), RN_INVALID_ARGUMENT);
    }
}

static void a_context_lives_as_long_as_what_was_made_from_it(void **state)
{
    rn_test_allocator hooks = { .fail_at = -1 };
    rn_context *context;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .allocate = rn_test_allocate,
                                                            .release = rn_test_release, .allocator_payload = &hooks)),
                     RN_OK);
    rn_context_retain(context);
    rn_context_destroy(context);
    assert_int_equal(hooks.live, 1);
    rn_context_release(context);
    assert_int_equal(hooks.live, 0);
    rn_context_destroy(NULL);
}

static void without_memory_there_is_no_context(void **state)
{
    rn_test_allocator hooks = { .fail_at = 0 };
    rn_context *context;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .allocate = rn_test_allocate,
                                                            .release = rn_test_release, .allocator_payload = &hooks)),
                     RN_NO_MEMORY);
    assert_null(context);
}

typedef struct heard {
    int lines;
    rn_log_level level;
    char line[64];
} heard;

static void hear(rn_log_level level, const char *line, void *payload)
{
    heard *const h = payload;

    h->lines++;
    h->level = level;
    snprintf(h->line, sizeof h->line, "%s", line);
}

static void the_log_gets_lines_and_silence_is_the_default(void **state)
{
    rn_context *context;
    heard h = { 0 };

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .log = hear, .log_payload = &h)), RN_OK);
    rn_context_log(context, RN_LOG_INFO, "%d photos\n", 7);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.level, RN_LOG_INFO);
    assert_string_equal(h.line, "7 photos?");
    rn_context_destroy(context);
    assert_int_equal(rn_context_create(&context, NULL), RN_OK);
    rn_context_log(context, RN_LOG_WARNING, "nobody hears it");
    rn_context_destroy(context);
}

static void the_message_is_the_last_failure(void **state)
{
    rn_context *context;

    (void)state;
    assert_int_equal(rn_context_create(&context, NULL), RN_OK);
    rn_fail(&context->message, RN_SHAPE, "first");
    rn_fail(&context->message, RN_SHAPE, "second");
    assert_string_equal(rn_context_message(context), "second");
    rn_context_destroy(context);
    assert_string_equal(rn_context_message(NULL), "");
    assert_int_equal(rn_context_threads(NULL), 0);
    assert_int_equal(rn_context_isa(NULL), RN_ISA_AUTO);
    assert_int_equal(rn_context_seed(NULL), 0);
}

static void instruction_sets_have_names(void **state)
{
    (void)state;
    assert_string_equal(rn_isa_name(RN_ISA_REFERENCE), "reference");
    assert_string_equal(rn_isa_name(RN_ISA_BASELINE), "baseline");
    assert_string_equal(rn_isa_name(RN_ISA_AVX2), "avx2");
    assert_string_equal(rn_isa_name(RN_ISA_AVX512), "avx512");
    assert_string_equal(rn_isa_name((rn_isa)77), "unknown");
    assert_string_equal(rn_isa_name((rn_isa)-1), "unknown");
    assert_null(rn_kernels_for(RN_ISA_AUTO));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_defaults_fit_the_machine, forget_environment),
        cmocka_unit_test_setup(options_are_taken, forget_environment),
        cmocka_unit_test_setup(the_way_of_convolutions_is_an_option_that_the_environment_overrides, forget_environment),
        cmocka_unit_test_setup(senseless_options_are_refused, forget_environment),
        cmocka_unit_test_setup(an_instruction_set_that_the_cpu_lacks_is_unsupported, forget_environment),
        cmocka_unit_test_setup(a_failure_says_why, forget_environment),
        cmocka_unit_test_setup(a_call_without_an_object_leaves_no_older_sentence, forget_environment),
        cmocka_unit_test_setup(the_environment_overrides, forget_environment),
        cmocka_unit_test_setup(an_environment_that_is_not_understood_is_refused, forget_environment),
        cmocka_unit_test_setup(a_context_lives_as_long_as_what_was_made_from_it, forget_environment),
        cmocka_unit_test_setup(without_memory_there_is_no_context, forget_environment),
        cmocka_unit_test_setup(the_log_gets_lines_and_silence_is_the_default, forget_environment),
        cmocka_unit_test_setup(the_message_is_the_last_failure, forget_environment),
        cmocka_unit_test_setup(instruction_sets_have_names, forget_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
