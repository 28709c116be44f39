/* SPDX-License-Identifier: MIT */
/* What a tensor is: a shape and strides over a piece of shared storage. */
#ifndef RN_TENSOR_TENSOR_H
#define RN_TENSOR_TENSOR_H

#include "context/context.h"
#include <resnet/tensor.h>

/* Memory that several tensors share; `release` is called when the last one goes. */
typedef struct rn_storage {
    rn_references references;
    rn_context *context;
    void *memory;
    void (*release)(struct rn_storage *storage); /* frees `memory` in whatever way it was had; not the storage itself */
    void *payload;
} rn_storage;

/* A storage over `memory` with one reference. release may be NULL (memory of the caller). */
rn_status rn_storage_create(rn_storage **storage, rn_context *context, void *memory, void (*release)(rn_storage *),
                            void *payload);
/* Fresh memory of the context's allocator, zeroed. */
rn_status rn_storage_allocate(rn_storage **storage, rn_context *context, size_t nbytes);
void rn_storage_retain(rn_storage *storage);
void rn_storage_release(rn_storage *storage); /* NULL is fine */
/* True if somebody besides the caller holds it. */
bool rn_storage_is_shared(const rn_storage *storage);

struct rn_tensor {
    rn_context *context; /* retained */
    rn_storage *storage; /* retained */
    char *data;
    rn_dtype dtype;
    int32_t rank;
    bool mapped; /* between rn_tensor_map and rn_tensor_unmap */
    int64_t shape[RN_MAX_RANK];
    int64_t strides[RN_MAX_RANK]; /* in elements */
};

/*
 * A tensor over part of a storage (retained). The caller vouches that every element lies inside. strides NULL:
 * `order`.
 */
rn_status rn_tensor_over(rn_tensor **tensor, rn_storage *storage, void *data, rn_dtype dtype, int32_t rank,
                         const int64_t *shape, const int64_t *strides, rn_order order);
void rn_order_strides(int64_t *strides, int32_t rank, const int64_t *shape, rn_order order);
bool rn_tensor_same_shape(const rn_tensor *a, const rn_tensor *b);
/* "(64, 3, 7, 7)" for messages; gives `text` back. */
const char *rn_shape_text(char *text, size_t size, int32_t rank, const int64_t *shape);

#endif
