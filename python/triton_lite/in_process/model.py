"""A model of the server in process, and inference on it without ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from triton_lite import tensors
from triton_lite.device_tensors import as_device_tensor
from triton_lite.errors import Code, TritonError
from triton_lite.in_process.parameters import Parameter, set_parameters
from triton_lite.in_process.response import InferenceResponse, is_empty, response_of
from triton_lite.proto import METHODS, MethodNumber, messages

if TYPE_CHECKING:
    from triton_lite.server import Server


class Model:
    """A model of a server. version: -1 is the latest that is served."""

    def __init__(self, server: Server, name: str, version: int = -1) -> None:
        self._server = server
        self.name = name
        self.version = version

    def _named(self, request: Any) -> Any:
        request.version = str(self.version) if self.version >= 0 else ""
        return request

    def metadata(self) -> Any:
        """Return the ModelMetadataResponse."""
        return self._server.call("ModelMetadata", self._named(messages.ModelMetadataRequest(name=self.name)))

    def config(self) -> Any:
        """Return the completed ModelConfig."""
        return self._server.call("ModelConfig", self._named(messages.ModelConfigRequest(name=self.name))).config

    def ready(self) -> bool:
        """Tell whether it takes requests."""
        return bool(self._server.call("ModelReady", self._named(messages.ModelReadyRequest(name=self.name))).ready)

    def _request(
        self, inputs: Mapping[str, Any], outputs: Iterable[str], request_id: str, parameters: Mapping[str, Parameter]
    ) -> tuple[bytes, list[Any]]:
        version = str(self.version) if self.version >= 0 else ""
        request = messages.ModelInferRequest(model_name=self.name, model_version=version, id=request_id)
        set_parameters(request.parameters, parameters)
        segments: list[Any] = []
        for name, value in inputs.items():
            on_device = as_device_tensor(value)
            if on_device is not None:
                request.inputs.add(name=name, datatype=on_device.datatype, shape=on_device.shape)
                segments.append(on_device.memory)
                continue
            array = tensors.as_array(value)
            request.inputs.add(name=name, datatype=tensors.datatype_of(array), shape=array.shape)
            segments.append(tensors.encode(array))
        for name in outputs:
            request.outputs.add(name=name)
        return request.SerializeToString(), segments

    def infer(
        self,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] = (),
        *,
        request_id: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        timeout: float | None = None,
        device_outputs: bool = False,
    ) -> InferenceResponse:
        """Run one inference and wait for its answer.

        inputs: name -> numpy array, object with `__dlpack__` or `__cuda_array_interface__`, or nested list, with the
        batch dimension where the model has one. Arrays are read where they are, on a GPU too: they must not change
        before the answer is there, and an output of a model that passes an input on (`identity`) is the same memory.
        outputs: names, or all. timeout: seconds, then TritonError(DEADLINE_EXCEEDED). device_outputs: outputs of a
        model on a GPU stay there.
        Raises TritonError with the code and text that a client of the protocol would get.
        """
        message, segments = self._request(inputs, outputs, request_id, parameters or {})
        client = self._server.client
        call = client.lend(METHODS["ModelInfer"].number, message, segments, device_outputs)
        answer = client.wait(call, timeout)
        if answer is None:
            client.cancel(call)
            raise TritonError(Code.DEADLINE_EXCEEDED, f"no answer from model '{self.name}' in {timeout} s")
        return response_of(answer)

    async def infer_async(
        self,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] = (),
        *,
        request_id: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        device_outputs: bool = False,
    ) -> InferenceResponse:
        """Like `infer`, for asyncio; cancelling the task gives the request up."""
        message, segments = self._request(inputs, outputs, request_id, parameters or {})
        bridge = self._server.bridge()
        return response_of(await bridge.lend(METHODS["ModelInfer"].number, message, segments, device_outputs))

    def stream(
        self,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] = (),
        *,
        request_id: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        timeout: float | None = None,
        device_outputs: bool = False,
    ) -> Iterator[InferenceResponse]:
        """Run one inference of a model that may answer any number of times (decoupled), and yield its responses.

        A model that sends faster than they are taken waits. Leaving the loop, or closing the iterator, gives the
        request up, as does an error, which is raised where it comes. Arguments as for `infer`; timeout: seconds to wait
        for each response.
        """
        message, segments = self._request(inputs, outputs, request_id, parameters or {})
        client = self._server.client
        call = client.lend(MethodNumber.MODEL_STREAM_INFER, message, segments, device_outputs)
        last = False
        try:
            while not last:
                answer = client.wait(call, timeout)
                if answer is None:
                    raise TritonError(Code.DEADLINE_EXCEEDED, f"no answer from model '{self.name}' in {timeout} s")
                last = answer.last
                answer.acknowledge()
                if not is_empty(answer):
                    yield response_of(answer)
        finally:
            if not last:
                client.cancel(call)

    async def stream_async(
        self,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] = (),
        *,
        request_id: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        device_outputs: bool = False,
    ) -> AsyncIterator[InferenceResponse]:
        """Like `stream`, for asyncio; cancelling the task gives the request up."""
        message, segments = self._request(inputs, outputs, request_id, parameters or {})
        bridge = self._server.bridge()
        answers = await bridge.lend_stream(MethodNumber.MODEL_STREAM_INFER, message, segments, device_outputs)
        try:
            async for answer in answers:
                answer.acknowledge()
                if not is_empty(answer):
                    yield response_of(answer)
        finally:
            answers.cancel()
