/* SPDX-License-Identifier: MIT */
/*
 * Files of PyTorch: what is in one, and handing weights over in both directions.
 *
 *   04_read_pytorch_file FILE     lists the tensors of any .pth, .pt or .safetensors
 *   04_read_pytorch_file          writes a network as .pth, reads it back, and compares
 */
#include "common/text.h"

#include <resnet/resnet.h>
#include <stdio.h>
#include <string.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

static rn_status list_tensors(rn_context *context, const char *path)
{
    rn_checkpoint *file = NULL;
    rn_status status = rn_checkpoint_open(&file, context, path,
                                          NULL); /* the container is told by content; nothing in it is executed */

    for (size_t i = 0; status == RN_OK && i < rn_checkpoint_count(file); i++) {
        const rn_tensor *tensor = rn_checkpoint_tensor(file, i);
        char shape[RN_MAX_RANK * 24] = "";

        for (int32_t d = 0; d < rn_tensor_rank(tensor); d++)
            snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%lld", d > 0 ? ", " : "",
                     (long long)rn_tensor_shape(tensor)[d]);
        /* A name is whatever somebody put into the file: text_line keeps control characters off the terminal. */
        text_line(stdout, "%-36s %-8s (%s)", rn_checkpoint_name(file, i), rn_dtype_name(rn_tensor_dtype(tensor)),
                  shape);
    }
    rn_checkpoint_destroy(file);
    return status;
}

/* A state dict that torch.load(weights_only=True) reads: names and shapes are torchvision's already. */
static rn_status save_for_pytorch(rn_context *context, rn_model *model, const char *path)
{
    const rn_parameters *parameters = rn_model_parameters(model);
    rn_checkpoint *file = NULL;
    rn_status status;

    TRY(rn_checkpoint_create(&file, context));
    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        TRY(rn_checkpoint_add(file, rn_parameters_name(parameters, i), rn_parameters_value(parameters, i)));
    status = rn_checkpoint_save(file, path, RN_FORMAT_TORCH, NULL);
out:
    rn_checkpoint_destroy(file);
    return status;
}

/* The number of parameters and buffers in which two networks of one kind differ. */
static int count_different(rn_model *a, rn_model *b)
{
    const rn_parameters *first = rn_model_parameters(a), *second = rn_model_parameters(b);
    int different = 0;

    for (size_t i = 0; i < rn_parameters_count(first); i++) {
        const rn_tensor *x = rn_parameters_value(first, i), *y = rn_parameters_value(second, i);
        const size_t nbytes = (size_t)rn_tensor_count(x) * rn_dtype_size(rn_tensor_dtype(x));

        different += memcmp(rn_tensor_const_data(x), rn_tensor_const_data(y), nbytes) != 0;
    }
    return different;
}

int main(int argc, char **argv)
{
    const char *path = "04_read_pytorch_file.pth";
    rn_context *context = NULL;
    rn_model *written = NULL, *read = NULL;
    int before = 1, after = 0;
    rn_status status;

    TRY(rn_context_create(&context, NULL));
    if (argc > 1) {
        status = list_tensors(context, argv[1]);
        goto out;
    }
    TRY(rn_model_create(&written, context, "cifar_resnet20", RN_OPTIONS(rn_model, .seed = 1)));
    TRY(rn_model_create(&read, context, "cifar_resnet20", RN_OPTIONS(rn_model, .seed = 2)));
    TRY(save_for_pytorch(context, written, path));
    TRY(list_tensors(context, path));
    before = count_different(written, read);
    TRY(rn_model_load(read, path, NULL));
    after = count_different(written, read);
    printf("%d tensors differed before loading, %d after\n", before, after);
out:
    if (status != RN_OK)
        fprintf(stderr, "%s: %s\n", rn_status_string(status), rn_context_message(context));
    rn_model_destroy(read);
    rn_model_destroy(written);
    rn_context_destroy(context);
    if (fflush(stdout) != 0) {
        perror("standard output");
        return 1;
    }
    return status != RN_OK || before == 0 || after != 0;
}
