# SPDX-License-Identifier: MIT
"""Python by ctypes, nothing else: python3 binding.py libresnet.so"""
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

rn = ctypes.CDLL(sys.argv[1])


class ContextOptions(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("threads", ctypes.c_int32), ("isas", c_uint32), ("seed", c_uint64),
                ("allocate", c_void_p), ("release", c_void_p), ("allocator_payload", c_void_p), ("log", c_void_p),
                ("log_payload", c_void_p), ("message", c_char_p), ("message_size", c_size_t), ("convolution", c_int),
                ("reserved", ctypes.c_int32)]


for name, result, arguments in [
        ("rn_context_create", c_int, [POINTER(c_void_p), POINTER(ContextOptions)]),
        ("rn_context_message", c_char_p, [c_void_p]),
        ("rn_model_create", c_int, [POINTER(c_void_p), c_void_p, c_char_p, c_void_p]),
        ("rn_model_parameters", c_void_p, [c_void_p]),
        ("rn_parameters_elements", c_int64, [c_void_p, c_int]),
        ("rn_session_create", c_int, [POINTER(c_void_p), c_void_p, c_void_p, c_void_p]),
        ("rn_tensor_create", c_int, [POINTER(c_void_p), c_void_p, c_int, ctypes.c_int32, POINTER(c_int64), c_int]),
        ("rn_tensor_fill", c_int, [c_void_p, c_double]),
        ("rn_session_predict", c_int, [POINTER(c_void_p), c_void_p, c_void_p, c_void_p]),
        ("rn_predictions_probability", c_double, [c_void_p, c_size_t, c_size_t]),
        ("rn_predictions_destroy", None, [c_void_p]), ("rn_tensor_destroy", None, [c_void_p]),
        ("rn_session_destroy", None, [c_void_p]), ("rn_model_destroy", None, [c_void_p]),
        ("rn_context_destroy", None, [c_void_p]), ("rn_options_init", None, [c_void_p, c_size_t])]:
    getattr(rn, name).restype, getattr(rn, name).argtypes = result, arguments

context, model, session, images, answer = (c_void_p() for _ in range(5))
options = ContextOptions()
rn.rn_options_init(byref(options), ctypes.sizeof(options))
options.threads = 1


def check(status):
    if status != 0:
        sys.exit(rn.rn_context_message(context).decode())


check(rn.rn_context_create(byref(context), byref(options)))
check(rn.rn_model_create(byref(model), context, b"cifar_resnet20", None))
check(rn.rn_session_create(byref(session), context, model, None))
check(rn.rn_tensor_create(byref(images), context, 1, 4, (c_int64 * 4)(2, 3, 32, 32), 1))
check(rn.rn_tensor_fill(images, 0.5))
check(rn.rn_session_predict(byref(answer), session, images, None))
print(rn.rn_parameters_elements(rn.rn_model_parameters(model), 0), "parameters, best of photo 1:",
      round(rn.rn_predictions_probability(answer, 1, 0), 3))
rn.rn_predictions_destroy(answer)
rn.rn_tensor_destroy(images)
rn.rn_session_destroy(session)
rn.rn_model_destroy(model)
rn.rn_context_destroy(context)
