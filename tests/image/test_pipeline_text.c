/* SPDX-License-Identifier: MIT */
/* The text of a pipeline: what is understood, what is refused and why, and that printing and parsing are inverse. */
#include "image/pipeline.h"
#include "support/one_context.h"

#include <inttypes.h>

static void require_text(const char *text, const char *canonical)
{
    rn_pipeline *pipeline, *again;

    require_ok(context, rn_pipeline_create(&pipeline, context, text));
    assert_string_equal(rn_pipeline_text(pipeline), canonical);
    require_ok(context, rn_pipeline_create(&again, context, canonical));
    assert_string_equal(rn_pipeline_text(again), canonical);
    assert_int_equal(again->count, pipeline->count);
    assert_memory_equal(again->step, pipeline->step, sizeof *again->step * (size_t)again->count);
    rn_pipeline_destroy(again);
    rn_pipeline_destroy(pipeline);
}

static void text_is_printed_in_one_form(void **state)
{
    (void)state;
    require_text("ToTensor()", "ToTensor()");
    require_text("  Resize ( 256 ),CenterCrop(224,\n224) , ToTensor( ) ",
                 "Resize(256), CenterCrop(224, 224), ToTensor()");
    require_text("ToTensor(), Normalize(0.485,0.456,0.406,0.229,0.224,0.225)",
                 "ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)");
    require_text(
        "Resize(256), RandomRotation(45), CenterCrop(224), RandomHorizontalFlip(0.5), RandomVerticalFlip(.5), "
        "ColorJitter(0.2 0.1 0.1 0.10), RandomGrayscale(0.025), ToTensor()",
        "Resize(256), RandomRotation(45), CenterCrop(224), RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5), "
        "ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(0.025), ToTensor()");
    require_text("ToTensor(), Normalize(-0 -1.5 00.5, 1000000 0.00000000000001 123456.789012345)",
                 "ToTensor(), Normalize(0 -1.5 0.5, 1000000 0.00000000000001 123456.789012345)");
    require_text("ToTensor(), Normalize(-.123456789012345 0 000000000000000007, .666666444444662 .000000000000001 1)",
                 "ToTensor(), Normalize(-0.123456789012345 0 7, 0.666666444444662 0.000000000000001 1)");
}

static void numbers_left_out_are_torchvisions(void **state)
{
    (void)state;
    require_text(
        "RandomPerspective(), RandomInvert(), RandomPosterize(3), RandomSolarize(100), RandomAdjustSharpness(2), "
        "RandomAutocontrast(), RandomEqualize(), TrivialAugmentWide(), RandAugment(), ToTensor(), RandomErasing()",
        "RandomPerspective(0.5, 0.5), RandomInvert(0.5), RandomPosterize(3, 0.5), RandomSolarize(100, 0.5), "
        "RandomAdjustSharpness(2, 0.5), RandomAutocontrast(0.5), RandomEqualize(0.5), TrivialAugmentWide(), "
        "RandAugment(2, 9), ToTensor(), RandomErasing(0.5)");
    require_text("RandomHorizontalFlip(), RandomVerticalFlip(), RandomGrayscale(), ToTensor()",
                 "RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5), RandomGrayscale(0.1), ToTensor()");
    require_text("ColorJitter(0.4, 0.3), ToTensor()", "ColorJitter(0.4, 0.3, 0, 0), ToTensor()");
    require_text("ColorJitter(), ToTensor()", "ColorJitter(0, 0, 0, 0), ToTensor()");
}

