/* SPDX-License-Identifier: MIT */
/* Conversions between element types, over any strides. */
#include "tensor/convert.h"

#include "support/support.h"

#include <float.h>

static const int64_t no_strides[1] = { 0 };

/* One element from type to type. */
static void convert_one(void *target, rn_dtype target_dtype, const void *source, rn_dtype source_dtype)
{
    rn_copy_elements(target, target_dtype, no_strides, source, source_dtype, no_strides, 0, NULL);
}

typedef struct half_format {
    int fraction_bits, bias;
    uint16_t (*narrow)(double);
    double (*widen)(uint16_t);
} half_format;

static const half_format formats[] = {
    { 10, 15, rn_to_float16, rn_from_float16 },
    { 7, 127, rn_to_bfloat16, rn_from_bfloat16 },
};

/* What the bits mean by the standard: sign, exponent, fraction. */
static double meaning(const half_format *f, uint16_t bits)
{
    const int top = (1 << (15 - f->fraction_bits)) - 1, exponent = bits >> f->fraction_bits & top;
    const int fraction = bits & ((1 << f->fraction_bits) - 1);
    double value;

    if (exponent == top)
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = ldexp(fraction, 1 - f->bias - f->fraction_bits);
    else
        value = ldexp(fraction + (1 << f->fraction_bits), exponent - f->bias - f->fraction_bits);
    return bits >> 15 ? -value : value;
}

static void every_half_means_what_its_bits_say_and_survives_the_way_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (uint32_t bits = 0; bits < 0x10000; bits++) {
            const double value = formats[i].widen((uint16_t)bits), expected = meaning(&formats[i], (uint16_t)bits);

            if (isnan(expected)) {
                assert_true(isnan(value));
                assert_true(isnan(formats[i].widen(formats[i].narrow(value))));
                continue;
            }
            assert_memory_equal(&value, &expected, sizeof value);
            assert_int_equal(formats[i].narrow(value), bits);
        }
    }
}

/* Between each two neighbours: the middle goes to the even one, anything off the middle to the nearer one. */
static void narrowing_takes_the_nearest_and_ties_to_even(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const half_format *const f = &formats[i];
        const uint16_t infinity = (uint16_t)(((1 << (15 - f->fraction_bits)) - 1) << f->fraction_bits);

        for (uint16_t bits = 0; bits < infinity; bits++) {
            const double low = meaning(f, bits);
            /* Past the largest number the spacing goes on. */
            const double high =
                bits + 1 < infinity ? meaning(f, (uint16_t)(bits + 1)) : 2 * low - meaning(f, (uint16_t)(bits - 1));
            const double middle = (low + high) / 2;
            const uint16_t even = bits % 2 == 0 ? bits : (uint16_t)(bits + 1);

            assert_int_equal(f->narrow(middle), even);
            assert_int_equal(f->narrow(-middle), even | 0x8000);
            assert_int_equal(f->narrow(nextafter(middle, 0)), bits);
            assert_int_equal(f->narrow(nextafter(middle, (double)INFINITY)), bits + 1);
        }
        assert_int_equal(f->narrow((double)INFINITY), infinity);
        assert_int_equal(f->narrow(-DBL_MAX), infinity | 0x8000);
        assert_int_equal(f->narrow(DBL_MIN / 2), 0);
        assert_int_equal(f->narrow(-5e-324), 0x8000);
        assert_true(isnan(f->widen(f->narrow((double)NAN))));
    }
}

/* A signalling NaN whose payload lies in the bits that are cut off must not become infinity. */
static void a_nan_stays_a_nan(void **state)
{
    const uint64_t bits = UINT64_C(0x7ff0000000000001);
    double value;

    (void)state;
    memcpy(&value, &bits, sizeof value);
    assert_true(isnan(rn_from_float16(rn_to_float16(value))));
    assert_true(isnan(rn_from_bfloat16(rn_to_bfloat16(value))));
}

typedef struct integer_case {
    double value;
    int64_t as_int8, as_uint8, as_int16, as_int32, as_int64, as_bool;
} integer_case;

static const integer_case integer_cases[] = {
    { 0.0, 0, 0, 0, 0, 0, 0 },
    { -0.0, 0, 0, 0, 0, 0, 0 },
    { 0.99, 0, 0, 0, 0, 0, 1 },
    { -0.99, 0, 0, 0, 0, 0, 1 },
    { 1.99, 1, 1, 1, 1, 1, 1 },
    { -1.99, -1, 0, -1, -1, -1, 1 },
    { 127.9, 127, 127, 127, 127, 127, 1 },
    { 300.0, 127, 255, 300, 300, 300, 1 },
    { -300.0, -128, 0, -300, -300, -300, 1 },
    { 1e5, 127, 255, 32767, 100000, 100000, 1 },
    { -1e10, -128, 0, -32768, INT32_MIN, INT64_C(-10000000000), 1 },
    { 1e300, 127, 255, 32767, INT32_MAX, INT64_MAX, 1 },
    { -1e300, -128, 0, -32768, INT32_MIN, INT64_MIN, 1 },
    { 9223372036854775808.0, 127, 255, 32767, INT32_MAX, INT64_MAX, 1 },
    { -9223372036854775808.0, -128, 0, -32768, INT32_MIN, INT64_MIN, 1 },
    { (double)INFINITY, 127, 255, 32767, INT32_MAX, INT64_MAX, 1 },
    { (double)-INFINITY, -128, 0, -32768, INT32_MIN, INT64_MIN, 1 },
    { (double)NAN, 0, 0, 0, 0, 0, 1 },
};

