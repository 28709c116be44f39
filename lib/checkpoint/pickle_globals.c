/* SPDX-License-Identifier: MIT */
/*
 * The globals that a pickled state dict may name, and nothing else: the vocabulary of torch.save from version 0.1 to
 * 2.x (torch/_utils.py, torch/_tensor.py, torch/storage.py), the dictionaries of collections, and numpy's scalars,
 * which training scripts put beside the weights. Each is a word that we understand, not a function that is called; the
 * words of everybody else make opaque values.
 */
#include "checkpoint/pickle.h"

#include <string.h>

#define SPARSE "sparse or nested tensors"
#define QUANTISED "quantised tensors"
#define COMPLEX "complex tensors"
#define META "tensors without data"
#define UNTYPED "storages without an element type"

static const rn_pickle_global globals[] = {
    { "collections", "OrderedDict", RN_GLOBAL_DICTIONARY, 0, NULL },
    { "collections", "defaultdict", RN_GLOBAL_DICTIONARY, 0, NULL },
    { "collections", "Counter", RN_GLOBAL_DICTIONARY, 0, NULL },
    { "builtins", "dict", RN_GLOBAL_DICTIONARY, 0, NULL },
    { "__builtin__", "dict", RN_GLOBAL_DICTIONARY, 0, NULL },

    { "torch._utils", "_rebuild_tensor_v2", RN_GLOBAL_TENSOR, 0, NULL },
    { "torch._utils", "_rebuild_tensor", RN_GLOBAL_TENSOR, 0, NULL },
    { "torch._utils", "_rebuild_parameter", RN_GLOBAL_PARAMETER, 0, NULL },
    { "torch._utils", "_rebuild_parameter_with_state", RN_GLOBAL_PARAMETER, 0, NULL },
    { "torch.nn.parameter", "Parameter", RN_GLOBAL_PARAMETER, 0, NULL },
    { "torch.nn.parameter", "Buffer", RN_GLOBAL_PARAMETER, 0, NULL },
    { "torch.autograd.variable", "Variable", RN_GLOBAL_PARAMETER, 0, NULL },
    { "torch._tensor", "_rebuild_from_type_v2", RN_GLOBAL_SUBCLASS, 0, NULL },
    { "torch.tensor", "_rebuild_from_type_v2", RN_GLOBAL_SUBCLASS, 0, NULL },
    { "torch._tensor", "_rebuild_from_type", RN_GLOBAL_SUBCLASS, 0, NULL },
    { "torch.tensor", "_rebuild_from_type", RN_GLOBAL_SUBCLASS, 0, NULL },
    { "torch", "Size", RN_GLOBAL_SIZE, 0, NULL },

    { "torch", "FloatStorage", RN_GLOBAL_STORAGE, RN_FLOAT32, NULL },
    { "torch", "DoubleStorage", RN_GLOBAL_STORAGE, RN_FLOAT64, NULL },
    { "torch", "HalfStorage", RN_GLOBAL_STORAGE, RN_FLOAT16, NULL },
    { "torch", "BFloat16Storage", RN_GLOBAL_STORAGE, RN_BFLOAT16, NULL },
    { "torch", "LongStorage", RN_GLOBAL_STORAGE, RN_INT64, NULL },
    { "torch", "IntStorage", RN_GLOBAL_STORAGE, RN_INT32, NULL },
    { "torch", "ShortStorage", RN_GLOBAL_STORAGE, RN_INT16, NULL },
    { "torch", "CharStorage", RN_GLOBAL_STORAGE, RN_INT8, NULL },
    { "torch", "ByteStorage", RN_GLOBAL_STORAGE, RN_UINT8, NULL },
    { "torch", "BoolStorage", RN_GLOBAL_STORAGE, RN_BOOL, NULL },
    { "torch.cuda", "FloatStorage", RN_GLOBAL_STORAGE, RN_FLOAT32, NULL },
    { "torch.cuda", "DoubleStorage", RN_GLOBAL_STORAGE, RN_FLOAT64, NULL },
    { "torch.cuda", "HalfStorage", RN_GLOBAL_STORAGE, RN_FLOAT16, NULL },
    { "torch.cuda", "BFloat16Storage", RN_GLOBAL_STORAGE, RN_BFLOAT16, NULL },
    { "torch.cuda", "LongStorage", RN_GLOBAL_STORAGE, RN_INT64, NULL },
    { "torch.cuda", "IntStorage", RN_GLOBAL_STORAGE, RN_INT32, NULL },
    { "torch.cuda", "ShortStorage", RN_GLOBAL_STORAGE, RN_INT16, NULL },
    { "torch.cuda", "CharStorage", RN_GLOBAL_STORAGE, RN_INT8, NULL },
    { "torch.cuda", "ByteStorage", RN_GLOBAL_STORAGE, RN_UINT8, NULL },
    { "torch.cuda", "BoolStorage", RN_GLOBAL_STORAGE, RN_BOOL, NULL },

    { "numpy.core.multiarray", "scalar", RN_GLOBAL_NUMPY_SCALAR, 0, NULL },
    { "numpy._core.multiarray", "scalar", RN_GLOBAL_NUMPY_SCALAR, 0, NULL },
    { "numpy", "dtype", RN_GLOBAL_NUMPY_DTYPE, 0, NULL },
    { "_codecs", "encode", RN_GLOBAL_ENCODE, 0, NULL },

    { "torch", "Tensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "FloatTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "DoubleTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "HalfTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "BFloat16Tensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "LongTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "IntTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "ShortTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "CharTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "ByteTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "BoolTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch.cuda", "FloatTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch.cuda", "DoubleTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch.cuda", "HalfTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch.cuda", "LongTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch.cuda", "ByteTensor", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "device", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "float16", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "float32", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "float64", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "bfloat16", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "int8", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "int16", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "int32", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "int64", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "uint8", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch", "bool", RN_GLOBAL_HARMLESS, 0, NULL },
    { "torch.serialization", "_get_layout", RN_GLOBAL_HARMLESS, 0, NULL },
    { "builtins", "set", RN_GLOBAL_HARMLESS, 0, NULL },
    { "__builtin__", "set", RN_GLOBAL_HARMLESS, 0, NULL },
    { "builtins", "list", RN_GLOBAL_HARMLESS, 0, NULL },
    { "__builtin__", "list", RN_GLOBAL_HARMLESS, 0, NULL },
    { "builtins", "int", RN_GLOBAL_HARMLESS, 0, NULL },
    { "__builtin__", "int", RN_GLOBAL_HARMLESS, 0, NULL },
    { "builtins", "float", RN_GLOBAL_HARMLESS, 0, NULL },
    { "__builtin__", "float", RN_GLOBAL_HARMLESS, 0, NULL },

    { "torch._utils", "_rebuild_sparse_tensor", RN_GLOBAL_UNSUPPORTED, 0, SPARSE },
    { "torch._utils", "_rebuild_sparse_csr_tensor", RN_GLOBAL_UNSUPPORTED, 0, SPARSE },
    { "torch._utils", "_rebuild_nested_tensor", RN_GLOBAL_UNSUPPORTED, 0, SPARSE },
    { "torch._utils", "_rebuild_qtensor", RN_GLOBAL_UNSUPPORTED, 0, QUANTISED },
    { "torch._utils", "_rebuild_meta_tensor_no_storage", RN_GLOBAL_UNSUPPORTED, 0, META },
    { "torch._utils", "_rebuild_device_tensor_from_numpy", RN_GLOBAL_UNSUPPORTED, 0,
      "tensors of a device that PyTorch writes as numpy arrays" },
    { "torch._utils", "_rebuild_tensor_v3", RN_GLOBAL_UNSUPPORTED, 0, "tensors of the newer element types" },
    { "torch.storage", "UntypedStorage", RN_GLOBAL_UNSUPPORTED, 0, UNTYPED },
    { "torch.storage", "TypedStorage", RN_GLOBAL_UNSUPPORTED, 0, UNTYPED },
    { "torch", "UntypedStorage", RN_GLOBAL_UNSUPPORTED, 0, UNTYPED },
    { "torch", "QInt8Storage", RN_GLOBAL_UNSUPPORTED, RN_INT8, QUANTISED },
    { "torch", "QUInt8Storage", RN_GLOBAL_UNSUPPORTED, RN_UINT8, QUANTISED },
    { "torch", "QInt32Storage", RN_GLOBAL_UNSUPPORTED, RN_INT32, QUANTISED },
    { "torch", "QUInt4x2Storage", RN_GLOBAL_UNSUPPORTED, RN_UINT8, QUANTISED },
    { "torch", "QUInt2x4Storage", RN_GLOBAL_UNSUPPORTED, RN_UINT8, QUANTISED },
    { "torch", "ComplexFloatStorage", RN_GLOBAL_PAIRS, RN_FLOAT32, COMPLEX },
    { "torch", "ComplexDoubleStorage", RN_GLOBAL_PAIRS, RN_FLOAT64, COMPLEX },
    { "numpy.core.multiarray", "_reconstruct", RN_GLOBAL_UNSUPPORTED, 0, "numpy arrays" },
    { "numpy._core.multiarray", "_reconstruct", RN_GLOBAL_UNSUPPORTED, 0, "numpy arrays" },
};

static bool same(const char *known, const char *text, size_t length)
{
    return strlen(known) == length && memcmp(known, text, length) == 0;
}

const rn_pickle_global *rn_pickle_global_find(const char *module, size_t module_length, const char *name,
                                              size_t name_length)
{
    for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
        if (same(globals[i].name, name, name_length) && same(globals[i].module, module, module_length))
            return &globals[i];
    return NULL;
}
