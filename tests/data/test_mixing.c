/* SPDX-License-Identifier: MIT */
/* MixUp and CutMix against torchvision, and their draws against the Beta distribution. */
#include "data/mixing.h"

#include "data/mixing_fixtures.h"

#include "support/one_context.h"

enum { N = 3, C = 2, H = 5, W = 7, CLASSES = 4, IMAGES = N * C * H * W };

static const int64_t shape[4] = { N, C, H, W }, target_shape[2] = { N, CLASSES };

static rn_tensor *make_images(rn_order order)
{
    float values[IMAGES];
    rn_tensor *wrapped, *made;

    for (int i = 0; i < IMAGES; i++)
        values[i] = (float)(i * 37 % 101 - 50) / 50;
    require_ok(context, rn_tensor_wrap(&wrapped, context, RN_FLOAT32, 4, shape, RN_ROW_MAJOR, values, sizeof values));
    require_ok(context, rn_tensor_convert(&made, wrapped, RN_FLOAT32, order));
    rn_tensor_destroy(wrapped);
    return made;
}

static rn_tensor *make_labels(void)
{
    static int64_t labels[N] = { 2, 0, 2 };
    const int64_t count = N;
    rn_tensor *made;

    require_ok(context, rn_tensor_wrap(&made, context, RN_INT64, 1, &count, RN_ROW_MAJOR, labels, sizeof labels));
    return made;
}

/* To the bit: two products and a sum in float32 each. */
static void require_mixed(const rn_mixture *mix, const float *images, const float *targets)
{
    for (int order = 0; order < 4; order++) {
        rn_tensor *const from = make_images(order & 1 ? RN_CHANNELS_LAST : RN_ROW_MAJOR), *const labels = make_labels();
        rn_tensor *mixed, *rows, *plain;

        require_ok(context, rn_tensor_create(&mixed, context, RN_FLOAT32, 4, shape,
                                             order & 2 ? RN_CHANNELS_LAST : RN_ROW_MAJOR));
        require_ok(context, rn_tensor_create(&rows, context, RN_FLOAT32, 2, target_shape, RN_ROW_MAJOR));
        require_ok(context, rn_mix_images(mixed, from, mix));
        require_ok(context, rn_mix_labels(rows, labels, mix));
        require_ok(context, rn_tensor_convert(&plain, mixed, RN_FLOAT32, RN_ROW_MAJOR));
        for (int i = 0; i < IMAGES; i++)
            assert_true(((const float *)rn_tensor_const_data(plain))[i] == images[i]);
        for (int i = 0; i < N * CLASSES; i++)
            assert_true(((const float *)rn_tensor_const_data(rows))[i] == targets[i]);
        rn_tensor_destroy(plain);
        rn_tensor_destroy(rows);
        rn_tensor_destroy(mixed);
        rn_tensor_destroy(labels);
        rn_tensor_destroy(from);
    }
}

static void mixup_is_torchvisions(void **state)
{
    const rn_mixture mix = { .struct_size = sizeof mix, .lambda = 0.3 };

    (void)state;
    require_mixed(&mix, mixup_images, mixup_targets);
}

