"""Responses: what a model answers, and what an inference of its own was answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .errors import TritonError, TritonModelException
from .tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

_new = object.__new__


def parameters_text(parameters: Any) -> str:
    """Return the JSON of parameters given by a model."""
    if parameters is None:
        return "{}"
    if not isinstance(parameters, dict):
        raise TritonModelException(f"Expect N8pybind114dictE, got {type(parameters)}")
    for key, value in parameters.items():
        if not isinstance(key, str):
            raise TritonModelException(f"Expect parameters keys to have type str, found type {type(key)}")
        if not isinstance(value, (bool, int, str)):
            raise TritonModelException(f"Expect parameters values to have type bool/int/str, found type {type(value)}")
    return json.dumps(parameters)


class InferenceResponse:
    """Output tensors or an error, and parameters."""

    __module__ = "c_python_backend_utils"

    __slots__ = ("__weakref__", "_error", "_outputs", "_parameters")

    _error: TritonError | None
    _outputs: list[Tensor]
    _parameters: str

    def __init__(
        self,
        output_tensors: Sequence[Tensor] = (),
        error: TritonError | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        if type(output_tensors) is not list and not _is_sequence(output_tensors):
            raise _refusal(output_tensors, error, parameters)
        outputs = []
        for tensor in output_tensors:
            if type(tensor) is not Tensor and not isinstance(tensor, Tensor):
                if tensor is None:
                    raise TritonModelException("Output tensor for inference response should not be empty.")
                raise _refusal(output_tensors, error, parameters)
            outputs.append(tensor)
        if error is not None and not isinstance(error, TritonError):
            raise _refusal(output_tensors, error, parameters)
        self._outputs = outputs
        self._error = error
        self._parameters = "{}" if parameters is None else parameters_text(parameters)

    @classmethod
    def _received(cls, outputs: list[Tensor], error: TritonError | None, parameters: str) -> InferenceResponse:
        """Make the response of a record."""
        response: InferenceResponse = _new(cls)
        response._outputs = outputs
        response._error = error
        response._parameters = parameters
        return response

    def output_tensors(self) -> list[Tensor]:
        """Return the output tensors."""
        return self._outputs

    def has_error(self) -> bool:
        """Return whether this is an error."""
        return self._error is not None

    def error(self) -> TritonError | None:
        """Return the error, None where there is none."""
        return self._error

    def parameters(self) -> str:
        """Return the parameters as a JSON object."""
        return self._parameters


class FailedResponse(InferenceResponse):
    """The error of what is no answer of the model: its function raised."""

    __slots__ = ()


def _is_sequence(value: Any) -> bool:
    return hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict))


def _refusal(outputs: Any, error: Any, parameters: Any) -> TypeError:
    return TypeError(
        "__init__(): incompatible constructor arguments. The following argument types are supported:\n"
        "    1. c_python_backend_utils.InferenceResponse(output_tensors: List[c_python_backend_utils.Tensor] = [], "
        "error: c_python_backend_utils.TritonError = None, parameters: object = None)\n\n"
        f"Invoked with: kwargs: output_tensors={outputs!r}, error={error!r}, parameters={parameters!r}"
    )
