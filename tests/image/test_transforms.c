/* SPDX-License-Identifier: MIT */
/* Every operation against torchvision's on Pillow pictures, for the same parameters (make_transforms.py). */
#include "image/augment.h"
#include "image/operations.h"
#include "image/pictures.h"

enum { LINES = 588 };

typedef struct line_of_file {
    char *operation, *name;
    double number[OPERATION_NUMBERS];
    int width, height;
    unsigned int crc;
} line_of_file;

static void parse(line_of_file *line, char *text)
{
    char *numbers, *answer, *end;

    *line = (line_of_file){ .operation = strtok(text, "\t"), .name = strtok(NULL, "\t") };
    numbers = strtok(NULL, "\t");
    answer = strtok(NULL, "");
    assert_non_null(answer);
    end = numbers;
    for (int i = 0; i < OPERATION_NUMBERS && *end != '\0'; i++)
        line->number[i] = strtod(end, &end);
    assert_int_equal(sscanf(answer, "%d\t%d\t%x", &line->width, &line->height, &line->crc), 3);
}

static void check(const line_of_file *line)
{
    rn_pixels pixels = load_picture(line->name);
    rn_status status;

    if (!do_operation(&pixels, line->operation, line->number, &status))
        fail_msg("there is no operation %s", line->operation);
    if (status != RN_OK)
        fail_msg("%s of %s: %s", line->operation, line->name, rn_status_string(status));
    if (pixels.width != line->width || pixels.height != line->height)
        fail_msg("%s(%g, %g, %g ...) of %s: %d x %d pixels", line->operation, line->number[0], line->number[1],
                 line->number[2], line->name, (int)pixels.width, (int)pixels.height);
    if (crc_of(pixels.rgb, (size_t)line->width * (size_t)line->height * 3) != line->crc)
        fail_msg("%s(%g, %g, %g ...) of %s: other pixels", line->operation, line->number[0], line->number[1],
                 line->number[2], line->name);
    rn_pixels_release(&pixels);
}

static void pixels_are_those_of_torchvision(void **state)
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/transforms.tsv"), "r");
    char text[1024];
    int count = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        line_of_file line;

        parse(&line, text);
        check(&line);
        count++;
    }
    fclose(file);
    assert_int_equal(count, LINES);
}

/* But for what torch's vectors round otherwise. */
static void strengths_are_those_of_torchvision(void **state)
{
    FILE *const file = fopen(rn_test_fixture("image/fixtures/strengths.tsv"), "r");
    int kind, bin, wide, height, width, is_signed, count = 0;
    double strength;

    (void)state;
    assert_non_null(file);
    while (fscanf(file, "%d %d %d %d %d %d %lf", &kind, &bin, &wide, &height, &width, &is_signed, &strength) == 7) {
        const rn_augmentation operation = (rn_augmentation)kind;
        const double ours = rn_augment_strength(operation, bin, wide != 0, height, width);

        if (fabs(ours - strength) > 1e-6 * fabs(strength))
            fail_msg("operation %d, strength %d: %.9g instead of %.9g", kind, bin, ours, strength);
        assert_int_equal(rn_augment_is_signed(operation), is_signed);
        count++;
    }
    fclose(file);
    assert_int_equal(count, 2 * 11 * RN_AUGMENT_STRENGTHS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_those_of_torchvision),
        cmocka_unit_test(strengths_are_those_of_torchvision),
    };

    return cmocka_run_group_tests_name("image/transforms", tests, NULL, NULL);
}
