/* SPDX-License-Identifier: MIT */
/* make_fixtures.py's numbers in C. */
#include "parity/oracle.h"

#include <inttypes.h>

enum { NAME_SIZE = 256 };

/* The finaliser of MurmurHash3. */
static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= UINT32_C(0x85ebca6b);
    x ^= x >> 13;
    x *= UINT32_C(0xc2b2ae35);
    x ^= x >> 16;
    return x;
}

/* FNV-1a */
static uint32_t hash_name(const char *name)
{
    uint32_t hash = UINT32_C(2166136261);

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
    return hash;
}

void oracle_numbers(float *values, size_t count, const char *name, float scale, float offset, uint32_t salt)
{
    const uint32_t seed = mix(hash_name(name) + salt * UINT32_C(0x9e3779b1));

    for (size_t i = 0; i < count; i++) {
        const float unit = (float)(mix(seed + (uint32_t)i) >> 8) * 0x1p-23f - 1.0f;
        const float scaled = unit * scale; /* on its own: not to be fused */

        values[i] = scaled + offset;
    }
}

static float *allocate_floats(size_t count)
{
    float *values = malloc((count > 0 ? count : 1) * sizeof *values);

    assert_non_null(values);
    return values;
}

rn_tensor *oracle_tensor(rn_context *context, const char *name, int32_t rank, const int64_t *shape, float scale,
                         float offset, uint32_t salt)
{
    rn_tensor *tensor = NULL;
    size_t count;
    float *values;

    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, rank, shape, RN_ROW_MAJOR));
    count = (size_t)rn_tensor_count(tensor);
    values = allocate_floats(count);
    oracle_numbers(values, count, name, scale, offset, salt);
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, values, count * sizeof *values));
    free(values);
    return tensor;
}

rn_tensor *oracle_labels(rn_context *context, const char *name, int64_t count, int64_t classes, uint32_t salt)
{
    rn_tensor *tensor = NULL;
    float *values = allocate_floats((size_t)count);

    oracle_numbers(values, (size_t)count, name, 0.5f, 0.5f, salt);
    require_ok(context, rn_tensor_create(&tensor, context, RN_INT64, 1, &count, RN_ROW_MAJOR));
    for (int64_t i = 0; i < count; i++)
        require_ok(context, rn_tensor_set(tensor, &i, floor((double)values[i] * (double)classes)));
    free(values);
    return tensor;
}

static int ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static rn_tensor *parameter_values(rn_context *context, const char *name, const rn_tensor *like, uint32_t salt)
{
    const int32_t rank = rn_tensor_rank(like);
    const int64_t *shape = rn_tensor_shape(like);
    int64_t fan_in = 1;

    if (ends_with(name, "num_batches_tracked"))
        return oracle_tensor(context, name, rank, shape, 0, 0, salt);
    if (ends_with(name, "running_var"))
        return oracle_tensor(context, name, rank, shape, 0.5f, 1, salt);
    if (ends_with(name, "running_mean") || ends_with(name, "bias"))
        return oracle_tensor(context, name, rank, shape, 0.25f, 0, salt);
    if (ends_with(name, "bn3.weight"))
        return oracle_tensor(context, name, rank, shape, 0.125f, 0.25f, salt);
    if (rank == 1)
        return oracle_tensor(context, name, rank, shape, 0.5f, 1, salt);
    for (int32_t i = 1; i < rank; i++)
        fan_in *= shape[i];
    return oracle_tensor(context, name, rank, shape, (float)sqrt(6.0 / (double)fan_in), 0, salt);
}

void oracle_fill_parameters(rn_context *context, rn_model *model, uint32_t salt)
{
    rn_parameters *parameters = rn_model_parameters(model);

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        rn_tensor *values =
            parameter_values(context, rn_parameters_name(parameters, i), rn_parameters_value(parameters, i), salt);

        require_ok(context, rn_parameters_write(parameters, i, values));
        rn_tensor_destroy(values);
    }
}

double oracle_loss(rn_context *context, rn_session *session, const rn_model *model, const rn_tensor *labels)
{
    double loss = 0;

    for (size_t i = 0; rn_model_output_name(model, i) != NULL; i++) {
        double part = 0;

        require_ok(context, rn_cross_entropy(
                                &part, session, labels,
                                RN_OPTIONS(rn_loss, .output = (int32_t)i, .weight = rn_model_loss_weight(model, i))));
        loss += part;
    }
    return loss;
}

rn_checkpoint *oracle_open(rn_context *context, const char *name)
{
    rn_checkpoint *answers = NULL;
    char path[NAME_SIZE];

    snprintf(path, sizeof path, "parity/fixtures/%s.safetensors", name);
    require_ok(context, rn_checkpoint_open(&answers, context, rn_test_fixture(path), NULL));
    return answers;
}

