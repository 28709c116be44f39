/* SPDX-License-Identifier: MIT */
/*
 * Reads lines "operation picture numbers" and answers each with width, height and CRC-32 of the RGB bytes, for
 * make_transforms.py to compare. A picture is decoded once for all lines in a row that name it.
 */
#include "image/image.h"
#include "image/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LINE = 4096 };

static int answer(rn_context *context, const rn_image *image, const char *operation, const double *number)
{
    rn_workbench bench = rn_workbench_make(context, context->allocator);
    rn_pixels pixels;
    rn_status status = rn_pixels_from_rows(&pixels, &bench, rn_image_width(image), rn_image_height(image),
                                           rn_image_pixels(image), 0, NULL);

    if (status == RN_OK && !do_operation(&pixels, operation, number, &status))
        return 0;
    if (status != RN_OK)
        printf("failed\n");
    else
        printf("%d %d %08lx\n", (int)pixels.width, (int)pixels.height,
               crc32(0, pixels.rgb, (uInt)((size_t)pixels.width * (size_t)pixels.height * 3)));
    rn_pixels_release(&pixels);
    return 1;
}

int main(void)
{
    static char line[LINE], last[LINE];
    rn_context *context = NULL;
    rn_image *image = NULL;
    int goes_on = rn_context_create(&context, NULL) == RN_OK;

    while (goes_on && fgets(line, sizeof line, stdin) != NULL) {
        char *operation = strtok(line, "\t"), *path = strtok(NULL, "\t"), *numbers = strtok(NULL, "\t");
        double number[OPERATION_NUMBERS] = { 0 };
        char *end = numbers;

        goes_on = operation != NULL && path != NULL && numbers != NULL;
        for (int i = 0; goes_on && i < OPERATION_NUMBERS && *end != '\0'; i++)
            number[i] = strtod(end, &end);
        if (goes_on && (image == NULL || strcmp(path, last) != 0)) {
            rn_image_destroy(image);
            goes_on = rn_image_read(&image, context, path, NULL) == RN_OK;
            snprintf(last, sizeof last, "%s", path);
        }
        goes_on = goes_on && answer(context, image, operation, number);
    }
    rn_image_destroy(image);
    rn_context_destroy(context);
    return goes_on ? 0 : 1;
}
