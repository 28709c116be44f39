/* SPDX-License-Identifier: MIT */
/* RN_API marks what the shared library exports; everything else is hidden. */
#ifndef RESNET_EXPORT_H
#define RESNET_EXPORT_H

#if defined(__GNUC__)
#define RN_API __attribute__((visibility("default")))
#else
#define RN_API
#endif

#endif
