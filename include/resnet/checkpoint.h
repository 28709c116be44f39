/* SPDX-License-Identifier: MIT */
/*
 * rn_checkpoint: named tensors and text metadata, whatever the container.
 *
 * Reads safetensors and PyTorch's three containers (zip since 1.6, legacy, tar), told apart by content, never by name.
 * Nothing in a pickle is ever executed or imported: an unpickler of our own knows the few globals that a state dict
 * needs. An object of any other (an argparse.Namespace, a numpy array, an optimizer) is passed over with all that lies
 * beneath it, and so are tensors that are not dense or of an element type that we do not have; one warning in the log
 * and the metadata key "rn.opaque" say which, at most 16 of different kinds by name. A module that was saved whole, by
 * torch.save or as a TorchScript program, gives the tensors of its state_dict() under the names of that; its other
 * attributes are left out.
 *
 * Of a pickle, nested dictionaries get dotted names, whatever their keys ("0.weight", "(a, 1)", "None": as Python shows
 * them, but texts without quotes and truth values as true and false); where all tensors lie under one key
 * such as 'state_dict' or 'model', and where every name begins with 'module.' (DataParallel), that part is taken off;
 * the metadata keys "rn.nesting" and "rn.prefix" then say what. Python numbers, truth values and strings outside
 * tensors become metadata under their dotted names, numbers printed so that reading them gives the same value. Names of
 * safetensors stay as they are.
 *
 * Limits (RN_FORMAT beyond): 1,000,000 tensors, 100,000,000 bytes of safetensors header, 64 MiB of pickle, nesting 256.
 * Reading takes at most 256 bytes of memory for each byte of the file and 4 MiB, work of about 512 nanoseconds for each
 * byte and 8 milliseconds, and the tensors together, views of shared memory counted in full, hold at most 16 bytes for
 * each byte of the file and 1 GiB: what is beyond is refused with a sentence that names the limit. No honest file comes
 * near them.
 *
 * The file is mapped and may be replaced by renaming, but must not be shortened in place, while the checkpoint lives.
 *
 * Thread safety: a checkpoint belongs to the thread of its context; reading its tensors from several threads is fine.
 */
#ifndef RESNET_CHECKPOINT_H
#define RESNET_CHECKPOINT_H

#include <resnet/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_checkpoint rn_checkpoint;

typedef enum rn_format {
    RN_FORMAT_SAFETENSORS = 0,
    RN_FORMAT_TORCH = 1 /* zip container; torch.load(weights_only=True) reads it */
} rn_format;

typedef struct rn_checkpoint_open_options {
    size_t struct_size;
} rn_checkpoint_open_options;

/* Opens a file. RN_IO; RN_FORMAT: damaged, or all tensors lie beneath objects that are not looked into (named in the
 * message); RN_UNSUPPORTED: understood but not a set of dense tensors of known types, or the file or this machine is
 * big-endian. The caller destroys. */
RN_API rn_status rn_checkpoint_open(rn_checkpoint **checkpoint, rn_context *context, const char *path,
                                    const rn_checkpoint_open_options *options);
/* An empty one. */
RN_API rn_status rn_checkpoint_create(rn_checkpoint **checkpoint, rn_context *context);

/* The container that it was read from: "safetensors", "torch zip", "torch legacy" (before 1.6) or "torch tar" (before
 * 0.1.10); more may come. Static string; NULL if it was not read from a file. */
RN_API const char *rn_checkpoint_container(const rn_checkpoint *checkpoint);

RN_API size_t rn_checkpoint_count(const rn_checkpoint *checkpoint);
/* Tensors in the order of the file. Borrowed; NULL if out of range. */
RN_API const char *rn_checkpoint_name(const rn_checkpoint *checkpoint, size_t index);
RN_API const rn_tensor *rn_checkpoint_tensor(const rn_checkpoint *checkpoint, size_t index);
/* By name; NULL if there is none. */
RN_API const rn_tensor *rn_checkpoint_find(const rn_checkpoint *checkpoint, const char *name);

/* Adds a copy of a tensor. RN_INVALID_ARGUMENT: the name is empty, taken or not UTF-8. RN_UNSUPPORTED: there are
 * 1,000,000 already. */
RN_API rn_status rn_checkpoint_add(rn_checkpoint *checkpoint, const char *name, const rn_tensor *tensor);

/* Text metadata, UTF-8; NULL if there is none of that key. Setting replaces; a NULL value removes. */
RN_API const char *rn_checkpoint_metadata(const rn_checkpoint *checkpoint, const char *key);
RN_API rn_status rn_checkpoint_set_metadata(rn_checkpoint *checkpoint, const char *key, const char *value);
RN_API size_t rn_checkpoint_metadata_count(const rn_checkpoint *checkpoint);
RN_API const char *rn_checkpoint_metadata_key(const rn_checkpoint *checkpoint, size_t index);

typedef struct rn_checkpoint_save_options {
    size_t struct_size;
} rn_checkpoint_save_options;

/*
 * Writes the file: into a temporary file beside `path`, flushed to the disk, then renamed, so that `path` holds either
 * what it held before or everything. Equal contents give equal bytes. RN_IO: `path` is untouched. RN_FORMAT_TORCH
 * stores the tensors as an OrderedDict and leaves metadata out; rn_training_export (optimizer.h) makes nested
 * dictionaries, with metadata, of state dicts.
 */
RN_API rn_status rn_checkpoint_save(const rn_checkpoint *checkpoint, const char *path, rn_format format,
                                    const rn_checkpoint_save_options *options);

/* NULL is fine. */
RN_API void rn_checkpoint_destroy(rn_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif

#endif
