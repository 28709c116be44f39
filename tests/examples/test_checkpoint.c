/* SPDX-License-Identifier: MIT */
/* The checkpoint program: listing, converting there and back, comparing, and what it says of files that are none. */
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <unistd.h>

#define ODD_NAME "odd\x1b[31m\x1b]0;t\x07\n\xc2\x9b\xe2\x80\xae"
#define ODD_SHOWN "odd\\x1B[31m\\x1B]0;t\\x07\\x0A\\xC2\\x9B\\xE2\\x80\\xAE"

static const char *work; /* a.safetensors; changed.safetensors; pointer.pth, a git-lfs pointer; notes.txt */

#define CHECKPOINT(...) ARGUMENTS("checkpoint", __VA_ARGS__)

static int run(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

static char *output(const char *name)
{
    return rn_test_program_output(work, name);
}

static void require_no_text(const char *name, const char *words)
{
    char *text = output(name);

    if (strstr(text, words) != NULL)
        fail_msg("\"%s\" is in: %s", words, text);
    free(text);
}

/* The line of standard output with this number, counted from 0, and no more lines if it is the last. */
static rn_json *json_line(int number, int last)
{
    char *text = output("out"), *line = text;
    rn_json *json = NULL;

    while (number-- > 0)
        line = strchr(line, '\n') + 1;
    if (rn_json_parse(&json, line, strcspn(line, "\n"), NULL) != RN_OK)
        fail_msg("not JSON: %s", line);
    if (last)
        assert_string_equal(strchr(line, '\n'), "\n");
    free(text);
    return json;
}

static void add(rn_checkpoint *file, rn_context *context, const char *name, rn_dtype dtype, int32_t rank,
                const int64_t *shape, rn_order order, const float *values)
{
    rn_tensor *tensor = NULL;

    require_ok(context, rn_tensor_create(&tensor, context, dtype, rank, shape, order));
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, values, (size_t)rn_tensor_count(tensor) * sizeof *values));
    require_ok(context, rn_checkpoint_add(file, name, tensor));
    rn_tensor_destroy(tensor);
}