/* Words stand behind the numbers, in the text in one order, and only where they say something. */
static void words_are_printed_in_one_form(void **state)
{
    (void)state;
    require_text("Resize(256, bicubic), ToTensor()", "Resize(256, bicubic), ToTensor()");
    require_text("Resize(256 bilinear), ToTensor()", "Resize(256), ToTensor()");
    require_text("Resize(256, max_size=300, lanczos), ToTensor()", "Resize(256, lanczos, max_size 300), ToTensor()");
    require_text("Resize(256, draft, max_size 300), ToTensor()", "Resize(256, max_size 300, draft), ToTensor()");
    require_text("ExifTranspose(), Resize(25, 30, draft), Resize(5), ToTensor()",
                 "ExifTranspose(), Resize(25, 30, draft), Resize(5), ToTensor()");
    require_text("RandomCrop(32, padding=4), ToTensor()", "RandomCrop(32, padding 4), ToTensor()");
    require_text("RandomCrop(32, 16, fill 1 2 3 pad_if_needed), ToTensor()",
                 "RandomCrop(32, 16, pad_if_needed, fill 1 2 3), ToTensor()");
    require_text("RandomResizedCrop(224, ratio=0.75, 1.33333333333333 scale=.08,1), ToTensor()",
                 "RandomResizedCrop(224), ToTensor()");
    require_text("RandomResizedCrop(224, scale 0.5 1, nearest), ToTensor()",
                 "RandomResizedCrop(224, scale 0.5 1, nearest), ToTensor()");
    require_text("Pad(1, 2, 3, 4, fill 9 9 9), Grayscale(), ToTensor()",
                 "Pad(1, 2, 3, 4, fill 9 9 9), Grayscale(), ToTensor()");
    require_text("RandomRotation(-10, 20, bilinear, expand), ToTensor()",
                 "RandomRotation(-10, 20, bilinear, expand), ToTensor()");
    require_text("RandomAffine(15, shear -5 5 0 0 translate 0.1 0.2, scale 0.8 1.2), ToTensor()",
                 "RandomAffine(15, translate 0.1 0.2, scale 0.8 1.2, shear -5 5 0 0), ToTensor()");
    require_text("RandomPerspective(0.3, 1, nearest, fill 7 8 9), ToTensor()",
                 "RandomPerspective(0.3, 1, nearest, fill 7 8 9), ToTensor()");
    require_text("ToTensor(), RandomErasing(0.25, value 1 -1 0.5, scale 0.1 0.2)",
                 "ToTensor(), RandomErasing(0.25, scale 0.1 0.2, value 1 -1 0.5)");
}

static void modes_and_centres_are_words(void **state)
{
    (void)state;
    require_text("RandomCrop(32, padding=4, padding_mode='reflect'), Pad(3, padding_mode=\"edge\"), ToTensor()",
                 "RandomCrop(32, padding 4, reflect), Pad(3, edge), ToTensor()");
    require_text("RandomCrop(32, symmetric, padding 4), Pad(1, 2, padding_mode constant), ToTensor()",
                 "RandomCrop(32, padding 4, symmetric), Pad(1, 2), ToTensor()");
    require_text("GaussianBlur(3, sigma=1.5), GaussianBlur(5, sigma=(.5)), ToTensor()",
                 "GaussianBlur(3, sigma 1.5 1.5), GaussianBlur(5, sigma 0.5 0.5), ToTensor()");
    require_text("GaussianBlur(kernel_size=(5, 9), sigma=(0.1, 5.)), GaussianBlur(3), GaussianBlur(3, sigma 1 1), "
                 "ToTensor()",
                 "GaussianBlur(5, 9, sigma 0.1 5), GaussianBlur(3), GaussianBlur(3, sigma 1 1), ToTensor()");
    require_text("RandomRotation(10, center=(0, 12.5)), RandomRotation(10, center -3 4, expand), ToTensor()",
                 "RandomRotation(10, center 0 12.5), RandomRotation(10, expand, center -3 4), ToTensor()");
    require_text("ToTensor(), RandomErasing(p=0.25, value='random')", "ToTensor(), RandomErasing(0.25, random)");
    require_text("ToTensor(), RandomErasing(0.25, value random, scale 0.1 0.2)",
                 "ToTensor(), RandomErasing(0.25, scale 0.1 0.2, random)");
}

/* A list out of a program of torchvision's. */
static void what_python_writes_is_understood(void **state)
{
    (void)state;
    require_text("transforms.Resize(256), transforms.CenterCrop((224, 200)), torchvision.transforms.ToTensor(), "
                 "transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])",
                 "Resize(256), CenterCrop(224, 200), ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)");
    require_text("T.RandomResizedCrop(size=(224, 224,), scale=(0.2, 1.0), ratio=[0.5, 2], interpolation=bicubic), "
                 "T.RandomRotation(degrees=[-45.0, 45.0], interpolation=nearest), T.RandomHorizontalFlip(p=0.25), "
                 "T.ToTensor(), T.Normalize(mean=[0.5, 0.5, 0.5], std=(0.25, 0.25, 0.25))",
                 "RandomResizedCrop(224, 224, scale 0.2 1, ratio 0.5 2, bicubic), RandomRotation(-45, 45), "
                 "RandomHorizontalFlip(0.25), ToTensor(), Normalize(0.5 0.5 0.5, 0.25 0.25 0.25)");
    require_text("RandomCrop(32, padding=(4)), Pad([1, 2], fill=(1, 2, 3)), ToTensor()",
                 "RandomCrop(32, padding 4), Pad(1, 2, fill 1 2 3), ToTensor()");
}

