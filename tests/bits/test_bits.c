/* SPDX-License-Identifier: MIT */
/*
 * The bits of results, of every network, pass and class of instruction sets, are those of hashes.txt, whatever the
 * number of threads. A change that keeps the rules of rounding keeps the file; one that does not raises
 * rn_numerics_version() and writes it anew:
 *
 *   test_bits --write FILE
 *
 * Loss, softmax and Adam's correction take exp, log and pow, in double, from the C library: another one may, rarely,
 * give another float.
 *
 * An argument, or over it RN_BITS_NETWORKS, says which networks are computed: "own" graphs, "plain" (those and small
 * members of the families), "all", or the one of a name. Lines of others are taken over when a file is written.
 * RN_BITS_THREADS: with this many threads alone.
 */
#include "bits/bits.h"

#include <inttypes.h>

enum { MOST_LINES = 2048, MOST_TESTS = 512, KEY_SIZE = 96 };

typedef struct line {
    char key[KEY_SIZE]; /* "network pass class" */
    int32_t steps;
    uint64_t hash;
} line;

static line lines[MOST_LINES];
static size_t line_count;
static int file_numerics;

/* The networks to compute: up to a scale or, if not NULL, the one of a name. */
static bits_scale chosen_scale = BITS_PLAIN;
static const char *chosen_name;

static int is_chosen(const bits_network *network)
{
    return chosen_name != NULL ? strcmp(network->name, chosen_name) == 0 : network->scale <= chosen_scale;
}

/* Gives 0 for a word that is neither a scale nor a name. */
static int choose(const char *word)
{
    static const char *const scales[] = { "own", "plain", "all" };
    size_t count;
    const bits_network *const network = bits_networks(&count);

    chosen_name = NULL;
    for (int scale = BITS_OWN; scale <= BITS_ALL; scale++) {
        chosen_scale = (bits_scale)scale;
        if (strcmp(word, scales[scale]) == 0)
            return 1;
    }
    chosen_name = word;
    for (size_t i = 0; i < count; i++)
        if (is_chosen(&network[i]))
            return 1;
    return 0;
}

/* ---- classes of instruction sets --------------------------------------------------------------------------------- */

/* Sets that give the same bits, the best first; where the CPU has no products of bfloat16 they are emulated
 * (support/bfloat16.h), to the bits of those that have. */
typedef struct isa_class {
    const char *name;
    rn_isa isas[3]; /* RN_ISA_AUTO ends them */
    rn_precision precision;
} isa_class;

static const isa_class classes[] = {
    { "baseline", { RN_ISA_BASELINE }, RN_PRECISION_FLOAT32 },
    { "bf16", { RN_ISA_AVX512, RN_ISA_AVX2 }, RN_PRECISION_BFLOAT16 },
    { "fused", { RN_ISA_AVX512, RN_ISA_AVX2 }, RN_PRECISION_FLOAT32 },
};

enum { CLASSES = sizeof classes / sizeof classes[0] };

/* The hashes are those of x86-64: elsewhere the compiler may fuse what the baseline adds. */
static int has_isa(rn_isa isa, rn_precision precision)
{
#ifdef __x86_64__
    rn_context *context;
    int has;

    if (!rn_test_has_isa(isa))
        return 0;
    context = rn_test_context_of(1, isa, precision);
    has = rn_context_precision(context) == precision;
    rn_context_destroy(context);
    return has;
#else
    (void)isa, (void)precision;
    return 0;
#endif
}

static rn_isa best_isa(const isa_class *class)
{
    for (const rn_isa *isa = class->isas; *isa != RN_ISA_AUTO; isa++)
        if (has_isa(*isa, class->precision))
            return *isa;
    return RN_ISA_AUTO;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void make_key(char key[KEY_SIZE], const bits_network *network, bits_pass pass, const isa_class *class)
{
    snprintf(key, KEY_SIZE, "%s %s %s", network->name, bits_pass_name[pass], class->name);
}

static const line *find_line(const char *key)
{
    for (size_t i = 0; i < line_count; i++)
        if (strcmp(lines[i].key, key) == 0)
            return &lines[i];
    return NULL;
}

/* Gives 0 for what is neither a line nor a comment. */
static int read_line(const char *text)
{
    line *const next = &lines[line_count];
    char network[32], pass[16], class[16];
    unsigned long long hash;

    if (text[0] == '#') {
        sscanf(text, "# numerics %d", &file_numerics);
        return 1;
    }
    if (line_count == MOST_LINES ||
        sscanf(text, "%31s %15s %15s %" SCNd32 " %16llx", network, pass, class, &next->steps, &hash) != 5)
        return 0;
    snprintf(next->key, KEY_SIZE, "%s %s %s", network, pass, class);
    next->hash = hash;
    line_count++;
    return 1;
}

static int read_file(const char *path)
{
    FILE *const file = fopen(path, "r");
    char text[256];
    int fine = 1;

    if (file == NULL) {
        perror(path);
        return 0;
    }
    while (fine && fgets(text, sizeof text, file) != NULL)
        fine = read_line(text);
    fclose(file);
    if (!fine)
        fprintf(stderr, "%s: not a line of hashes: %s", path, text);
    return fine;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const line *)a)->key, ((const line *)b)->key);
}

