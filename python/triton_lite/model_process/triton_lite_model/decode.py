"""Reads bodies: tensors, batches of requests, responses of other models."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from .errors import TritonError, code_of
from .inference_request import InferenceRequest
from .inference_response import InferenceResponse
from .protocol import COUNTS, HAS_ERROR, HAS_RESPONSE, INLINE, REQUEST, RESPONSE, TENSOR
from .tensor import Tensor

if TYPE_CHECKING:
    from .arena import Arena
    from .instance import Instance

    Data = Any  # What has bytes: a bytearray, or an array upon a block of the engine's.

_DIMENSIONS = [Struct(f"<{count}q").unpack_from for count in range(9)]

_new_tensor = Tensor._received
_new_request = InferenceRequest._received
_request_at = REQUEST.unpack_from
_tensor_at = TENSOR.unpack_from


def _read_tensors(body: Data, offset: int, count: int, arena: Arena) -> tuple[list[Tensor], int]:
    """Read tensor records from an offset on; return the tensors and where the records end."""
    tensors = []
    for _ in range(count):
        name_length, datatype, dimensions, where, place, size = _tensor_at(body, offset)
        offset += 32
        if dimensions < 9:
            shape = _DIMENSIONS[dimensions](body, offset)
        else:
            shape = Struct(f"<{dimensions}q").unpack_from(body, offset)
        offset += 8 * dimensions
        name = str(body[offset : offset + name_length], "utf-8")
        offset += (name_length + 7) & ~7
        if where == INLINE:
            tensors.append(_new_tensor(name, datatype, shape, body, place, size))
        else:
            tensors.append(_new_tensor(name, datatype, shape, arena.lease(place, size), 0, size))
    return tensors, offset


def read_batch(instance: Instance, body: Data, arena: Arena) -> list[InferenceRequest]:
    """Read the requests of EXECUTE."""
    count, _ = COUNTS.unpack_from(body)
    requests = []
    offset = 8
    for _ in range(count):
        fields = _request_at(body, offset)
        texts = offset + 64
        length = fields[6] + fields[7] + fields[8] + fields[9] + fields[10]
        inputs, offset = _read_tensors(body, texts + ((length + 7) & ~7), fields[5], arena)
        requests.append(_new_request(instance, fields, body, texts, inputs))
    return requests


def read_response(body: Data, arena: Arena) -> tuple[InferenceResponse, bool]:
    """Read the record of INFER_RESPONSE; return it, and whether it holds a response or an error at all."""
    _, flags, code, error_length, parameters_length, outputs = RESPONSE.unpack_from(body, 8)
    offset = 8 + RESPONSE.size
    error = None
    if flags & HAS_ERROR:
        text = bytes(body[offset : offset + error_length]).decode("utf-8", "replace")
        error = TritonError(text, code_of(code))
    start = offset + error_length
    parameters = bytes(body[start : start + parameters_length]).decode("utf-8", "replace")
    tensors, _ = _read_tensors(body, offset + ((error_length + parameters_length + 7) & ~7), outputs, arena)
    return InferenceResponse._received(tensors, error, parameters or "{}"), bool(flags & (HAS_ERROR | HAS_RESPONSE))