/* Every value of up to three decimals is the double that a C compiler makes of it, and prints back. */
static void numbers_are_exact(void **state)
{
    (void)state;
    for (int i = 0; i < 180000; i += 37) {
        char text[64], number[32];
        rn_pipeline *pipeline;

        snprintf(number, sizeof number, "%d.%03d", i / 1000, i % 1000);
        snprintf(text, sizeof text, "RandomRotation(%s), ToTensor()", number);
        require_ok(context, rn_pipeline_create(&pipeline, context, text));
        assert_true(pipeline->step[0].number[0] == strtod(number, NULL));
        assert_true(strtod(rn_pipeline_text(pipeline) + strlen("RandomRotation("), NULL) == strtod(number, NULL));
        rn_pipeline_destroy(pipeline);
    }
}

/* Up to 15 digits with the point anywhere among or in front of them: the text of what is read is read, as the same. */
static void long_numbers_print_as_what_is_read(void **state)
{
    const uint64_t most = UINT64_C(999999999999999);
    uint64_t random = 1;

    (void)state;
    for (int round = 0; round < 4000; round++) {
        const int decimals = round % 16;
        char number[40], text[96];
        uint64_t mantissa, power = 1;
        rn_pipeline *pipeline, *again;

        for (int i = 0; i < decimals; i++)
            power *= 10;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        mantissa = 1 + (random >> 8) % (power * 1000000 < most ? power * 1000000 - 1 : most);
        if (decimals == 0)
            snprintf(number, sizeof number, "%" PRIu64, mantissa);
        else
            snprintf(number, sizeof number, "%" PRIu64 ".%0*" PRIu64, mantissa / power, decimals, mantissa % power);
        snprintf(text, sizeof text, "ToTensor(), Normalize(0 0 0, %s 1 1)", number);
        require_ok(context, rn_pipeline_create(&pipeline, context, text));
        assert_true(pipeline->step[1].number[3] == strtod(number, NULL));
        require_ok(context, rn_pipeline_create(&again, context, rn_pipeline_text(pipeline)));
        assert_true(again->step[1].number[3] == pipeline->step[1].number[3]);
        rn_pipeline_destroy(again);
        rn_pipeline_destroy(pipeline);
    }
}

typedef struct refusal {
    const char *text, *reason; /* reason: part of the message */
} refusal;