/* Takes the line of the key over, or makes it. */
static void set_line(const char *key, int32_t steps, uint64_t hash)
{
    line *target = (line *)(uintptr_t)find_line(key);

    if (target == NULL) {
        assert_true(line_count < MOST_LINES);
        target = &lines[line_count++];
    }
    snprintf(target->key, KEY_SIZE, "%s", key);
    target->steps = steps;
    target->hash = hash;
}

static void compute_lines(const bits_network *network)
{
    for (int c = 0; c < CLASSES; c++) {
        const rn_isa isa = best_isa(&classes[c]);
        uint64_t hash[BITS_PASSES];

        if (isa == RN_ISA_AUTO)
            fail_msg("only a CPU with all classes of instruction sets writes the file: no %s", classes[c].name);
        bits_hash(hash, network, 1, isa, classes[c].precision);
        for (int pass = 0; pass < BITS_PASSES; pass++) {
            char key[KEY_SIZE];

            make_key(key, network, (bits_pass)pass, &classes[c]);
            set_line(key, bits_steps(network, (bits_pass)pass), hash[pass]);
        }
    }
}

static const char header[] =
    "# The bits of results: tests/bits/test_bits.c recomputes them. Made by test_bits --write FILE, sorted by byte.\n"
    "# A line that changes needs a raised rn_numerics_version(): checkpoints and users' runs rely on the same bits.\n"
    "#\n"
    "# network   of the zoo, or a graph of tests/bits/catalogue.c\n"
    "# pass      infer: logits; train: all is trained; frozen: the head alone; partial: some layers are frozen\n"
    "# class     of instruction sets: fused (AVX2, AVX-512), baseline (no fused multiply-add), bf16 (products of "
    "bfloat16)\n"
    "# steps     of Adam; 0 in infer\n"
    "# hash      of the logits, or of losses, parameters and buffers after the steps: FNV-1a over their 32-bit words\n";

static const char *target; /* where --write writes */

