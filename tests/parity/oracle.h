/* SPDX-License-Identifier: MIT */
/*
 * The side of make_fixtures.py that C has to know: the same numbers from the same names, and comparing with the
 * answers.
 */
#ifndef RN_TESTS_PARITY_ORACLE_H
#define RN_TESTS_PARITY_ORACLE_H

#include "support/support.h"

/* Uniform in offset + scale * [-1, 1), bit for bit what the script's numbers() gives for the name. */
void oracle_numbers(float *values, size_t count, const char *name, float scale, float offset, uint32_t salt);
rn_tensor *oracle_tensor(rn_context *context, const char *name, int32_t rank, const int64_t *shape, float scale,
                         float offset, uint32_t salt);
rn_tensor *oracle_labels(rn_context *context, const char *name, int64_t count, int64_t classes, uint32_t salt);
/* Sets every parameter and buffer of the model to what the script's parameter() gives for its name. */
void oracle_fill_parameters(rn_context *context, rn_model *model, uint32_t salt);

/* The losses of all outputs that count, together, with their gradients in place. */
double oracle_loss(rn_context *context, rn_session *session, const rn_model *model, const rn_tensor *labels);

/* The answers: tests/parity/fixtures/NAME.safetensors. */
rn_checkpoint *oracle_open(rn_context *context, const char *name);
uint32_t oracle_salt(const rn_checkpoint *answers, const char *network);

/* Fails the test unless the tensor has the shape of the answer and is within tolerance * largest |answer|. */
void oracle_expect(const rn_checkpoint *answers, const rn_tensor *tensor, double tolerance, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a loss. */
void oracle_expect_number(const rn_checkpoint *answers, double number, double tolerance, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * After backward: every gradient under case/gradient/, and every buffer under case/after/, and that there are as many
 * answers as gradients.
 */
void oracle_expect_gradients(const rn_checkpoint *answers, rn_model *model, const char *which, double tolerance);
void oracle_expect_buffers(const rn_checkpoint *answers, rn_model *model, const char *which, double tolerance);

#endif