static void refusals_say_which_step_and_why(void **state)
{
    static const refusal refusals[] = {
        { "", "no step ''" },
        { "Resize(256)", "ToTensor stands once" },
        { "ToTensor(), ToTensor()", "ToTensor stands once" },
        { "ToTensor(), Resize(8)", "Resize behind ToTensor" },
        { "Normalize(0 0 0, 1 1 1), ToTensor()", "Normalize stands once, behind ToTensor" },
        { "ToTensor(), Normalize(0 0 0, 1 1 1), Normalize(0 0 0, 1 1 1)", "Normalize stands once" },
        { "ToTensor(), Normalize(0 0 0, 1 1)", "Normalize takes 6 numbers, not 5" },
        { "ToTensor(), Normalize(0 0 0, 1 0 1)", "deviations are positive" },
        { "ToTensor(), Normalize(0 0 0, 1 -1 1)", "deviations are positive" },
        { "Shrink(3), ToTensor()", "no step 'Shrink'" },
        { "resize(3), ToTensor()", "no step 'resize'" },
        { "Resize(0), ToTensor()", "Resize: 0 is not possible" },
        { "Resize(-3), ToTensor()", "Resize: -3 is not possible" },
        { "Resize(2.5), ToTensor()", "Resize: 2.5 is not possible" },
        { "Resize(20000), ToTensor()", "not possible" },
        { "Resize(), ToTensor()", "Resize takes 1 to 2 numbers, not 0" },
        { "Resize(1, 2, 3), ToTensor()", "Resize takes 1 to 2 numbers, not 3" },
        { "Resize(1,), ToTensor()", "Resize: a number" },
        { "Resize(,1), ToTensor()", "Resize: a number" },
        { "Resize(1 2 3 4 5 6 7), ToTensor()", "Resize takes 1 to 2 numbers, not 3" },
        { "Resize(1", "Resize: a number" },
        { "Resize", "'(' is missing after Resize" },
        { "Resize(1e2), ToTensor()", "Resize knows no 'e'" },
        { "Resize(0x10), ToTensor()", "Resize: 0 is not possible" },
        { "Resize(nan), ToTensor()", "Resize knows no 'nan'" },
        { "CenterCrop(8, bilinear), ToTensor()", "CenterCrop knows no 'bilinear'" },
        { "CenterCrop((8, 9), ToTensor()", "CenterCrop knows no 'ToTensor'" },
        { "CenterCrop([8, 9), ToTensor()", "CenterCrop: a number" },
        { "CenterCrop((8, 9], ToTensor()", "CenterCrop: a number" },
        { "CenterCrop(((8, 9))), ToTensor()", "CenterCrop: a number" },
        { "CenterCrop(()), ToTensor()", "CenterCrop: a number" },
        { "Pad(1, fill=(1, 2)), ToTensor()", "Pad: a number" },
        { "Pad(1, fill=(1, 2, 3, 4)), ToTensor()", "Pad: ')' was expected" },
        { "ColorJitter(hue=0.1), ToTensor()", "ColorJitter knows no 'hue'" },
        { "ToTensor(), Normalize(std=[1, 1, 1], mean=[0, 0, 0])", "Normalize knows no 'std'" },
        { "RandomSolarize(p=0.5), ToTensor()", "RandomSolarize knows no 'p'" },
        { "a.b.c.d.Resize(8), ToTensor()", "no step 'd'" },
        { "transforms., ToTensor()", "no step ''" },
        { "Resize(bicubic 8), ToTensor()", "numbers without a word stand in front" },
        { "Resize(8, max_size), ToTensor()", "Resize: a number" },
        { "Resize(8, max_size 8), ToTensor()", "max_size goes with one size" },
        { "Resize(8, 9, max_size 10), ToTensor()", "max_size goes with one size" },
        { "Resize(8, max_size 10.5), ToTensor()", "Resize: 10.5 is not possible" },
        { "CenterCrop(9), Resize(8, draft), ToTensor()", "Resize with draft stands in front" },
        { "Resize(9), Resize(8, draft), ToTensor()", "Resize with draft stands in front" },
        { "Pad(1, 2, 3), ToTensor()", "Pad takes 1, 2 or 4 numbers, not 3" },
        { "Pad(1, fill 0 0), ToTensor()", "Pad: a number" },
        { "Pad(1, fill 0 0 256), ToTensor()", "Pad: 256 is not possible" },
        { "RandomResizedCrop(8, scale 0.5 0.1), ToTensor()", "a range from 0.5 to 0.1" },
        { "RandomResizedCrop(8, ratio 0 1), ToTensor()", "RandomResizedCrop: 0 is not possible" },
        { "RandomAffine(-3), ToTensor()", "RandomAffine: -3 is not possible" },
        { "RandomAffine(3, shear 1 2 2 1), ToTensor()", "a range from 2 to 1" },
        { "RandomRotation(30, 20), ToTensor()", "a range from 30 to 20" },
        { "RandomPosterize(2.5), ToTensor()", "2.5 bits" },
        { "RandomSolarize(128, 2), ToTensor()", "a probability of 2" },
        { "Resize(8), ExifTranspose(), ToTensor()", "ExifTranspose stands in front" },
        { "RandAugment(2, 31), ToTensor()", "RandAugment: 31 is not possible" },
        { "RandomErasing(), ToTensor()", "RandomErasing stands once, at the end" },
        { "ToTensor(), RandomErasing(), RandomErasing()", "RandomErasing stands once, at the end" },
        { "ToTensor(), RandomErasing(), Normalize(0 0 0, 1 1 1)", "Normalize stands once" },
        { "Resize(8-8), ToTensor()", "Resize: a number" },
        { "ColorJitter(.5.5), ToTensor()", "ColorJitter: a number" },
        { "Resize(1234567890123456), ToTensor()", "at most 15 digits" },
        { "RandomHorizontalFlip(.1234567890123456), ToTensor()", "at most 15 digits" },
        { "RandomHorizontalFlip(0.0000000000000001), ToTensor()", "at most 15 digits" },
        { "RandomHorizontalFlip(-), ToTensor()", "RandomHorizontalFlip: a number" },
        { "RandomHorizontalFlip(.), ToTensor()", "RandomHorizontalFlip: a number" },
        { "RandomHorizontalFlip(1.01), ToTensor()", "RandomHorizontalFlip: 1.01" },
        { "RandomRotation(361), ToTensor()", "RandomRotation: 361" },
        { "ColorJitter(0 0 0 0.6), ToTensor()", "hue is at most 0.5" },
        { "ColorJitter(-0.1), ToTensor()", "ColorJitter: -0.1" },
        { "ToTensor();", "not by ';'" },
        { "ToTensor() ToTensor()", "not by 'T'" },
        { "ToTensor(),", "no step ''" },
        { "ToTensor()\x01", "not by '?'" },
        { "GaussianBlur(4), ToTensor()", "a kernel's sides are odd, not 4" },
        { "GaussianBlur(257), ToTensor()", "GaussianBlur: 257 is not possible" },
        { "GaussianBlur(3, sigma 0 1), ToTensor()", "GaussianBlur: 0 is not possible" },
        { "GaussianBlur(3, sigma 2 1), ToTensor()", "a range from 2 to 1" },
        { "GaussianBlur(3, sigma reflect), ToTensor()", "GaussianBlur: a number" },
        { "Pad(1, padding_mode='wrap'), ToTensor()", "Pad knows no 'wrap'" },
        { "Pad(1, 'edge), ToTensor()", "Pad knows no ''" },
        { "Pad(1, padding_mode 3), ToTensor()", "Pad knows no 'padding_mode'" },
        { "RandomRotation(10, center 5), ToTensor()", "RandomRotation: a number" },
        { "ToTensor(1)", "ToTensor takes 0 numbers, not 1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        rn_pipeline *pipeline = (rn_pipeline *)(void *)context;

        require_status(context, rn_pipeline_create(&pipeline, context, refusals[i].text), RN_FORMAT);
        assert_null(pipeline);
        if (strstr(rn_context_message(context), refusals[i].reason) == NULL)
            fail_msg("'%s': \"%s\" does not say \"%s\"", refusals[i].text, rn_context_message(context),
                     refusals[i].reason);
    }
}

static void a_pipeline_has_an_end(void **state)
{
    char text[40 * 16] = "";
    rn_pipeline *pipeline;

    (void)state;
    for (int i = 1; i < RN_PIPELINE_STEPS; i++)
        strcat(text, "Resize(9), ");
    strcat(text, "ToTensor()");
    require_text(text, text);
    memmove(text + 11, text, strlen(text) + 1);
    memcpy(text, "Resize(9), ", 11);
    require_status(context, rn_pipeline_create(&pipeline, context, text), RN_FORMAT);
}

/* Anything that changes a valid text gives a pipeline that prints and parses, or a refusal. */
static void broken_text_is_refused_or_understood(void **state)
{
    static const char valid[] = "Resize(256), RandomRotation(45), CenterCrop(224), ColorJitter(0.2, 0.1, 0.1, 0.1), "
                                "ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)";
    static const char letters[] = "(), .-0123456789RaZ\n\x80";
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof valid];
        rn_pipeline *pipeline;
        const int changes = 1 + round % 3;

        memcpy(text, valid, sizeof valid);
        for (int i = 0; i < changes; i++) {
            random = random * 1664525u + 1013904223u;
            text[(random >> 8) % (sizeof valid - 1)] = letters[(random >> 20) % (sizeof letters - 1)];
        }
        if (rn_pipeline_create(&pipeline, context, text) != RN_OK)
            continue;
        require_text(text, rn_pipeline_text(pipeline));
        rn_pipeline_destroy(pipeline);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_printed_in_one_form),
        cmocka_unit_test(numbers_left_out_are_torchvisions),
        cmocka_unit_test(words_are_printed_in_one_form),
        cmocka_unit_test(what_python_writes_is_understood),
        cmocka_unit_test(modes_and_centres_are_words),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(long_numbers_print_as_what_is_read),
        cmocka_unit_test(refusals_say_which_step_and_why),
        cmocka_unit_test(a_pipeline_has_an_end),
        cmocka_unit_test(broken_text_is_refused_or_understood),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
