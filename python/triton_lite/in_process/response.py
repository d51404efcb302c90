"""From an answer of the engine to the response that a caller in process gets."""

from __future__ import annotations

from dataclasses import dataclass

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.link import Answer
from triton_lite.in_process.output_tensor import OutputTensor
from triton_lite.in_process.parameters import Parameter
from triton_lite.proto import messages


@dataclass(frozen=True)
class InferenceResponse:
    """The answer to one request."""

    model_name: str
    model_version: str
    request_id: str
    parameters: dict[str, Parameter]
    outputs: dict[str, OutputTensor]


def is_empty(answer: Answer) -> bool:
    """Tell whether it is a last answer that carries no response."""
    return not answer.code and not answer.message


def response_of(answer: Answer) -> InferenceResponse:
    """Read an answer. Raises TritonError with the code and text that the engine gave instead of one."""
    if answer.code != Code.OK:
        raise TritonError(answer.code, answer.text)
    head = messages.ModelInferResponse.FromString(answer.message)
    outputs = {
        output.name: OutputTensor(output.datatype, output.shape, data)
        for output, data in zip(head.outputs, answer.segments, strict=True)
    }
    parameters = {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in head.parameters.items()}
    return InferenceResponse(head.model_name, head.model_version, head.id, parameters, outputs)