static const rn_tensor *find(const rn_checkpoint *answers, const char *name)
{
    const rn_tensor *answer = rn_checkpoint_find(answers, name);

    if (answer == NULL)
        fail_msg("the fixture has no %s", name);
    return answer;
}

static void format_name(char *name, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static void format_name(char *name, const char *format, va_list arguments)
{
    assert_in_range(vsnprintf(name, NAME_SIZE, format, arguments), 1, NAME_SIZE - 1);
}

uint32_t oracle_salt(const rn_checkpoint *answers, const char *network)
{
    char name[NAME_SIZE];
    const char *text;

    snprintf(name, sizeof name, "%s/salt", network);
    text = rn_checkpoint_metadata(answers, name);
    assert_non_null(text);
    return (uint32_t)strtoul(text, NULL, 10);
}

static float *read_floats(const rn_tensor *tensor)
{
    const size_t count = (size_t)rn_tensor_count(tensor);
    float *values = allocate_floats(count);

    assert_int_equal(rn_tensor_read(tensor, RN_FLOAT32, values, count * sizeof *values), RN_OK);
    return values;
}

static void expect(const rn_tensor *answer, const rn_tensor *tensor, double tolerance, const char *name)
{
    float *got, *wanted;
    double error;

    if (tensor == NULL)
        fail_msg("%s: the library has none", name);
    if (rn_tensor_rank(tensor) != rn_tensor_rank(answer) ||
        memcmp(rn_tensor_shape(tensor), rn_tensor_shape(answer), (size_t)rn_tensor_rank(answer) * sizeof(int64_t)) != 0)
        fail_msg("%s: another shape, %" PRId64 " elements instead of %" PRId64, name, rn_tensor_count(tensor),
                 rn_tensor_count(answer));
    got = read_floats(tensor);
    wanted = read_floats(answer);
    error = rn_test_error(got, wanted, (size_t)rn_tensor_count(answer));
    free(got);
    free(wanted);
    if (!(error <= tolerance))
        fail_msg("%s: off by %.3g of the largest value; %.3g is allowed", name, error, tolerance);
}

void oracle_expect(const rn_checkpoint *answers, const rn_tensor *tensor, double tolerance, const char *format, ...)
{
    char name[NAME_SIZE];
    va_list arguments;

    va_start(arguments, format);
    format_name(name, format, arguments);
    va_end(arguments);
    expect(find(answers, name), tensor, tolerance, name);
}

void oracle_expect_number(const rn_checkpoint *answers, double number, double tolerance, const char *format, ...)
{
    char name[NAME_SIZE];
    double answer = 0;
    va_list arguments;

    va_start(arguments, format);
    format_name(name, format, arguments);
    va_end(arguments);
    assert_int_equal(rn_tensor_read(find(answers, name), RN_FLOAT64, &answer, sizeof answer), RN_OK);
    if (!(fabs(number - answer) <= tolerance * fmax(1, fabs(answer))))
        fail_msg("%s: %.9g instead of %.9g", name, number, answer);
}

static size_t count_answers(const rn_checkpoint *answers, const char *prefix)
{
    size_t count = 0;

    for (size_t i = 0; i < rn_checkpoint_count(answers); i++)
        count += strncmp(rn_checkpoint_name(answers, i), prefix, strlen(prefix)) == 0;
    return count;
}

/* Every answer under which/kind/ is compared; a parameter without one must have no gradient. */
static void expect_all(const rn_checkpoint *answers, rn_model *model, const char *which, const char *kind,
                       int gradients, double tolerance)
{
    const rn_parameters *parameters = rn_model_parameters(model);
    char name[NAME_SIZE];
    size_t compared = 0;

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *answer,
            *tensor = gradients ? rn_parameters_gradient(parameters, i) : rn_parameters_value(parameters, i);

        snprintf(name, sizeof name, "%s/%s/%s", which, kind, rn_parameters_name(parameters, i));
        answer = rn_checkpoint_find(answers, name);
        if (answer != NULL) {
            expect(answer, tensor, tolerance, name);
            compared++;
        } else if (gradients && tensor != NULL) {
            fail_msg("%s: there should be none", name);
        }
    }
    snprintf(name, sizeof name, "%s/%s/", which, kind);
    assert_int_equal(compared, count_answers(answers, name));
}

void oracle_expect_gradients(const rn_checkpoint *answers, rn_model *model, const char *which, double tolerance)
{
    expect_all(answers, model, which, "gradient", 1, tolerance);
}

void oracle_expect_buffers(const rn_checkpoint *answers, rn_model *model, const char *which, double tolerance)
{
    expect_all(answers, model, which, "after", 0, tolerance);
}
