/* SPDX-License-Identifier: MIT */
/* The version of the library, at compile time and at run time. */
#ifndef RESNET_VERSION_H
#define RESNET_VERSION_H

#include <resnet/export.h>

#define RN_VERSION_MAJOR 0
#define RN_VERSION_MINOR 1
#define RN_VERSION_PATCH 0
/* To be compared: 1002003 is 1.2.3. */
#define RN_VERSION_NUMBER (RN_VERSION_MAJOR * 1000000 + RN_VERSION_MINOR * 1000 + RN_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is linked, "major.minor.patch". Static string, never NULL, any thread. */
RN_API const char *rn_version(void);

/* The same as a number that can be compared with RN_VERSION_NUMBER of the headers. Any thread. */
RN_API int rn_version_number(void);

/*
 * The version of the numerical rules (algorithm choice, blocking, reduction order). Two runs with the same number, seed
 * and instruction-set class give the same bits; a checkpoint records the number it was made with.
 */
RN_API int rn_numerics_version(void);

#ifdef __cplusplus
}
#endif

#endif