static int64_t integer_from(const void *source, rn_dtype source_dtype, rn_dtype dtype)
{
    unsigned char bytes[8];
    int64_t value;

    convert_one(bytes, dtype, source, source_dtype);
    convert_one(&value, RN_INT64, bytes, dtype);
    return value;
}

static void reals_to_integers_truncate_and_saturate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof integer_cases / sizeof integer_cases[0]; i++) {
        const integer_case *const c = &integer_cases[i];

        assert_int_equal(integer_from(&c->value, RN_FLOAT64, RN_INT8), c->as_int8);
        assert_int_equal(integer_from(&c->value, RN_FLOAT64, RN_UINT8), c->as_uint8);
        assert_int_equal(integer_from(&c->value, RN_FLOAT64, RN_INT16), c->as_int16);
        assert_int_equal(integer_from(&c->value, RN_FLOAT64, RN_INT32), c->as_int32);
        assert_int_equal(integer_from(&c->value, RN_FLOAT64, RN_INT64), c->as_int64);
        assert_int_equal(integer_from(&c->value, RN_FLOAT64, RN_BOOL), c->as_bool);
    }
}

static void integers_keep_their_value_or_saturate(void **state)
{
    const int64_t large = INT64_MAX - 1, small = INT64_MIN + 1;
    const unsigned char two = 2;

    (void)state;
    assert_int_equal(integer_from(&large, RN_INT64, RN_INT64), large);
    assert_int_equal(integer_from(&large, RN_INT64, RN_INT32), INT32_MAX);
    assert_int_equal(integer_from(&small, RN_INT64, RN_INT16), INT16_MIN);
    assert_int_equal(integer_from(&small, RN_INT64, RN_UINT8), 0);
    assert_int_equal(integer_from(&small, RN_INT64, RN_BOOL), 1);
    assert_int_equal(integer_from(&two, RN_BOOL, RN_INT8), 1); /* any byte but zero is true */
}

/* To double and float as the compiler rounds; to the halves as rounding once would. */
static void large_integers_are_rounded_once(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        int64_t integer;
        double as_double;
        float as_float;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        integer = (int64_t)(random >> 1) >> random % 40;
        integer = (random & 32) != 0 ? -integer : integer;
        convert_one(&as_double, RN_FLOAT64, &integer, RN_INT64);
        convert_one(&as_float, RN_FLOAT32, &integer, RN_INT64);
        assert_true(as_double == (double)integer);
        assert_true(as_float == (float)integer);
    }
}

static void an_integer_just_off_a_tie_is_not_taken_for_one(void **state)
{
    const int64_t power = INT64_C(1) << 62;
    uint16_t half;
    int64_t integer;

    (void)state;
    /* bfloat16 spacing at 2^62 is 2^55; double's is 2^10, so that one more or less would be lost on the way. */
    integer = power + (INT64_C(1) << 54) + 1;
    convert_one(&half, RN_BFLOAT16, &integer, RN_INT64);
    assert_true(rn_from_bfloat16(half) == (double)(power + (INT64_C(1) << 55)));
    integer = power + (INT64_C(1) << 54);
    convert_one(&half, RN_BFLOAT16, &integer, RN_INT64);
    assert_true(rn_from_bfloat16(half) == (double)power);
    integer = -(power + 3 * (INT64_C(1) << 54) - 1);
    convert_one(&half, RN_BFLOAT16, &integer, RN_INT64);
    assert_true(rn_from_bfloat16(half) == -(double)(power + (INT64_C(1) << 55)));
}

static void a_double_becomes_a_float_as_the_compiler_does_it(void **state)
{
    static const double values[] = { 1e-45, 7e-46, 1e-310, 3.4028235677973366e38, 3.4028234e38, -1e300, 0.1, -0.0 };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const float expected = (float)values[i];
        float single;

        convert_one(&single, RN_FLOAT32, &values[i], RN_FLOAT64);
        assert_memory_equal(&single, &expected, sizeof single);
    }
}