/* `value` is one of the elements of "conv.weight"; "tall" holds 1e6, beyond float16. */
static void save_file(rn_context *context, const char *name, float value)
{
    static const int64_t shape[] = { 3, 2, 2, 2 };
    float numbers[24] = { 0.5f, -1.25f, value, 1e6f };
    rn_checkpoint *file = NULL;
    char *text = malloc(301);

    assert_non_null(text);
    memset(text, 'x', 300);
    text[300] = '\0';
    memcpy(text + 119, "\xc3\xa9", 2); /* a character across the place where a long value is cut */
    require_ok(context, rn_checkpoint_create(&file, context));
    add(file, context, "conv.weight", RN_FLOAT32, 4, shape, RN_CHANNELS_LAST, numbers);
    add(file, context, ODD_NAME, RN_FLOAT32, 1, (const int64_t[]){ 2 }, RN_ROW_MAJOR, numbers);
    add(file, context, "tall", RN_FLOAT64, 2, (const int64_t[]){ 2, 2 }, RN_ROW_MAJOR, numbers);
    add(file, context, "count", RN_INT64, 0, NULL, RN_ROW_MAJOR, numbers + 3);
    require_ok(context, rn_checkpoint_set_metadata(file, "note" ODD_NAME, text));
    require_ok(context, rn_checkpoint_save(file, rn_test_path(work, name), RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    free(text);
}

static int set_up(void **state)
{
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    work = rn_test_directory();
    save_file(context, "a.safetensors", 2);
    save_file(context, "changed.safetensors", 2.5f);
    rn_test_write_file(rn_test_path(work, "pointer.pth"), pointer, sizeof pointer - 1);
    rn_test_write_file(rn_test_path(work, "notes.txt"), "weights\n", 8);
    rn_context_destroy(context);
    return 0;
}

/* Nothing but printable characters and line ends. */
static void require_harmless(const char *name)
{
    char *text = output(name);

    for (const char *at = text; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    free(text);
}

static void a_list_has_every_tensor_and_steers_no_terminal(void **state)
{
    (void)state;
    assert_int_equal(run(CHECKPOINT("list", "a.safetensors")), 0);
    require_harmless("out");
    rn_test_output_has(work, "out", "a.safetensors: safetensors, 4 tensors, 31 elements, 144 bytes; metadata: 1\n");
    rn_test_output_has(work, "out", "(3, 2, 2, 2)          conv.weight\n");
    /* hashlib.blake2b(b'float32' + struct.pack('<2f', .5, -1.25), digest_size=8).hexdigest() */
    rn_test_output_has(work, "out",
                       "  23374c73f825ef9c  float32              8  (2)                   " ODD_SHOWN "\n");
    rn_test_output_has(work, "out", "  0a60180af5c41418  int64                8  ()                    count\n");
    rn_test_output_has(work, "out", "note" ODD_SHOWN ": xxx");
    rn_test_output_has(work, "out", "x... (300 bytes)\n");
    require_no_text("out", "\xc3");
    assert_int_equal(run(CHECKPOINT("list", "a.safetensors", "--full")), 0);
    require_harmless("out");
    require_no_text("out", "300 bytes");
    rn_test_output_has(work, "out", "x\xc3\xa9x");
}

static void a_list_in_json_is_a_line_a_file(void **state)
{
    rn_json *json;
    const rn_json *tensor;

    (void)state;
    assert_int_equal(run(CHECKPOINT("list", "a.safetensors", "changed.safetensors", "--json")), 0);
    require_harmless("out");
    json = json_line(0, 0);
    assert_string_equal(rn_json_string(rn_json_member(json, "file")), "a.safetensors");
    assert_string_equal(rn_json_string(rn_json_member(json, "container")), "safetensors");
    assert_true(rn_test_member(json, "elements") == 31 && rn_test_member(json, "bytes") == 144);
    assert_int_equal(rn_json_count(rn_json_member(json, "tensors")), 4);
    assert_int_equal(strlen(rn_json_string(rn_json_member(rn_json_member(json, "metadata"), "note" ODD_NAME))), 300);
    tensor = rn_json_next(rn_json_first(rn_json_member(json, "tensors")));
    assert_string_equal(rn_json_string(rn_json_member(tensor, "name")), ODD_NAME);
    assert_string_equal(rn_json_string(rn_json_member(tensor, "checksum")), "23374c73f825ef9c");
    assert_int_equal(rn_json_count(rn_json_member(tensor, "shape")), 1);
    rn_json_destroy(json);
    rn_json_destroy(json_line(1, 1));
}

static void a_file_that_is_none_does_not_hide_the_next(void **state)
{
    (void)state;
    rn_test_refusal(work, CHECKPOINT("list", "pointer.pth", "a.safetensors"), 1, "git-lfs pointer");
    rn_test_output_has(work, "out", "a.safetensors: safetensors");
    rn_test_refusal(work, CHECKPOINT("list", "notes.txt"), 1, "notes.txt: its 8 bytes are neither safetensors nor");
    rn_test_refusal(work, CHECKPOINT("list", "missing.pth"), 1, "missing.pth");
}

static void converted_there_and_back_is_equal(void **state)
{
    rn_json *json;

    (void)state;
    assert_int_equal(run(CHECKPOINT("convert", "a.safetensors", "there.pth")), 0);
    require_harmless("out");
    rn_test_output_has(work, "out", "there.pth: torch zip, 4 tensors, 0 of them converted\n");
    assert_int_equal(run(CHECKPOINT("convert", "there.pth", "back.safetensors", "--json")), 0);
    json = json_line(0, 1);
    assert_string_equal(rn_json_string(rn_json_member(json, "to")), "back.safetensors");
    assert_string_equal(rn_json_string(rn_json_member(json, "container")), "safetensors");
    assert_true(rn_test_member(json, "tensors") == 4 && rn_test_member(json, "converted") == 0 &&
                rn_test_member(json, "infinite") == 0);
    rn_json_destroy(json);
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "there.pth", "--no-metadata")), 0);
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "back.safetensors", "--no-metadata")), 0);
    rn_test_output_has(work, "out", "equal: 4 tensors, metadata 0\n");
}

