/* SPDX-License-Identifier: MIT */
/* The version that was built, and the version of its numerical rules. */
#include <resnet/version.h>

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

/*
 * Raise it whenever a change gives other bits for the same seed: algorithm choice, blocking, reduction order, random
 * streams.
 */
enum { NUMERICS_VERSION = 5 };

const char *rn_version(void)
{
    return TEXT(RN_VERSION_MAJOR) "." TEXT(RN_VERSION_MINOR) "." TEXT(RN_VERSION_PATCH);
}

int rn_version_number(void)
{
    return RN_VERSION_NUMBER;
}

int rn_numerics_version(void)
{
    return NUMERICS_VERSION;
}
