/* SPDX-License-Identifier: MIT */
/*
 * What a checkpoint holds, and how the readers and writers of this room meet.
 *
 *   open.c            tells the containers apart by content
 *   entries.c         the object: tensors and metadata by name
 *   safetensors.c     torch_zip.c  torch_legacy.c  torch_tar.c     one reader a container
 *   unpickler.c       a pickle becomes a tree of values; nothing is executed
 *   torch_value.c     the tree becomes named tensors and metadata; torch_module.c looks into modules, torch_opaque.c
 *                     says what was passed over
 *   safetensors_write.c  torch_zip_write.c  pickler.c              the writers
 * docs/checkpoint-format.md describes what is read and written.
 */
#ifndef RN_CHECKPOINT_CHECKPOINT_H
#define RN_CHECKPOINT_CHECKPOINT_H

#include "base/budget.h"
#include "checkpoint/name_index.h"
#include "tensor/tensor.h"
#include <resnet/checkpoint.h>

/* Checkpoints are little-endian and are mapped as they are: on another machine reading and writing are refused. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#define RN_CHECKPOINT_READABLE 0
#else
#define RN_CHECKPOINT_READABLE 1
#endif

#define RN_CHECKPOINT_TENSORS 1000000        /* tensors of a checkpoint, entries of an archive: a little more */
#define RN_CHECKPOINT_HEADER_BYTES 100000000 /* safetensors' own limit */
#define RN_CHECKPOINT_PICKLE_BYTES ((size_t)64 << 20)
#define RN_CHECKPOINT_DEPTH 256

typedef struct rn_checkpoint_tensor_entry {
    char *name;
    rn_tensor *tensor;
} rn_checkpoint_tensor_entry;

typedef struct rn_checkpoint_text_entry {
    char *key;
    char *value;
} rn_checkpoint_text_entry;

struct rn_checkpoint {
    rn_context *context;   /* retained */
    rn_budget *budget;     /* of the file that is being read into it; NULL before and after */
    const char *container; /* of the file that it was read from, or NULL */
    rn_checkpoint_tensor_entry *tensors;
    size_t tensor_count, tensor_capacity;
    rn_name_index tensor_index;
    rn_checkpoint_text_entry *texts;
    size_t text_count, text_capacity;
    rn_name_index text_index;
};

/*
 * Takes `tensor` over on success. RN_INVALID_ARGUMENT: the name is empty, taken or not UTF-8; RN_UNSUPPORTED: too many
 * tensors.
 */
rn_status rn_checkpoint_take(rn_checkpoint *checkpoint, const char *name, rn_tensor *tensor);
/*
 * Adds a tensor that shares the memory of `tensor` and keeps it alive: nothing is copied, and saving writes what the
 * memory holds by then. For a room that saves large models and throws the checkpoint away.
 */
rn_status rn_checkpoint_share(rn_checkpoint *checkpoint, const char *name, const rn_tensor *tensor);

/* A file being read. */
typedef struct rn_reader {
    rn_checkpoint *checkpoint; /* filled by the reader */
    rn_context *context;
    const char *path; /* for messages */
    const unsigned char *bytes;
    size_t nbytes;
    rn_storage *file;  /* keeps `bytes` alive; tensors may view it */
    rn_budget *budget; /* that all of the reading is charged to; its allocator is the one to use */
    size_t copy_bytes; /* bytes that may still be copied out of the file: a file is copied once at most */
} rn_reader;

/* The same as rn_checkpoint_open on bytes in memory. `owner` keeps them alive for the tensors that view them. */
rn_status rn_checkpoint_read(rn_checkpoint **checkpoint, rn_context *context, const char *path, const void *bytes,
                             size_t nbytes, rn_storage *owner);

rn_status rn_safetensors_read(rn_reader *reader);
/* What a file is that no reader is for, and what to do about it; NULL: nobody knows. */
const char *rn_checkpoint_stranger(const unsigned char *bytes, size_t nbytes);
rn_status rn_torch_zip_read(rn_reader *reader);
rn_status rn_torch_legacy_read(rn_reader *reader);
rn_status rn_torch_tar_read(rn_reader *reader);
/* The first block of a tar archive has a checksum of its own. */
bool rn_tar_recognise(const unsigned char *bytes, size_t nbytes);

rn_status rn_safetensors_write(const rn_checkpoint *checkpoint, const char *path);
rn_status rn_torch_zip_write(const rn_checkpoint *checkpoint, const char *path);

/*
 * Bytes of the file as aligned memory for elements of `alignment` bytes: the file itself, or a copy where they lie
 * askew. *owner is retained for the caller.
 */
rn_status rn_reader_view(rn_storage **owner, char **data, rn_reader *reader, size_t offset, size_t nbytes,
                         size_t alignment);

/* Charges work to the budget. RN_FORMAT: more than the file's size justifies. */
rn_status rn_reader_work(const rn_reader *reader, size_t units);
/* rn_storage_allocate and rn_tensor_over, charged to the budget. */
rn_status rn_reader_allocate(rn_storage **storage, const rn_reader *reader, size_t nbytes);
rn_status rn_reader_tensor(rn_tensor **tensor, const rn_reader *reader, rn_storage *storage, void *data, rn_dtype dtype,
                           int32_t rank, const int64_t *shape, const int64_t *strides);

/* Little-endian integers at any address. */
uint16_t rn_get_u16(const unsigned char *bytes);
uint32_t rn_get_u32(const unsigned char *bytes);
uint64_t rn_get_u64(const unsigned char *bytes);

#endif