/* Whether a container holds metadata is the library's business: what diff misses is what convert said. */
static void metadata_is_kept_or_said_to_be_left_out(void **state)
{
    char *text;
    int left_out;

    (void)state;
    assert_int_equal(run(CHECKPOINT("convert", "a.safetensors", "same.safetensors")), 0);
    require_no_text("out", "left out");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "same.safetensors")), 0);
    rn_test_output_has(work, "out", "equal: 4 tensors, metadata 1\n");
    assert_int_equal(run(CHECKPOINT("convert", "a.safetensors", "there.pt")), 0);
    text = output("out");
    left_out = strstr(text, "left out: the metadata note" ODD_SHOWN ", which") != NULL;
    free(text);
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "there.pt")), left_out);
    if (left_out)
        rn_test_output_has(work, "out", "only in a.safetensors: metadata note" ODD_SHOWN "\n");
}

/* State dicts of a network of one layer after a step. */
static void save_training(const char *name)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *file = NULL;
    rn_optimizer *adam = NULL;
    rn_session *session = NULL;
    rn_tensor *x = NULL, *label = NULL;
    rn_model *model = NULL;
    rn_graph *graph = NULL;
    double loss;

    require_ok(context, rn_graph_create(&graph, context));
    rn_graph_output(
        graph, "logits",
        rn_linear(graph, rn_flatten(graph, rn_graph_input(graph, "images", 3, 2, 2, NULL), NULL), "fc", 2, NULL));
    require_ok(context, rn_model_build(&model, graph, "one", NULL));
    require_ok(context, rn_adam_create(&adam, rn_model_parameters(model), NULL));
    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(context, rn_tensor_create(&x, context, RN_FLOAT32, 4, (const int64_t[]){ 1, 3, 2, 2 }, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_create(&label, context, RN_INT64, 1, (const int64_t[]){ 1 }, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(x, 1));
    require_ok(context, rn_session_forward(session, x));
    require_ok(context, rn_cross_entropy(&loss, session, label, NULL));
    require_ok(context, rn_session_backward(session));
    require_ok(context, rn_optimizer_step(adam));
    require_ok(context, rn_checkpoint_create(&file, context));
    require_ok(context, rn_model_state_dict(file, model));
    require_ok(context, rn_optimizer_state_dict(file, adam));
    require_ok(context, rn_checkpoint_save(file, rn_test_path(work, name), RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    rn_tensor_destroy(label);
    rn_tensor_destroy(x);
    rn_session_destroy(session);
    rn_optimizer_destroy(adam);
    rn_model_destroy(model);
    rn_graph_destroy(graph);
    rn_context_destroy(context);
}

/* Weights and moments of state dicts, under the keys of a training script. */
static void state_dicts_become_a_training_checkpoint(void **state)
{
    (void)state;
    save_training("last.safetensors");
    assert_int_equal(run(CHECKPOINT("convert", "last.safetensors", "training.pth", "--format", "training")), 0);
    assert_int_equal(run(CHECKPOINT("list", "training.pth")), 0);
    rn_test_output_has(work, "out", "state_dict.fc.weight");
    rn_test_output_has(work, "out", "optimizer.state.0.exp_avg");
    rn_test_output_has(work, "out", "optimizer.param_groups.0.lr");
}

static void a_file_is_converted_in_its_place(void **state)
{
    (void)state;
    assert_int_equal(run(CHECKPOINT("convert", "a.safetensors", "place.safetensors")), 0);
    assert_int_equal(run(CHECKPOINT("convert", "place.safetensors", "place.safetensors", "--format", "torch")), 0);
    assert_int_equal(run(CHECKPOINT("list", "place.safetensors")), 0);
    rn_test_output_has(work, "out", "torch zip, 4 tensors");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "place.safetensors", "--no-metadata")), 0);
}