static void cutmix_is_torchvisions(void **state)
{
    static const struct {
        const double *draw, *lambda;
        const int *box;
        const float *images, *targets;
    } cases[] = {
        { cutmix_draw0, cutmix_lambda0, cutmix_box0, cutmix_images0, cutmix_targets0 },
        { cutmix_draw1, cutmix_lambda1, cutmix_box1, cutmix_images1, cutmix_targets1 },
        { cutmix_draw2, cutmix_lambda2, cutmix_box2, cutmix_images2, cutmix_targets2 },
        { cutmix_draw3, cutmix_lambda3, cutmix_box3, cutmix_images3, cutmix_targets3 },
        { cutmix_draw4, cutmix_lambda4, cutmix_box4, cutmix_images4, cutmix_targets4 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_mixture mix = { .struct_size = sizeof mix };

        rn_mix_cut(&mix, cases[i].draw[0], (int64_t)cases[i].draw[1], (int64_t)cases[i].draw[2], H, W);
        assert_int_equal(mix.x1, cases[i].box[0]);
        assert_int_equal(mix.y1, cases[i].box[1]);
        assert_int_equal(mix.x2, cases[i].box[2]);
        assert_int_equal(mix.y2, cases[i].box[3]);
        assert_true(fabs(mix.lambda - cases[i].lambda[0]) < 1e-15);
        require_mixed(&mix, cases[i].images, cases[i].targets);
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Distribution functions that have a closed form. */
static double beta_half(double x)
{
    return 2 / acos(-1) * asin(sqrt(x));
}

static double beta_one(double x)
{
    return x;
}

static double beta_two(double x)
{
    return x * x * (3 - 2 * x);
}

static void lambdas_have_their_distribution(void **state)
{
    static const struct {
        double alpha;
        double (*cdf)(double);
    } cases[] = { { 0.5, beta_half }, { 1, beta_one }, { 2, beta_two } };
    enum { DRAWS = 4000 };
    static double lambda[DRAWS];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double most = 0;

        for (int k = 0; k < DRAWS; k++) {
            rn_mixture mix = { .struct_size = sizeof mix };

            require_ok(context, rn_mix_draw(&mix, context, (uint64_t)k / 100, (uint64_t)k % 100, H, W,
                                            RN_OPTIONS(rn_mix, .mixup = cases[i].alpha, .seed = 11)));
            assert_int_equal(mix.x2 - mix.x1, 0);
            lambda[k] = mix.lambda;
        }
        qsort(lambda, DRAWS, sizeof *lambda, compare);
        for (int k = 0; k < DRAWS; k++)
            most = fmax(most, fabs(cases[i].cdf(lambda[k]) - (k + 0.5) / DRAWS));
        assert_true(most < 1.95 / sqrt(DRAWS)); /* Kolmogorov and Smirnov: one seed in a thousand is worse */
    }
}

static void draws_are_of_seed_epoch_and_batch_alone(void **state)
{
    rn_mixture a = { .struct_size = sizeof a }, b = a;
    int cuts = 0;

    (void)state;
    for (uint64_t batch = 0; batch < 200; batch++) {
        const rn_mix_options *const options = RN_OPTIONS(rn_mix, .mixup = 0.5, .cutmix = 1, .seed = 3);

        require_ok(context, rn_mix_draw(&a, context, 7, batch, 64, 64, options));
        require_ok(context, rn_mix_draw(&b, context, 7, batch, 64, 64, options));
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(a.lambda >= 0 && a.lambda <= 1);
        cuts += a.x2 > a.x1 && a.y2 > a.y1;
        require_ok(context, rn_mix_draw(&b, context, 8, batch, 64, 64, options));
        assert_memory_not_equal(&a, &b, sizeof a);
    }
    assert_true(cuts > 60 && cuts < 130); /* one of two, less the empty boxes */
}

static void what_makes_no_sense_is_refused(void **state)
{
    rn_mixture mix = { .struct_size = sizeof mix, .lambda = 0.5 };
    rn_tensor *const images = make_images(RN_ROW_MAJOR), *const other = make_images(RN_ROW_MAJOR);
    rn_tensor *const labels = make_labels();
    const int64_t few[2] = { N, 2 };
    rn_tensor *rows;

    (void)state;
    require_status(context, rn_mix_draw(&mix, context, 0, 0, H, W, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_mix_draw(&mix, context, 0, 0, H, W, RN_OPTIONS(rn_mix, .mixup = -1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_mix_draw(&mix, context, 0, 0, H, W, RN_OPTIONS(rn_mix, .cutmix = NAN)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_mix_draw(&mix, context, 0, 0, 0, W, RN_OPTIONS(rn_mix, .cutmix = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_mix_draw(NULL, context, 0, 0, H, W, RN_OPTIONS(rn_mix, .cutmix = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_mix_images(images, images, &mix), RN_INVALID_ARGUMENT);
    require_status(context, rn_mix_images(images, labels, &mix), RN_SHAPE);
    require_status(context, rn_mix_labels(images, labels, &mix), RN_SHAPE);
    require_ok(context, rn_tensor_create(&rows, context, RN_FLOAT32, 2, few, RN_ROW_MAJOR));
    require_status(context, rn_mix_labels(rows, labels, &mix), RN_INVALID_ARGUMENT); /* label 2 of 2 classes */
    mix.x2 = W + 1;
    mix.y2 = 1;
    require_status(context, rn_mix_images(images, other, &mix), RN_SHAPE);
    mix.lambda = 1.5;
    require_status(context, rn_mix_images(images, other, &mix), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_mix_images(NULL, other, &mix), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_mix_labels(NULL, labels, &mix), RN_INVALID_ARGUMENT);
    rn_tensor_destroy(rows);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(other);
    rn_tensor_destroy(images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixup_is_torchvisions),           cmocka_unit_test(cutmix_is_torchvisions),
        cmocka_unit_test(lambdas_have_their_distribution), cmocka_unit_test(draws_are_of_seed_epoch_and_batch_alone),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