static void one_type_is_moved_bit_by_bit(void **state)
{
    const uint32_t signalling[3] = { 0x7f800001, 0xffc12345, 1 };
    const int64_t shape[] = { 3 }, one[] = { 1 }, two[] = { 2 };
    uint32_t dense[3], sparse[6] = { 0 };

    (void)state;
    rn_copy_elements(dense, RN_FLOAT32, one, signalling, RN_FLOAT32, one, 1, shape);
    assert_memory_equal(dense, signalling, sizeof dense);
    rn_copy_elements(sparse, RN_FLOAT32, two, signalling, RN_FLOAT32, one, 1, shape);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sparse[2 * i], signalling[i]);
        assert_int_equal(sparse[2 * i + 1], 0);
    }
}

/* Every pair of types over permuted, padded and unaligned arrays, against one element at a time. */
static void every_pair_of_types_over_any_strides(void **state)
{
    enum { D0 = 3, D1 = 5, D2 = 300 };
    static const int64_t shape[] = { D0, D1, D2 };
    static const int64_t layouts[][3] = {
        { D1 * D2, D2, 1 }, { 1, D0, D0 * D1 }, { D2, D0 * D2, 1 }, { 2 * D1 * D2, 2 * D2, 2 }, { 1, D0 * D2, D0 },
    };
    static unsigned char source[16 * D0 * D1 * D2 + 8], target[16 * D0 * D1 * D2 + 8];

    (void)state;
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (unsigned char)(i * 2654435761u >> 13);
    for (int from = RN_FLOAT32; from <= RN_BOOL; from++) {
        for (int to = RN_FLOAT32; to <= RN_BOOL; to++) {
            const int64_t *const a = layouts[(from + to) % 5], *const b = layouts[(from + 2 * to) % 5];
            const int64_t size_a = (int64_t)rn_dtype_size((rn_dtype)from),
                          size_b = (int64_t)rn_dtype_size((rn_dtype)to);

            memset(target, 0x5a, sizeof target);
            rn_copy_elements(target + 1, (rn_dtype)to, b, source + 3, (rn_dtype)from, a, 3, shape);
            for (int64_t i = 0; i < D0 * D1 * D2; i++) {
                const int64_t x = i / (D1 * D2), y = i / D2 % D1, z = i % D2;
                unsigned char expected[8];

                convert_one(expected, (rn_dtype)to, source + 3 + size_a * (x * a[0] + y * a[1] + z * a[2]),
                            (rn_dtype)from);
                assert_memory_equal(target + 1 + size_b * (x * b[0] + y * b[1] + z * b[2]), expected, (size_t)size_b);
            }
        }
    }
}

static void nothing_outside_the_elements_is_written(void **state)
{
    const int64_t shape[] = { 2, 3 }, padded[] = { 5, 1 }, dense[] = { 3, 1 };
    const float source[6] = { 1, 2, 3, 4, 5, 6 };
    const signed char expected[11] = { -7, 1, 2, 3, -7, -7, 4, 5, 6, -7, -7 };
    signed char target[11];

    (void)state;
    memset(target, -7, sizeof target);
    rn_copy_elements(target + 1, RN_INT8, padded, source, RN_FLOAT32, dense, 2, shape);
    assert_memory_equal(target, expected, sizeof target);
}

static void types_have_sizes_and_names(void **state)
{
    static const size_t sizes[] = { 0, 4, 8, 2, 2, 1, 2, 4, 8, 1, 1, 0 };

    (void)state;
    for (int dtype = 0; dtype < 12; dtype++)
        assert_int_equal(rn_dtype_size((rn_dtype)dtype), sizes[dtype]);
    assert_int_equal(rn_dtype_size((rn_dtype)-1), 0);
    assert_string_equal(rn_dtype_name(RN_FLOAT32), "float32");
    assert_string_equal(rn_dtype_name(RN_BFLOAT16), "bfloat16");
    assert_string_equal(rn_dtype_name(RN_BOOL), "bool");
    assert_string_equal(rn_dtype_name((rn_dtype)0), "unknown");
    assert_string_equal(rn_dtype_name((rn_dtype)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_means_what_its_bits_say_and_survives_the_way_back),
        cmocka_unit_test(narrowing_takes_the_nearest_and_ties_to_even),
        cmocka_unit_test(a_nan_stays_a_nan),
        cmocka_unit_test(reals_to_integers_truncate_and_saturate),
        cmocka_unit_test(integers_keep_their_value_or_saturate),
        cmocka_unit_test(large_integers_are_rounded_once),
        cmocka_unit_test(an_integer_just_off_a_tie_is_not_taken_for_one),
        cmocka_unit_test(a_double_becomes_a_float_as_the_compiler_does_it),
        cmocka_unit_test(one_type_is_moved_bit_by_bit),
        cmocka_unit_test(every_pair_of_types_over_any_strides),
        cmocka_unit_test(nothing_outside_the_elements_is_written),
        cmocka_unit_test(types_have_sizes_and_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