static void types_change_where_asked_and_infinities_are_warned_of(void **state)
{
    (void)state;
    assert_int_equal(run(CHECKPOINT("convert", "a.safetensors", "half.safetensors", "--dtype", "float16")), 0);
    rn_test_output_has(work, "out", "4 tensors, 3 of them converted\n");
    rn_test_output_has(work, "err", "warning: 2 elements are beyond the range of float16");
    assert_int_equal(run(CHECKPOINT("list", "half.safetensors")), 0);
    rn_test_output_has(work, "out", "float16             48  (3, 2, 2, 2)          conv.weight\n");
    rn_test_output_has(work, "out", "int64                8  ()                    count\n");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "half.safetensors")), 1);
    rn_test_output_has(work, "out", "float64 (2, 2) and float16 (2, 2), 1 of 4 elements differ, by inf at most");
    rn_test_output_has(work, "out", "different: 3 of 4 tensors, metadata 0 of 1\n");
    assert_int_equal(run(CHECKPOINT("convert", "a.safetensors", "single.safetensors", "--dtype", "float32")), 0);
    rn_test_output_has(work, "out", "4 tensors, 1 of them converted\n");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "single.safetensors")), 1);
    rn_test_output_has(
        work, "out",
        "float64 (2, 2) and float32 (2, 2), 0 of 4 elements differ, by 0 at most, relatively 0: tensor tall");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "single.safetensors", "--tolerance", "0")), 0);
    rn_test_output_has(work, "out", "equal: 4 tensors");
}

static void what_cannot_be_converted_leaves_nothing(void **state)
{
    (void)state;
    rn_test_refusal(work, CHECKPOINT("convert", "pointer.pth", "never.safetensors"), 1, "git-lfs pointer");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "no/such/directory.pth"), 1, "no/such/directory.pth");
    assert_int_not_equal(access(rn_test_path(work, "never.safetensors"), F_OK), 0);
}

/* ---- diff -------------------------------------------------------------------------------------------------------- */

static void one_changed_element_is_found_in_each_tensor(void **state)
{
    rn_json *json;

    (void)state;
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "changed.safetensors")), 1);
    rn_test_output_has(work, "out", "1 of 24 elements differ, by 0.5 at most, relatively 0.2: tensor conv.weight\n");
    rn_test_output_has(work, "out", "1 of 4 elements differ, by 0.5 at most, relatively 0.2: tensor tall\n");
    rn_test_output_has(work, "out", "different: 2 of 4 tensors, metadata 0 of 1\n");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "changed.safetensors", "--tolerance", "0.49")), 1);
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "changed.safetensors", "--tolerance", "0.5")), 0);
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "changed.safetensors", "--json")), 1);
    json = json_line(0, 0);
    assert_string_equal(rn_json_string(rn_json_member(json, "tensor")), "conv.weight");
    assert_true(rn_test_member(json, "different") == 1 && rn_test_member(json, "elements") == 24 &&
                rn_test_member(json, "absolute") == 0.5);
    rn_json_destroy(json);
    json = json_line(2, 1);
    assert_true(rn_test_member(json, "different_tensors") == 2 && rn_test_member(json, "tensors") == 4);
    rn_json_destroy(json);
}

static void names_shapes_and_metadata_differ(void **state)
{
    static const float numbers[6] = { 1 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *file = NULL;
    rn_json *json;

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    add(file, context, "conv.weight", RN_FLOAT32, 2, (const int64_t[]){ 2, 3 }, RN_ROW_MAJOR, numbers);
    add(file, context, "new", RN_INT8, 1, (const int64_t[]){ 2 }, RN_ROW_MAJOR, numbers);
    require_ok(context, rn_checkpoint_set_metadata(file, "note" ODD_NAME, "short\x1b"));
    require_ok(context, rn_checkpoint_save(file, rn_test_path(work, "other.pth"), RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
    rn_context_destroy(context);
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "other.pth")), 1);
    require_harmless("out");
    rn_test_output_has(work, "out", "float32 (3, 2, 2, 2) and float32 (2, 3): tensor conv.weight\n");
    rn_test_output_has(work, "out", "only in a.safetensors: tensor " ODD_SHOWN "\n");
    rn_test_output_has(work, "out", "only in other.pth: tensor new\n");
    rn_test_output_has(work, "out", "metadata note" ODD_SHOWN ": xxx");
    rn_test_output_has(work, "out", "(300 bytes) and short\\x1B\n");
    rn_test_output_has(work, "out", "different: 5 of 5 tensors, metadata 1 of 1\n");
    assert_int_equal(run(CHECKPOINT("diff", "a.safetensors", "other.pth", "--json")), 1);
    require_harmless("out");
    for (int i = 0; i < 7; i++)
        rn_json_destroy(json_line(i, i == 6));
    json = json_line(5, 0);
    assert_string_equal(rn_json_string(rn_json_member(json, "metadata")), "note" ODD_NAME);
    rn_json_destroy(json);
}

