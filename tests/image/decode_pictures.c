/* SPDX-License-Identifier: MIT */
/* Reads paths, one a line, and answers each with width, height and CRC-32 of the RGB bytes, or dashes if it is refused
 * (with why on the standard error), for make_formats.py to compare. */
#include <resnet/resnet.h>

#include <stdio.h>
#include <string.h>
#include <zlib.h>

int main(void)
{
    static char path[4096];
    rn_context *context = NULL;

    if (rn_context_create(&context, NULL) != RN_OK)
        return 1;
    while (fgets(path, sizeof path, stdin) != NULL) {
        rn_image *image;

        path[strcspn(path, "\n")] = '\0';
        if (rn_image_read(&image, context, path, NULL) == RN_OK) {
            const int32_t width = rn_image_width(image), height = rn_image_height(image);

            printf("%d\t%d\t%08lx\n", (int)width, (int)height,
                   crc32(0, rn_image_pixels(image), (uInt)((size_t)width * (size_t)height * 3)));
        } else {
            fprintf(stderr, "%s\n", rn_context_message(context));
            printf("-\t-\t-\n");
        }
        rn_image_destroy(image);
    }
    rn_context_destroy(context);
    return 0;
}
