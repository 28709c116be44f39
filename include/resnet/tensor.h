/* SPDX-License-Identifier: MIT */
/*
 * rn_tensor: a typed n-dimensional array with strides.
 *
 * Shapes follow PyTorch: images are (N, C, H, W), convolution weights (out, in, kh, kw), whatever the order in memory.
 * The library stores four-dimensional float tensors of its own channels-last; strides say so, nothing else does.
 *
 * Thread safety: reading from several threads is fine while none writes. Calls that make a tensor or can fail use the
 * tensor's context and belong to its thread.
 */
#ifndef RESNET_TENSOR_H
#define RESNET_TENSOR_H

#include <resnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RN_MAX_RANK 8

typedef struct rn_tensor rn_tensor;

/* Element types. Computing is done in float32; the others come from files. */
typedef enum rn_dtype {
    RN_FLOAT32 = 1,
    RN_FLOAT64 = 2,
    RN_FLOAT16 = 3,
    RN_BFLOAT16 = 4,
    RN_INT8 = 5,
    RN_INT16 = 6,
    RN_INT32 = 7,
    RN_INT64 = 8,
    RN_UINT8 = 9,
    RN_BOOL = 10
} rn_dtype;

typedef enum rn_order {
    RN_ROW_MAJOR = 0,    /* the last index runs fastest */
    RN_CHANNELS_LAST = 1 /* rank 4 only: index 1 runs fastest, then 3, 2, 0 (PyTorch's torch.channels_last) */
} rn_order;

/* Bytes of one element; 0 for an unknown type. */
RN_API size_t rn_dtype_size(rn_dtype dtype);
/* "float32", "int64", ... Static string, "unknown" for an unknown type. */
RN_API const char *rn_dtype_name(rn_dtype dtype);

/*
 * Makes a tensor of zeros that owns its memory. `shape` has `rank` entries, each >= 0; rank 0 is a scalar.
 * RN_INVALID_ARGUMENT: unknown type or order, rank over RN_MAX_RANK, a negative size. RN_SHAPE: channels-last with a
 * rank other than 4. RN_NO_MEMORY, also when the size does not fit size_t. The caller destroys the tensor.
 */
RN_API rn_status rn_tensor_create(rn_tensor **tensor, rn_context *context, rn_dtype dtype, int32_t rank,
                                  const int64_t *shape, rn_order order);

/* The same over memory of the caller, which must hold `nbytes` bytes and outlive the tensor and its views. RN_SHAPE:
 * nbytes is less than the shape needs. */
RN_API rn_status rn_tensor_wrap(rn_tensor **tensor, rn_context *context, rn_dtype dtype, int32_t rank,
                                const int64_t *shape, rn_order order, void *data, size_t nbytes);

/* A window into `base`: elements [start, start + length) along `axis`. Shares and keeps alive the memory of `base`.
 * RN_SHAPE: out of range. */
RN_API rn_status rn_tensor_view(rn_tensor **tensor, rn_tensor *base, int32_t axis, int64_t start, int64_t length);

/* A copy of `count` tensors of one shape and type as one more dimension in front: photos (3, H, W) become a batch
 * (N, 3, H, W). Rank 3 gives channels last in memory, others row-major. RN_SHAPE: shapes or types differ, or the rank
 * is RN_MAX_RANK. torch.stack */
RN_API rn_status rn_tensor_stack(rn_tensor **tensor, rn_context *context, const rn_tensor *const *tensors,
                                 size_t count);

/* A copy with its own memory, of the given type and order. Conversions round to nearest, ties to even; float to integer
 * truncates and saturates, NaN becomes 0. */
RN_API rn_status rn_tensor_convert(rn_tensor **copy, const rn_tensor *source, rn_dtype dtype, rn_order order);

/* Copies the elements of `source` into `target`, converting types as rn_tensor_convert does. RN_SHAPE: shapes differ.
 * The two must not overlap unless they are the same. */
RN_API rn_status rn_tensor_copy(rn_tensor *target, const rn_tensor *source);

/* Sets every element to `value`. */
RN_API rn_status rn_tensor_fill(rn_tensor *tensor, double value);

/* Reads all elements in row-major order of the shape, converted to `dtype`, into `data` of `nbytes` bytes. RN_SHAPE:
 * nbytes is not exactly what the elements need. */
RN_API rn_status rn_tensor_read(const rn_tensor *tensor, rn_dtype dtype, void *data, size_t nbytes);
/* The opposite: sets all elements from row-major `data`. */
RN_API rn_status rn_tensor_write(rn_tensor *tensor, rn_dtype dtype, const void *data, size_t nbytes);

/* One element; `index` has one entry a dimension. RN_SHAPE: out of range. */
RN_API rn_status rn_tensor_get(const rn_tensor *tensor, const int64_t *index, double *value);
RN_API rn_status rn_tensor_set(rn_tensor *tensor, const int64_t *index, double value);

RN_API rn_dtype rn_tensor_dtype(const rn_tensor *tensor);
RN_API int32_t rn_tensor_rank(const rn_tensor *tensor);
/* `rank` entries, borrowed from the tensor. Strides count elements. */
RN_API const int64_t *rn_tensor_shape(const rn_tensor *tensor);
RN_API const int64_t *rn_tensor_strides(const rn_tensor *tensor);
RN_API int64_t rn_tensor_count(const rn_tensor *tensor);

/* Where a tensor's memory lies. More may be appended. */
typedef enum rn_device {
    RN_DEVICE_CPU = 0 /* memory of the host */
} rn_device;
RN_API rn_device rn_tensor_device(const rn_tensor *tensor);
/* The address of element (0, ..., 0) in the host's memory; borrowed. Use the strides. NULL if the memory is a device's:
 * rn_tensor_map works wherever it lies. */
RN_API void *rn_tensor_data(rn_tensor *tensor);
RN_API const void *rn_tensor_const_data(const rn_tensor *tensor);

typedef enum rn_access { RN_ACCESS_READ = 1, RN_ACCESS_WRITE = 2, RN_ACCESS_READ_WRITE = 3 } rn_access;
/*
 * Makes the elements reachable for the host until rn_tensor_unmap: *data is the address of element (0, ..., 0), to be
 * used with the strides. On the CPU nothing is copied; a device copies there and, after writing, back. Maps do not
 * nest. RN_INVALID_ARGUMENT: unknown access. RN_STATE: mapped already, or unmapped without a map.
 */
RN_API rn_status rn_tensor_map(void **data, rn_tensor *tensor, rn_access access);
RN_API rn_status rn_tensor_unmap(rn_tensor *tensor);

/* NULL is fine. */
RN_API void rn_tensor_destroy(rn_tensor *tensor);

#ifdef __cplusplus
}
#endif

#endif