/* ---- usage and trouble ------------------------------------------------------------------------------------------- */

static void wrong_usage_is_one_line_and_2(void **state)
{
    (void)state;
    rn_test_refusal(work, (const char *const[]){ "checkpoint", NULL }, 2, "list, convert or diff");
    rn_test_refusal(work, CHECKPOINT("show", "a.safetensors"), 2, "list, convert or diff");
    rn_test_refusal(work, CHECKPOINT("list"), 2, "file");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors"), 2, "FROM and TO");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "a.onnx"), 2, "--format safetensors or torch");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "torch"), 2, "--format safetensors or torch");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "b.pth", "--format", "onnx"), 2, "--format is");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "b.pth", "--format", "pth"), 2, "--format is");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "b.pth", "--dtype", "int8"), 2, "--dtype is");
    rn_test_refusal(work, CHECKPOINT("diff", "a.safetensors"), 2, "two files");
    rn_test_refusal(work, CHECKPOINT("diff", "a.safetensors", "a.safetensors", "--tolerance", "-1"), 2, "--tolerance");
    rn_test_refusal(work, CHECKPOINT("diff", "a.safetensors", "a.safetensors", "--dtype", "float16"), 2,
                    "belong to convert");
    rn_test_refusal(work, CHECKPOINT("list", "a.safetensors", "--tolerance", "0"), 2, "belong to diff");
    rn_test_refusal(work, CHECKPOINT("convert", "a.safetensors", "b.pth", "--full"), 2, "belongs to list and diff");
    assert_int_not_equal(access(rn_test_path(work, "b.pth"), F_OK), 0);
}

/* As diff(1): 1 is kept for files that differ. */
static void trouble_of_diff_is_2(void **state)
{
    (void)state;
    rn_test_refusal(work, CHECKPOINT("diff", "a.safetensors", "missing.pth"), 2, "missing.pth");
    rn_test_refusal(work, CHECKPOINT("diff", "pointer.pth", "a.safetensors"), 2, "git-lfs pointer");
}

static void require_unwritten(const char *const *arguments, int status)
{
    for (int closed = 0; closed < 2; closed++) {
        assert_int_equal(rn_test_program_into(closed ? NULL : "/dev/full", work, arguments), status);
        rn_test_output_has(work, "err", "standard output");
    }
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    require_unwritten(CHECKPOINT("list", "a.safetensors"), 1);
    require_unwritten(CHECKPOINT("convert", "a.safetensors", "full.pth", "--json"), 1);
    require_unwritten(CHECKPOINT("diff", "a.safetensors", "a.safetensors"), 2);
    require_unwritten(CHECKPOINT("diff", "a.safetensors", "changed.safetensors"), 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_every_tensor_and_steers_no_terminal),
        cmocka_unit_test(a_list_in_json_is_a_line_a_file),
        cmocka_unit_test(a_file_that_is_none_does_not_hide_the_next),
        cmocka_unit_test(converted_there_and_back_is_equal),
        cmocka_unit_test(metadata_is_kept_or_said_to_be_left_out),
        cmocka_unit_test(state_dicts_become_a_training_checkpoint),
        cmocka_unit_test(a_file_is_converted_in_its_place),
        cmocka_unit_test(types_change_where_asked_and_infinities_are_warned_of),
        cmocka_unit_test(what_cannot_be_converted_leaves_nothing),
        cmocka_unit_test(one_changed_element_is_found_in_each_tensor),
        cmocka_unit_test(names_shapes_and_metadata_differ),
        cmocka_unit_test(wrong_usage_is_one_line_and_2),
        cmocka_unit_test(trouble_of_diff_is_2),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
