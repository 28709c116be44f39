/* SPDX-License-Identifier: MIT */
/*
 * Decimal numbers in the texts of pipelines: at most 15 digits, zeros in front not counted, and at most 15 decimals.
 * They are read and printed here, since strtod and printf follow the program's locale: mantissa / 10^k is correctly
 * rounded because both are exact.
 */
#ifndef RN_IMAGE_DECIMAL_H
#define RN_IMAGE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_DECIMAL_DIGITS = 15 };

/* Reads [-]digits[.digits]; false if there is none, it is too long, or another follows without a gap. */
bool rn_decimal_read(double *value, const char **text);
/* The shortest text that reads back as the same value. */
void rn_decimal_print(char *text, size_t size, double value);

#endif
