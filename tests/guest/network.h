/* SPDX-License-Identifier: MIT */
/* One forward of a small network, through a table of functions, so that a host that loads the library by hand can run
 * it, too. */
#ifndef RN_TESTS_GUEST_NETWORK_H
#define RN_TESTS_GUEST_NETWORK_H

#include <resnet/resnet.h>

#define GUEST_CALLS(X) \
    X(rn_context_create) \
    X(rn_context_destroy) \
    X(rn_model_create) X(rn_model_destroy) X(rn_session_create) X(rn_session_destroy) X(rn_session_forward) \
        X(rn_session_output) X(rn_tensor_create) X(rn_tensor_destroy) X(rn_tensor_fill) X(rn_tensor_read)

#define GUEST_FIELD(name) __typeof__(&name) name;

typedef struct guest_calls {
    GUEST_CALLS(GUEST_FIELD)
} guest_calls;

enum { GUEST_BATCH = 4, GUEST_LOGITS = GUEST_BATCH * 10 };

/* A forward in `context`; 0 if everything went well. */
static inline int guest_forward(float logits[GUEST_LOGITS], rn_context *context, const guest_calls *call)
{
    static const int64_t shape[4] = { GUEST_BATCH, 3, 32, 32 };
    rn_model *model = NULL;
    rn_session *session = NULL;
    rn_tensor *images = NULL;
    const rn_tensor *output = NULL;
    const int failed = call->rn_model_create(&model, context, "cifar_resnet20", NULL) != RN_OK ||
                       call->rn_session_create(&session, context, model, NULL) != RN_OK ||
                       call->rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR) != RN_OK ||
                       call->rn_tensor_fill(images, 0.5) != RN_OK ||
                       call->rn_session_forward(session, images) != RN_OK ||
                       call->rn_session_output(&output, session, 0) != RN_OK ||
                       call->rn_tensor_read(output, RN_FLOAT32, logits, GUEST_LOGITS * sizeof *logits) != RN_OK;

    call->rn_tensor_destroy(images);
    call->rn_session_destroy(session);
    call->rn_model_destroy(model);
    return failed;
}

#endif
