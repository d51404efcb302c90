"""Requests: those that a model executes, and those that it makes of other models."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .context import current_instance
from .enums import CompiledEnum
from .errors import TritonModelException
from .inference_response import _is_sequence, parameters_text
from .response_sender import InferenceResponseSender
from .tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Set

    from .datatypes import Array
    from .inference_response import InferenceResponse
    from .instance import Instance
    from .response_iterator import ResponseIterator

_new = object.__new__

RELEASE_ALL = 1
RELEASE_RESCHEDULE = 2

_UINT32 = 1 << 32
_UINT64 = 1 << 64


class MemoryType(CompiledEnum):
    """Where outputs are wanted."""

    TRITONSERVER_MEMORY_GPU = 0
    TRITONSERVER_MEMORY_CPU = 1


class PreferredMemory:
    """Where the outputs of an inference are wanted; they come in main memory all the same."""

    __module__ = "c_python_backend_utils"

    __slots__ = ("_device", "_type")

    def __init__(self, preferred_memory_type: MemoryType, preferred_device_id: int = 0) -> None:
        if not isinstance(preferred_memory_type, MemoryType) or not isinstance(preferred_device_id, int):
            raise TypeError(
                "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                "    1. c_python_backend_utils.PreferredMemory(preferred_memory_type: "
                "triton::backend::python::PreferredMemory::MemoryType, preferred_device_id: int = 0)\n\n"
                f"Invoked with: {preferred_memory_type!r}, {preferred_device_id!r}"
            )
        self._type = preferred_memory_type
        self._device = preferred_device_id


class InferenceTrace:
    """The trace that a request belongs to."""

    __module__ = "c_python_backend_utils"

    __slots__ = ("_context", "_key")

    def __init__(self) -> None:
        self._context = ""
        self._key = 0

    def get_context(self) -> str | None:
        """Return the context as JSON, None where the request is not traced with one."""
        return self._context or None


class _Texts:
    """What a request has in words; decoded when the first of them is asked for."""

    __slots__ = ("correlation_id", "outputs", "parameters", "request_id", "trace")

    def __init__(
        self, request_id: str, correlation_id: int | str, parameters: str, trace: str, outputs: set[str]
    ) -> None:
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.parameters = parameters
        self.trace = trace
        self.outputs = outputs


class InferenceRequest:
    """A request: received by a model, or made by one and run with exec or async_exec."""

    __module__ = "c_python_backend_utils"

    __slots__ = (
        "__weakref__",
        "_body",
        "_fields",
        "_flags",
        "_inputs",
        "_instance",
        "_key",
        "_model_name",
        "_model_version",
        "_offset",
        "_preferred_memory",
        "_release_flags",
        "_sender",
        "_texts",
        "_timeout",
        "_trace",
    )

    _body: bytearray | Array
    _fields: tuple[int, ...]
    _flags: int
    _inputs: list[Tensor]
    _instance: Instance | None
    _key: int
    _model_name: str
    _model_version: int
    _offset: int
    _preferred_memory: PreferredMemory | None
    _release_flags: int
    _sender: InferenceResponseSender | None
    _texts: _Texts | None
    _timeout: int
    _trace: InferenceTrace | None

    def __init__(
        self,
        request_id: str = "",
        correlation_id: int | str = 0,
        inputs: Any = None,  # Required, as in Triton, in spite of its place.
        requested_output_names: Any = None,  # Required.
        model_name: Any = None,  # Required.
        model_version: int = -1,
        flags: int = 0,
        timeout: int = 0,
        preferred_memory: PreferredMemory | None = None,
        trace: InferenceTrace | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        if not (
            isinstance(request_id, str)
            and correlation_id is not None
            and _is_sequence(inputs)
            and all(tensor is None or isinstance(tensor, Tensor) for tensor in inputs)
            and _is_sequence(requested_output_names)
            and all(isinstance(name, str) for name in requested_output_names)
            and isinstance(model_name, str)
            and isinstance(model_version, int)
            and isinstance(flags, int)
            and 0 <= flags < _UINT32
            and isinstance(timeout, int)
            and 0 <= timeout < _UINT64
            and (preferred_memory is None or isinstance(preferred_memory, PreferredMemory))
            and (trace is None or isinstance(trace, InferenceTrace))
        ):
            raise TypeError(
                "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
                "    1. c_python_backend_utils.InferenceRequest(request_id: str = '', correlation_id: object = 0, "
                "inputs: List[triton::backend::python::PbTensor], requested_output_names: List[str], model_name: str, "
                "model_version: int = -1, flags: int = 0, timeout: int = 0, preferred_memory: "
                "c_python_backend_utils.PreferredMemory, trace: c_python_backend_utils.InferenceTrace, "
                "parameters: object = None)\n\n"
                f"Invoked with: kwargs: request_id={request_id!r}, correlation_id={correlation_id!r}, "
                f"inputs={inputs!r}, requested_output_names={requested_output_names!r}, model_name={model_name!r}, "
                f"model_version={model_version!r}, flags={flags!r}, timeout={timeout!r}"
            )
        text = parameters_text(parameters)
        if not isinstance(correlation_id, (int, str)):
            raise TritonModelException("Correlation ID must be integer or string")
        if isinstance(correlation_id, int) and not 0 <= correlation_id < _UINT64:
            raise RuntimeError(
                "Unable to cast Python instance to C++ type (#define PYBIND11_DETAILED_ERROR_MESSAGES or compile in "
                "debug mode for details)"
            )
        subject = f"for request with id '{request_id}' and model name '{model_name}' should not be empty."
        if None in inputs:
            raise TritonModelException("Input tensor " + subject)
        if "" in requested_output_names:
            raise TritonModelException("Requested output name " + subject)
        if isinstance(correlation_id, bool):
            correlation_id = int(correlation_id)
        self._key = 0
        self._instance = None
        self._inputs = list(inputs)
        self._texts = _Texts(request_id, correlation_id, text, "", set(requested_output_names))
        self._model_name = model_name
        self._model_version = model_version
        self._flags = flags
        self._timeout = timeout
        self._preferred_memory = preferred_memory
        self._trace = trace
        self._release_flags = RELEASE_ALL
        self._sender = None

    @classmethod
    def _received(
        cls,
        instance: Instance,
        fields: tuple[int, ...],
        body: bytearray | Array,
        offset: int,
        inputs: list[Tensor],
    ) -> InferenceRequest:
        """Make the request of a record: its fixed part, and where its texts lie in the body."""
        request: InferenceRequest = _new(cls)
        request._key = fields[0]
        request._instance = instance
        request._fields = fields
        request._body = body
        request._offset = offset
        request._inputs = inputs
        request._timeout = fields[2]
        request._flags = fields[4]
        request._texts = None
        request._trace = None
        request._release_flags = RELEASE_ALL
        request._sender = None
        return request

    def inputs(self) -> list[Tensor]:
        """Return the input tensors."""
        return self._inputs

    def request_id(self) -> str:
        """Return the id that the client gave."""
        return (self._texts or self._decode()).request_id

    def correlation_id(self) -> int | str:
        """Return the id of the sequence: 0 where the request belongs to none."""
        return (self._texts or self._decode()).correlation_id

    def parameters(self) -> str:
        """Return the parameters as a JSON object."""
        return (self._texts or self._decode()).parameters

    def requested_output_names(self) -> set[str]:
        """Return the names of the outputs that are wanted."""
        return (self._texts or self._decode()).outputs

    def trace(self) -> InferenceTrace:
        """Return the trace, to give on to requests made on behalf of this one."""
        trace = self._trace
        if trace is None:
            trace = self._trace = InferenceTrace()
            if self._key:
                trace._context = (self._texts or self._decode()).trace
                trace._key = self._key
        return trace

    def flags(self) -> int:
        """Return the flags (TRITONSERVER_REQUEST_FLAG_…)."""
        return self._flags

    def set_flags(self, flags: int) -> None:
        """Replace the flags."""
        if not isinstance(flags, int) or not 0 <= flags < _UINT32:
            raise _wrong_arguments("set_flags", "arg0: int", "None", flags)
        self._flags = flags

    def timeout(self) -> int:
        """Return the time-out in microseconds, 0 for none."""
        return self._timeout

    def preferred_memory(self) -> PreferredMemory | None:
        """Return where outputs are wanted, as far as it was said."""
        return self._preferred_memory if not self._key else None

    def model_name(self) -> str:
        """Return the name of the model that is asked; the empty text for a request that this model was asked."""
        return self._model_name if not self._key else ""

    def set_release_flags(self, flags: int) -> None:
        """Say what becomes of the request after execute: RELEASE_ALL or RELEASE_RESCHEDULE."""
        if not isinstance(flags, int) or not 0 <= flags < _UINT32:
            raise _wrong_arguments("set_release_flags", "arg0: int", "None", flags)
        self._release_flags = flags

    def is_cancelled(self) -> bool:
        """Return whether the client has given the request up."""
        instance = self._instance
        return instance is not None and instance.is_cancelled(self._key)

    def get_response_sender(self) -> InferenceResponseSender:
        """Return the sender of this request's responses."""
        sender = self._sender
        if sender is None:
            names = self._requested() if self._key else None
            sender = self._sender = InferenceResponseSender(self._instance, self._key, names)
        return sender

    def exec(self, decoupled: bool = False) -> InferenceResponse | ResponseIterator:
        """Run the request and wait: for its response, or, decoupled, for the first of its responses."""
        return current_instance(self._instance).infer(self, decoupled)

    def async_exec(self, decoupled: bool = False) -> Awaitable[InferenceResponse | ResponseIterator]:
        """Run the request; the result of exec comes to whoever awaits it."""
        return current_instance(self._instance).infer_async(self, decoupled)

    def _given_parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = json.loads(self.parameters())
        return parameters

    def _requested(self) -> Set[str] | None:
        """Return the names of the wanted outputs, None for all, without decoding anything else."""
        texts = self._texts
        if texts is not None:
            return texts.outputs or None
        fields = self._fields
        if not fields[10]:
            return None
        start = self._offset + fields[6] + fields[7] + fields[8] + fields[9]
        return _names_of(bytes(self._body[start : start + fields[10]])) or None

    def _decode(self) -> _Texts:
        fields = self._fields
        body = self._body
        offset = self._offset
        parts = []
        for length in fields[6:10]:
            parts.append(bytes(body[offset : offset + length]).decode("utf-8", "replace") if length else "")
            offset += length
        request_id, correlation, parameters, trace = parts
        outputs = bytes(body[offset : offset + fields[10]])
        texts = self._texts = _Texts(
            request_id,
            correlation or fields[1],
            parameters or "{}",
            trace,
            set(_names_of(outputs)) if outputs else set(),
        )
        return texts


@lru_cache(maxsize=64)
def _names_of(outputs: bytes) -> frozenset[str]:
    """Return the names in a list as it comes: the same for nearly all requests of a model."""
    return frozenset(json.loads(outputs.decode("utf-8", "replace")))


def _wrong_arguments(function: str, arguments: str, result: str, *given: object) -> TypeError:
    return TypeError(
        f"{function}(): incompatible function arguments. The following argument types are supported:\n"
        f"    1. (self: c_python_backend_utils.InferenceRequest, {arguments}) -> {result}\n\n"
        f"Invoked with: {', '.join(map(repr, given))}"
    )
