/* SPDX-License-Identifier: MIT */
#include "image/pictures.h"

#include <zlib.h>

const rn_workbench *plain_bench(void)
{
    static rn_workbench bench;

    bench = (rn_workbench){ .allocator = rn_default_allocator(),
                            .resample = &rn_resample_baseline,
                            .colour = &rn_colour_baseline };
    return &bench;
}

static void parse_line(expected_picture *e, const char *line)
{
    char numbers[128];
    const char *at = numbers;

    *e = (expected_picture){ 0 };
    if (sscanf(line, "%15[^\t]\t%39[^\t]\t%127[^\t]\t%d\t%d\t%x", e->operation, e->name, numbers, &e->width, &e->height,
               &e->crc) != 6)
        fail_msg("not understood: %s", line);
    while (numbers[0] != '-' || numbers[1] != '\0') {
        char *end;
        const double value = strtod(at, &end);

        if (end == at)
            break;
        assert_true(e->count < 4);
        e->number[e->count++] = value;
        at = end;
    }
}

void for_each_expected(const char *operation, int least, void (*check)(const expected_picture *expected))
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/expected.tsv"), "r");
    char line[512];
    int found = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        expected_picture e;

        parse_line(&e, line);
        if (strcmp(e.operation, operation) != 0)
            continue;
        check(&e);
        found++;
    }
    fclose(file);
    if (found < least)
        fail_msg("%d lines of '%s', at least %d were expected", found, operation, least);
}

void for_each_format(const char *ending, int least, void (*check)(const expected_picture *expected))
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/formats.tsv"), "r");
    char name[32];
    expected_picture e = { .operation = "decode" };
    int found = 0;

    assert_non_null(file);
    while (fscanf(file, "%31s", name) == 1) {
        const bool accepted = fscanf(file, "%d %d %x", &e.width, &e.height, &e.crc) == 3;

        if (!accepted) {
            e.width = 0;
            assert_int_equal(fscanf(file, "%*[^\n]"), 0);
        }
        if (strstr(name, ending) == NULL)
            continue;
        snprintf(e.name, sizeof e.name, "formats/%s", name);
        check(&e);
        found++;
    }
    fclose(file);
    if (found < least)
        fail_msg("%d pictures %s, at least %d were expected", found, ending, least);
}

/* One that Pillow refuses, or gives no picture of, is refused by its name. */
static void check_refused(const char *name)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file(name, &nbytes);
    rn_pixels pixels;
    rn_message message;

    if (decode_exactly(rn_pixels_decode, &pixels, bytes, nbytes, &message) != RN_FORMAT)
        fail_msg("%s was not refused", name);
    assert_non_null(strstr(message.text, "not read"));
    free(bytes);
}

/* Decodes one of the pictures as it should be. */
void check_format(const expected_picture *expected)
{
    rn_pixels pixels;

    if (expected->width == 0) {
        check_refused(expected->name);
        return;
    }
    pixels = load_picture(expected->name);
    require_picture(&pixels, expected);
    rn_pixels_release(&pixels);
}

uint8_t *read_whole(const char *path, size_t *nbytes)
{
    FILE *const file = fopen(path, "rb");
    uint8_t *bytes;
    long size;

    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    *nbytes = (size_t)size;
    return bytes;
}

uint8_t *read_picture_file(const char *name, size_t *nbytes)
{
    char path[128];

    snprintf(path, sizeof path, "image/fixtures/%s", name);
    return read_whole(rn_test_fixture(path), nbytes);
}

rn_pixels load_picture(const char *name)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file(name, &nbytes);
    rn_pixels pixels;
    rn_message message;

    if (rn_pixels_decode(&pixels, plain_bench(), bytes, nbytes, name, &message) != RN_OK)
        fail_msg("%s", message.text);
    free(bytes);
    return pixels;
}

rn_status decode_exactly(picture_decoder decoder, rn_pixels *pixels, const uint8_t *bytes, size_t nbytes,
                         rn_message *message)
{
    uint8_t *const exact = malloc(nbytes > 0 ? nbytes : 1);
    rn_status status;

    assert_non_null(exact);
    memcpy(exact, bytes, nbytes);
    status = decoder(pixels, plain_bench(), exact, nbytes, "file", message);
    free(exact);
    if (status != RN_OK) {
        assert_null(pixels->rgb);
        assert_non_null(strstr(message->text, "file: "));
    }
    return status;
}

void require_refused_when_cut(picture_decoder decoder, const char *name, size_t step)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file(name, &nbytes);

    for (size_t length = 0; length < nbytes; length += length < 200 || nbytes - length < 200 ? 1 : step) {
        rn_pixels pixels;
        rn_message message;

        if (decode_exactly(decoder, &pixels, bytes, length, &message) != RN_FORMAT)
            fail_msg("%s cut to %zu of %zu bytes was not refused", name, length, nbytes);
    }
    free(bytes);
}

void require_end_ignored(picture_decoder decoder, const char *name)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file(name, &nbytes), *const longer = calloc(1, nbytes + 100);
    rn_pixels a, b;
    rn_message message;

    assert_non_null(longer);
    memcpy(longer, bytes, nbytes);
    assert_int_equal(decode_exactly(decoder, &a, bytes, nbytes, &message), RN_OK);
    assert_int_equal(decode_exactly(decoder, &b, longer, nbytes + 100, &message), RN_OK);
    require_same_pixels(&a, &b);
    rn_pixels_release(&a);
    rn_pixels_release(&b);
    free(bytes);
    free(longer);
}

static size_t bytes_of(const rn_pixels *pixels)
{
    return (size_t)pixels->width * (size_t)pixels->height * 3;
}

rn_pixels copy_pixels(const rn_pixels *pixels)
{
    rn_pixels copy;

    assert_int_equal(rn_pixels_create(&copy, pixels->bench, pixels->width, pixels->height, NULL), RN_OK);
    memcpy(copy.rgb, pixels->rgb, bytes_of(pixels));
    return copy;
}

rn_pixels noise_picture(int32_t width, int32_t height, uint32_t seed)
{
    rn_pixels pixels;

    assert_int_equal(rn_pixels_create(&pixels, plain_bench(), width, height, NULL), RN_OK);
    for (size_t i = 0; i < bytes_of(&pixels); i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels.rgb[i] = (uint8_t)(seed >> 24);
    }
    return pixels;
}

uint32_t crc_of(const void *bytes, size_t nbytes)
{
    return (uint32_t)crc32(0, bytes, (uInt)nbytes);
}

void require_picture(const rn_pixels *pixels, const expected_picture *e)
{
    if (pixels->width != e->width || pixels->height != e->height)
        fail_msg("%s %s %g %g: %d x %d pixels instead of %d x %d", e->operation, e->name, e->number[0], e->number[1],
                 pixels->width, pixels->height, e->width, e->height);
    if (crc_of(pixels->rgb, bytes_of(pixels)) != e->crc)
        fail_msg("%s %s %g %g: other pixels than Pillow's", e->operation, e->name, e->number[0], e->number[1]);
}

void require_same_pixels(const rn_pixels *a, const rn_pixels *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_memory_equal(a->rgb, b->rgb, bytes_of(a));
}
