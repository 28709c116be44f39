/* SPDX-License-Identifier: MIT */
/*
 * Photos a second on one thread, from files to tensors: bench_photos PIPELINE ROUNDS PHOTO... prints the median of the
 * rounds. torch_photos.py does the same with torchvision.
 */
#define _POSIX_C_SOURCE 200809L
#include <resnet/resnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_ROUNDS = 100 };

static double clock_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static rn_status prepare(rn_context *context, const rn_pipeline *pipeline, const char *path, uint64_t sample)
{
    const rn_draw draw = { 1, 1, sample };
    rn_image *image = NULL;
    rn_tensor *tensor = NULL;
    rn_status status = rn_image_read(&image, context, path, NULL);

    if (status == RN_OK)
        status = rn_pipeline_apply(&tensor, context, pipeline, image, &draw);
    rn_tensor_destroy(tensor);
    rn_image_destroy(image);
    return status;
}

int main(int argc, char **argv)
{
    const int rounds = argc > 3 ? atoi(argv[2]) : 0;
    double rate[MOST_ROUNDS];
    rn_context *context = NULL;
    rn_pipeline *pipeline = NULL;
    rn_status status = RN_OK;

    if (rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: bench_photos PIPELINE ROUNDS PHOTO...\n");
        return 2;
    }
    status = rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1));
    if (status == RN_OK)
        status = rn_pipeline_create(&pipeline, context, argv[1]);
    for (int round = 0; round < rounds && status == RN_OK; round++) {
        const double begun = clock_seconds();

        for (int i = 3; i < argc && status == RN_OK; i++)
            status = prepare(context, pipeline, argv[i], (uint64_t)i);
        rate[round] = (argc - 3) / (clock_seconds() - begun);
    }
    if (status == RN_OK) {
        qsort(rate, (size_t)rounds, sizeof rate[0], compare);
        printf("%.1f photos/s\n", rate[rounds / 2]);
    } else {
        fprintf(stderr, "bench_photos: %s\n", rn_context_message(context));
    }
    rn_pipeline_destroy(pipeline);
    rn_context_destroy(context);
    return status == RN_OK ? 0 : 1;
}
