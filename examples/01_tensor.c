/* SPDX-License-Identifier: MIT */
/* Tensors: shapes are PyTorch's, the order in memory is told by strides alone. */
#include <resnet/resnet.h>
#include <stdio.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

static void print_shape(const char *what, const rn_tensor *tensor)
{
    printf("%-14s %s (", what, rn_dtype_name(rn_tensor_dtype(tensor)));
    for (int32_t i = 0; i < rn_tensor_rank(tensor); i++)
        printf("%s%lld", i > 0 ? ", " : "", (long long)rn_tensor_shape(tensor)[i]);
    printf(") strides (");
    for (int32_t i = 0; i < rn_tensor_rank(tensor); i++)
        printf("%s%lld", i > 0 ? ", " : "", (long long)rn_tensor_strides(tensor)[i]);
    printf(")\n");
}

int main(void)
{
    const int64_t shape[] = { 1, 3, 2, 4 }, third[] = { 0, 2, 1, 3 };
    float numbers[24], back[24];
    rn_context *context = NULL;
    rn_tensor *image = NULL, *wrapped = NULL, *green = NULL, *half = NULL;
    double value = 0;
    int right = 0;
    rn_status status;

    for (int i = 0; i < 24; i++)
        numbers[i] = (float)i;

    TRY(rn_context_create(&context, NULL));

    /* An image of 3 channels, 2 rows, 4 columns, channels last in memory; numbers come in the order of the shape. */
    TRY(rn_tensor_create(&image, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    TRY(rn_tensor_write(image, RN_FLOAT32, numbers, sizeof numbers));
    print_shape("image", image);

    /* The same numbers where they already lie: nothing is copied. */
    TRY(rn_tensor_wrap(&wrapped, context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR, numbers, sizeof numbers));
    print_shape("wrapped", wrapped);

    /* A window onto channel 1; writing through it changes the image. */
    TRY(rn_tensor_view(&green, image, 1, 1, 1));
    print_shape("green channel", green);
    TRY(rn_tensor_fill(green, -1));

    /* A copy in another type. */
    TRY(rn_tensor_convert(&half, image, RN_FLOAT16, RN_ROW_MAJOR));
    print_shape("half", half);
    TRY(rn_tensor_get(half, third, &value));
    TRY(rn_tensor_read(image, RN_FLOAT32, back, sizeof back));
    printf("element (0, 2, 1, 3) is %g; the channels' first elements are %g, %g, %g\n", value, back[0], back[8],
           back[16]);
    right = value == 23 && back[0] == 0 && back[8] == -1 && back[16] == 16;
out:
    if (status != RN_OK)
        fprintf(stderr, "%s: %s\n", rn_status_string(status), rn_context_message(context));
    rn_tensor_destroy(half);
    rn_tensor_destroy(green);
    rn_tensor_destroy(wrapped);
    rn_tensor_destroy(image);
    rn_context_destroy(context);
    if (fflush(stdout) != 0) {
        perror("standard output");
        return 1;
    }
    return status != RN_OK || !right;
}
