"""All that models import by name of triton_python_backend_utils."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from .bridge import get_model_dir
from .datatypes import NUMPY_DTYPES, STRING
from .errors import TritonError, TritonModelException
from .inference_request import (
    RELEASE_ALL,
    RELEASE_RESCHEDULE,
    InferenceRequest,
    MemoryType,
    PreferredMemory,
)
from .inference_response import InferenceResponse
from .logger import Logger
from .metrics import MetricFamily
from .model_config import ModelConfig
from .models import is_model_ready, load_model, unload_model
from .response_sender import COMPLETE_FINAL
from .strings import decode, encode
from .tensor import Tensor

if TYPE_CHECKING:
    from .datatypes import Array

__all__ = [
    "TRITONSERVER_MEMORY_CPU",
    "TRITONSERVER_MEMORY_GPU",
    "TRITONSERVER_REQUEST_FLAG_SEQUENCE_END",
    "TRITONSERVER_REQUEST_FLAG_SEQUENCE_START",
    "TRITONSERVER_REQUEST_RELEASE_ALL",
    "TRITONSERVER_REQUEST_RELEASE_RESCHEDULE",
    "TRITONSERVER_RESPONSE_COMPLETE_FINAL",
    "TRITON_STRING_TO_NUMPY",
    "InferenceRequest",
    "InferenceResponse",
    "Logger",
    "MetricFamily",
    "ModelConfig",
    "PreferredMemory",
    "Tensor",
    "TritonError",
    "TritonModelException",
    "deserialize_bytes_tensor",
    "get_input_config_by_name",
    "get_input_tensor_by_name",
    "get_model_dir",
    "get_output_config_by_name",
    "get_output_tensor_by_name",
    "is_model_ready",
    "json",
    "load_model",
    "np",
    "numpy_to_triton_type",
    "serialize_byte_tensor",
    "struct",
    "triton_string_to_numpy",
    "triton_to_numpy_type",
    "unload_model",
    "using_decoupled_model_transaction_policy",
]

TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = 1
TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 2
TRITONSERVER_RESPONSE_COMPLETE_FINAL = COMPLETE_FINAL
TRITONSERVER_REQUEST_RELEASE_ALL = RELEASE_ALL
TRITONSERVER_REQUEST_RELEASE_RESCHEDULE = RELEASE_RESCHEDULE
TRITONSERVER_MEMORY_GPU = MemoryType.TRITONSERVER_MEMORY_GPU
TRITONSERVER_MEMORY_CPU = MemoryType.TRITONSERVER_MEMORY_CPU

_NUMPY_TYPES: dict[int, Any] = {number: dtype.type for number, dtype in NUMPY_DTYPES.items()}
_NUMPY_TYPES[STRING] = np.object_

TRITON_STRING_TO_NUMPY: dict[str, Any] = {
    "TYPE_BOOL": bool,
    "TYPE_UINT8": np.uint8,
    "TYPE_UINT16": np.uint16,
    "TYPE_UINT32": np.uint32,
    "TYPE_UINT64": np.uint64,
    "TYPE_INT8": np.int8,
    "TYPE_INT16": np.int16,
    "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64,
    "TYPE_FP16": np.float16,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
    "TYPE_STRING": np.object_,
}


def serialize_byte_tensor(input_tensor: Array) -> bytes | tuple[()] | None:
    """Return the elements of a BYTES tensor as they travel; nothing (an empty tuple) of an empty one."""
    if input_tensor.size == 0:
        return ()
    if input_tensor.dtype == np.object_ or input_tensor.dtype.type == np.bytes_:
        return encode(input_tensor)
    return None


def deserialize_bytes_tensor(encoded_tensor: bytes) -> Array:
    """Return the elements of a BYTES tensor as a flat array."""
    return decode(encoded_tensor)


def get_input_tensor_by_name(inference_request: InferenceRequest, name: str) -> Tensor | None:
    """Return the input of a name, None where there is none."""
    for tensor in inference_request.inputs():
        if tensor.name() == name:
            return tensor
    return None


def get_output_tensor_by_name(inference_response: InferenceResponse, name: str) -> Tensor | None:
    """Return the output of a name, None where there is none."""
    for tensor in inference_response.output_tensors():
        if tensor.name() == name:
            return tensor
    return None


def get_input_config_by_name(model_config: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return what the configuration has of an input, None where there is none of that name."""
    return _find(model_config.get("input", ()), name)


def get_output_config_by_name(model_config: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return what the configuration has of an output, None where there is none of that name."""
    return _find(model_config.get("output", ()), name)


def using_decoupled_model_transaction_policy(model_config: dict[str, Any]) -> bool:
    """Return whether the configuration makes the model decoupled."""
    if "model_transaction_policy" in model_config:
        decoupled: bool = model_config["model_transaction_policy"]["decoupled"]
        return decoupled
    return False


def triton_to_numpy_type(data_type: int) -> Any:
    """Return numpy's type for the number of a datatype, None where there is none."""
    return _NUMPY_TYPES.get(data_type)


def numpy_to_triton_type(data_type: Any) -> int | None:
    """Return the number of the datatype for a type of numpy's, None where there is none."""
    for number, known in _NUMPY_TYPES.items():
        if data_type == known:
            return number
    return STRING if data_type == np.bytes_ else None


def triton_string_to_numpy(triton_type_string: str) -> Any:
    """Return numpy's type for the name of a datatype (TYPE_FP32)."""
    return TRITON_STRING_TO_NUMPY[triton_type_string]


def _find(tensors: Any, name: str) -> dict[str, Any] | None:
    for tensor in tensors:
        if tensor["name"] == name:
            found: dict[str, Any] = tensor
            return found
    return None
