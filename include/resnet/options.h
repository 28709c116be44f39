/* SPDX-License-Identifier: MIT */
/*
 * Options structs: how they grow without breaking programs.
 *
 * Every options struct begins with `size_t struct_size`, and zero means "the default" in every other field. A pointer
 * to options may be NULL: all defaults. New fields are appended; the library reads only what `struct_size` covers. It
 * takes the sizes that a struct has had in some release, and a larger one (up to 4096 bytes) if the part that it does
 * not know is all zero. Any other size, and a field called `reserved` that is not zero, is RN_INVALID_ARGUMENT. Strings
 * and arrays are copied unless a field says otherwise.
 *
 *   C     rn_conv2d(g, x, "conv1", 64, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .padding = 1));
 *   C++   auto o = rn::options<rn_conv2d_options>(); o.stride = 2; rn_conv2d(g, x, "conv1", 64, 3, &o);
 *   FFI   rn_options_init(&o, size of the struct), then set fields.
 */
#ifndef RESNET_OPTIONS_H
#define RESNET_OPTIONS_H

#include <resnet/export.h>
#include <stddef.h>

/* For a floating-point option where zero is a legal wish and not "the default", such as momentum or beta1. */
#define RN_ZERO 1e-300

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroes an options struct of `size` bytes and sets its struct_size: what RN_OPTIONS does, for languages without it.
 * Any thread. NULL or a size below that of struct_size does nothing. */
RN_API void rn_options_init(void *options, size_t size);

#ifdef __cplusplus
}
#endif

#ifndef __cplusplus

/* RN_OPTIONS(rn_fit, .epochs = 20) is a pointer to an rn_fit_options that lives until the end of the enclosing block.
 */
#define RN_OPTIONS(name, ...) (&(name##_options){ .struct_size = sizeof(name##_options), __VA_ARGS__ })

#else

namespace rn
{
/* Zeroed options with struct_size set. */
template <typename T> T options()
{
    T zeroed = T();
    zeroed.struct_size = sizeof(T);
    return zeroed;
}
} // namespace rn

#endif

#endif
