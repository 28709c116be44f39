/* SPDX-License-Identifier: MIT */
#include "run/cut.h"

rn_session *cut_whole(rn_context *context, rn_model *model, const char *features, rn_mode mode)
{
    const char *const names[] = { "logits", features };
    rn_session *made = NULL;

    require_ok(context,
               rn_session_create(&made, context, model,
                                 RN_OPTIONS(rn_session, .outputs = names, .output_count = 2, .mode = mode, .seed = 5)));
    return made;
}

rn_session *cut_behind(rn_context *context, rn_model *model, const char *input, rn_mode mode)
{
    static const char *const logits = "logits";
    rn_session *made = NULL;

    require_ok(context, rn_session_create(&made, context, model,
                                          RN_OPTIONS(rn_session, .outputs = &logits, .output_count = 1, .input = input,
                                                     .mode = mode, .input_gradient = mode == RN_TRAIN, .seed = 5)));
    return made;
}

rn_tensor *cut_kept(rn_context *context, rn_session *session, size_t index)
{
    const rn_tensor *output = NULL;
    rn_tensor *copy = NULL;

    require_ok(context, rn_session_output(&output, session, index));
    require_ok(context, rn_tensor_convert(&copy, output, RN_FLOAT32, RN_ROW_MAJOR));
    return copy;
}

rn_tensor *cut_features(rn_context *context, rn_model *model, const char *name, const rn_tensor *images)
{
    rn_session *const session = cut_whole(context, model, name, RN_INFER);
    rn_tensor *features;

    require_ok(context, rn_session_forward(session, images));
    features = cut_kept(context, session, 1);
    rn_session_destroy(session);
    return features;
}

float *cut_numbers(rn_context *context, const rn_tensor *tensor)
{
    const size_t nbytes = (size_t)rn_tensor_count(tensor) * sizeof(float);
    float *const numbers = malloc(nbytes);

    require_ok(context, rn_tensor_read(tensor, RN_FLOAT32, numbers, nbytes));
    return numbers;
}

void cut_require_same_bits(rn_context *context, const rn_tensor *a, const rn_tensor *b)
{
    float *const x = cut_numbers(context, a), *const y = cut_numbers(context, b);

    assert_int_equal(rn_tensor_count(a), rn_tensor_count(b));
    assert_memory_equal(x, y, (size_t)rn_tensor_count(a) * sizeof *x);
    free(x);
    free(y);
}
