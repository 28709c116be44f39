/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry for the texts of pipelines: the canonical text of what is accepted parses to itself. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
    rn_context *const context = fuzz_context();
    char *const text = calloc(1, nbytes + 1);
    rn_pipeline *pipeline, *again;

    fuzz_require(text != NULL);
    if (nbytes > 0)
        memcpy(text, bytes, nbytes);
    if (rn_pipeline_create(&pipeline, context, text) == RN_OK) {
        fuzz_require(rn_pipeline_create(&again, context, rn_pipeline_text(pipeline)) == RN_OK);
        fuzz_require(strcmp(rn_pipeline_text(pipeline), rn_pipeline_text(again)) == 0);
        fuzz_require(rn_pipeline_is_random(pipeline) == rn_pipeline_is_random(again));
        rn_pipeline_destroy(again);
        rn_pipeline_destroy(pipeline);
    }
    free(text);
    rn_context_destroy(context);
    return 0;
}
