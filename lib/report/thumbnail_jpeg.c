/* SPDX-License-Identifier: MIT */
/* JPEG by libjpeg-turbo. Its errors, of which only a lack of memory is possible here, come back by longjmp and end
 * here. */
#include "report/thumbnail.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

const char rn_thumbnail_type[] = "image/jpeg";

enum { QUALITY = 80 };

typedef struct encoder {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    unsigned char *file;
    unsigned long nbytes;
} encoder;

static void fail_encoding(j_common_ptr jpeg)
{
    longjmp(((encoder *)jpeg->client_data)->failed, 1);
}

static void be_silent(j_common_ptr jpeg)
{
    (void)jpeg;
}

/* setjmp has a function of its own, so that no variable of its frame changes before the longjmp. */
static int encode(encoder *e, const uint8_t *rgb)
{
    if (setjmp(e->failed) != 0)
        return 0;
    jpeg_create_compress(&e->jpeg);
    jpeg_mem_dest(&e->jpeg, &e->file, &e->nbytes);
    e->jpeg.image_width = e->jpeg.image_height = RN_THUMBNAIL_SIDE;
    e->jpeg.input_components = 3;
    e->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->jpeg);
    jpeg_set_quality(&e->jpeg, QUALITY, TRUE);
    e->jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&e->jpeg, TRUE);
    while (e->jpeg.next_scanline < e->jpeg.image_height) {
        uint8_t line[RN_THUMBNAIL_SIDE * 3];
        JSAMPROW row = line;

        memcpy(line, rgb + e->jpeg.next_scanline * sizeof line, sizeof line); /* libjpeg's rows are not const */
        jpeg_write_scanlines(&e->jpeg, &row, 1);
    }
    jpeg_finish_compress(&e->jpeg);
    return 1;
}

size_t rn_thumbnail_write(uint8_t *file, const uint8_t *rgb)
{
    encoder e = { .file = NULL };
    size_t nbytes = 0;

    e.jpeg.err = jpeg_std_error(&e.errors);
    e.errors.error_exit = fail_encoding;
    e.errors.output_message = be_silent;
    e.jpeg.client_data = &e;
    if (encode(&e, rgb) && e.nbytes <= RN_THUMBNAIL_BYTES) {
        nbytes = e.nbytes;
        memcpy(file, e.file, nbytes);
    }
    jpeg_destroy_compress(&e.jpeg);
    free(e.file);
    return nbytes;
}