static void write_file(void **state)
{
    size_t count;
    const bits_network *const network = bits_networks(&count);
    FILE *file;

    (void)state;
    for (size_t i = 0; i < count; i++)
        if (is_chosen(&network[i]))
            compute_lines(&network[i]);
    qsort(lines, line_count, sizeof lines[0], by_key);
    file = fopen(target, "w");
    assert_non_null(file);
    fprintf(file, "%s# numerics %d\n", header, rn_numerics_version());
    for (size_t i = 0; i < line_count; i++)
        fprintf(file, "%s %" PRId32 " %016" PRIx64 "\n", lines[i].key, lines[i].steps, lines[i].hash);
    assert_int_equal(fclose(file), 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void the_file_is_of_this_version_and_sorted(void **state)
{
    (void)state;
    assert_int_equal(file_numerics, rn_numerics_version());
    for (size_t i = 1; i < line_count; i++)
        if (by_key(&lines[i - 1], &lines[i]) >= 0)
            fail_msg("%s stands before %s", lines[i - 1].key, lines[i].key);
}

static void the_file_has_each_network_and_pass_and_nothing_else(void **state)
{
    size_t count;
    const bits_network *const network = bits_networks(&count);
    char key[KEY_SIZE];

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (int pass = 0; pass < BITS_PASSES; pass++)
            for (int c = 0; c < CLASSES; c++) {
                make_key(key, &network[i], (bits_pass)pass, &classes[c]);
                if (find_line(key) == NULL)
                    fail_msg("no line \"%s\"", key);
            }
    assert_int_equal(line_count, count * BITS_PASSES * CLASSES);
}

static int differences(const bits_network *network, const isa_class *class, int32_t threads, rn_isa isa)
{
    uint64_t hash[BITS_PASSES];
    int found = 0;

    bits_hash(hash, network, threads, isa, class->precision);
    for (int pass = 0; pass < BITS_PASSES; pass++) {
        const line *expected;
        char key[KEY_SIZE];

        make_key(key, network, (bits_pass)pass, class);
        expected = find_line(key);
        assert_non_null(expected);
        assert_int_equal(expected->steps, bits_steps(network, (bits_pass)pass));
        if (hash[pass] == expected->hash)
            continue;
        print_error("%s: %016" PRIx64 " instead of %016" PRIx64 " with %d threads and %s\n", key, hash[pass],
                    expected->hash, (int)threads, rn_isa_name(isa));
        found++;
    }
    return found;
}

typedef struct bits_case {
    char name[64];
    const bits_network *network;
    const isa_class *class;
} bits_case;

/* How many threads: of the zoo's members in the plain run three alone, since one thread made the file. */
static void choose_threads(int32_t *least, int32_t *most, const bits_network *network)
{
    const char *const threads = getenv("RN_BITS_THREADS");

    *least = network->scale == BITS_OWN || chosen_scale == BITS_ALL ? 1 : 3;
    *most = network->scale == BITS_OWN ? 4 : 3;
    if (threads != NULL)
        *least = *most = atoi(threads);
}

static void bits_are_those_of_the_file(void **state)
{
    const bits_case *const it = *state;
    int32_t least, most;
    int found = 0;

    if (best_isa(it->class) == RN_ISA_AUTO) {
        print_message("skipped: no hashes of the class %s for this CPU or compiler\n", it->class->name);
        skip();
    }
    choose_threads(&least, &most, it->network);
    for (const rn_isa *isa = it->class->isas; *isa != RN_ISA_AUTO; isa++)
        for (int32_t threads = least; has_isa(*isa, it->class->precision) && threads <= most; threads++)
            found += differences(it->network, it->class, threads, *isa);
    assert_int_equal(found, 0);
}

/* A test for each chosen network and class; says what is left out. */
static size_t add_cases(struct CMUnitTest *tests, size_t count)
{
    static bits_case cases[MOST_TESTS];
    size_t networks, used = 0, left = 0;
    const bits_network *const network = bits_networks(&networks);

    for (size_t i = 0; i < networks; i++) {
        if (!is_chosen(&network[i])) {
            left++;
            continue;
        }
        for (int c = 0; c < CLASSES; c++) {
            bits_case *const it = &cases[used++];

            *it = (bits_case){ .network = &network[i], .class = &classes[c] };
            snprintf(it->name, sizeof it->name, "%s %s", network[i].name, classes[c].name);
            tests[count++] =
                (struct CMUnitTest){ .name = it->name, .test_func = bits_are_those_of_the_file, .initial_state = it };
        }
    }
    print_message("%zu of %zu networks, %zu are left to tests/run.sh bits; instruction sets:%s%s%s\n", networks - left,
                  networks, left, rn_test_has_isa(RN_ISA_BASELINE) ? " baseline" : "",
                  rn_test_has_isa(RN_ISA_AVX2) ? " avx2" : "", rn_test_has_isa(RN_ISA_AVX512) ? " avx512" : "");
    return count;
}

int main(int argc, char **argv)
{
    const char *const words = getenv("RN_BITS_NETWORKS");
    const int writes = argc == 3 && strcmp(argv[1], "--write") == 0;
    const struct CMUnitTest writing[] = { cmocka_unit_test(write_file) };
    struct CMUnitTest tests[MOST_TESTS] = {
        cmocka_unit_test(the_file_is_of_this_version_and_sorted),
        cmocka_unit_test(the_file_has_each_network_and_pass_and_nothing_else),
    };

    if (!choose(words != NULL ? words : writes ? "all" : argc == 2 ? argv[1] : "plain")) {
        fprintf(stderr, "test_bits: neither own, plain nor all, and no network: %s\n", words != NULL ? words : argv[1]);
        return 1;
    }
    if (!read_file(rn_test_fixture("bits/hashes.txt")) && !writes)
        return 1;
    if (writes) {
        target = argv[2];
        return cmocka_run_group_tests_name("bits", writing, NULL, NULL);
    }
    return _cmocka_run_group_tests("bits", tests, add_cases(tests, 2), NULL, NULL);
}
