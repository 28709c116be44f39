/* SPDX-License-Identifier: MIT */
/* One sample: its floats, failures that name the file, and memory that is used again. */
#include "data/folders.h"
#include "data/sample.h"

enum { HEIGHT = 4, WIDTH = 5, FLOATS = HEIGHT * WIDTH * 3 };

typedef struct bench {
    rn_context *context;
    rn_pipeline *pipeline;
    rn_decoder decoder;
    float floats[FLOATS + 1];
    rn_message message;
} bench;

static void begin(bench *b, const char *text)
{
    *b = (bench){ .context = rn_test_context(1, RN_ISA_AUTO) };
    b->pipeline = make_pipeline(b->context, text);
    rn_decoder_begin(&b->decoder, b->context);
    for (int i = 0; i <= FLOATS; i++)
        b->floats[i] = -7;
}

static void end(bench *b)
{
    rn_decoder_end(&b->decoder);
    rn_pipeline_destroy(b->pipeline);
    rn_context_destroy(b->context);
}

static rn_status load(bench *b, const char *path)
{
    const rn_sample_source source = {
        .name = path, .pipeline = b->pipeline, .draw = { 1, 2, 3 }, .height = HEIGHT, .width = WIDTH
    };

    return rn_sample_load(b->floats, &b->decoder, &source, &b->message);
}

static void a_photo_becomes_floats(void **state)
{
    const char *const root = rn_test_directory();
    bench b;

    (void)state;
    begin(&b, "CenterCrop(4, 5), ToTensor()");
    write_photo(root, "x.bmp", 9, 8, 50);
    assert_int_equal(load(&b, rn_test_path(root, "x.bmp")), RN_OK);
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        assert_true(b.floats[3 * i] == 50.0f / 255);
        assert_true(b.floats[3 * i + 1] == 100.0f / 255);
        assert_true(b.floats[3 * i + 2] == 205.0f / 255);
    }
    assert_true(b.floats[FLOATS] == -7);
    end(&b);
}

static void require_failure(bench *b, const char *path, rn_status expected)
{
    const rn_status status = load(b, path);

    if (status != expected)
        fail_msg("%s: %s, not %s", path, rn_status_string(status), rn_status_string(expected));
    assert_non_null(strstr(b->message.text, path));
    for (int i = 0; i < FLOATS; i++)
        assert_true(b->floats[i] == -7);                     /* no half of a sample */
    assert_string_equal(rn_context_message(b->context), ""); /* other threads may use it */
}

static void failures_name_the_file(void **state)
{
    const char *const root = rn_test_directory();
    bench b;

    (void)state;
    begin(&b, "ToTensor()");
    write_photo(root, "large.bmp", 9, 8, 50);
    write_text(root, "text.jpg", "no photo");
    require_failure(&b, rn_test_path(root, "absent.jpg"), RN_IO);
    require_failure(&b, rn_test_path(root, "text.jpg"), RN_FORMAT);
    require_failure(&b, rn_test_path(root, "large.bmp"), RN_SHAPE);
    end(&b);
    begin(&b, "Resize(16384), ToTensor()");
    write_photo(root, "narrow.bmp", 20000, 1, 50);
    require_failure(&b, rn_test_path(root, "narrow.bmp"), RN_UNSUPPORTED);
    end(&b);
}

static void memory_is_used_again(void **state)
{
    const char *const root = rn_test_directory();
    bench b;
    size_t before = 0;

    (void)state;
    begin(&b, "Resize(7), RandomRotation(30), CenterCrop(4, 5), RandomVerticalFlip(), ColorJitter(0.1), ToTensor()");
    write_photo(root, "x.bmp", 40, 30, 50);
    write_photo(root, "y.bmp", 20, 50, 60);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(load(&b, rn_test_path(root, i % 2 == 0 ? "x.bmp" : "y.bmp")), RN_OK);
        if (i == 3)
            before = b.decoder.cache.allocations;
    }
    assert_int_equal(b.decoder.cache.allocations, before);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_photo_becomes_floats),
        cmocka_unit_test(failures_name_the_file),
        cmocka_unit_test(memory_is_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
