/* SPDX-License-Identifier: MIT */
#include "image/decimal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

static double power_of_ten(int32_t k)
{
    double power = 1;

    for (int32_t i = 0; i < k; i++)
        power *= 10;
    return power;
}

bool rn_decimal_read(double *value, const char **text)
{
    const char *at = *text;
    const bool negative = *at == '-';
    int32_t digits = 0, decimals = 0;
    int64_t mantissa = 0;
    bool point = false, any = false;

    at += negative;
    for (; isdigit((unsigned char)*at) || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        any = true;
        mantissa = mantissa * 10 + (*at - '0');
        digits += mantissa != 0; /* zeros in front are none: the text of .5 is 0.5 */
        decimals += point;
        if (digits > RN_DECIMAL_DIGITS || decimals > RN_DECIMAL_DIGITS)
            return false;
    }
    if (!any || *at == '.' || *at == '-')
        return false;
    *value = (double)mantissa / power_of_ten(decimals);
    *value = negative && mantissa != 0 ? -*value : *value;
    *text = at;
    return true;
}

void rn_decimal_print(char *text, size_t size, double value)
{
    const double magnitude = fabs(value);

    for (int32_t k = 0; k <= RN_DECIMAL_DIGITS; k++) {
        const double power = power_of_ten(k), mantissa = round(magnitude * power);

        if (mantissa / power == magnitude || k == RN_DECIMAL_DIGITS) {
            const long long whole = (long long)(mantissa / power), part = (long long)(mantissa - (double)whole * power);

            if (k == 0)
                snprintf(text, size, "%s%lld", value < 0 ? "-" : "", whole);
            else
                snprintf(text, size, "%s%lld.%0*lld", value < 0 ? "-" : "", whole, (int)k, part);
            return;
        }
    }
}
