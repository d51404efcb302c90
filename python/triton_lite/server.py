"""The server in process: models without ports, for programs, notebooks and tests.

with triton_lite.Server(model_repository="models") as server:
    response = server.model("simple").infer(inputs={"INPUT0": a, "INPUT1": b})
    print(response.outputs["OUTPUT0"].to_numpy())

Functions as models, and ports (docs/functions.md):

server = triton_lite.Server()

@server.model(inputs=[Tensor("x", np.float32, (-1,))], outputs=[Tensor("y", np.float32, (-1,))])
def double(x):
    return 2 * x

server.serve_forever()
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from triton_lite import _native, device_tensors, tensors
from triton_lite.device_tensors import DeviceTensor, as_device_tensor
from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.link import Answer, EngineLink
from triton_lite.functions.batching import Batching
from triton_lite.functions.declaration import declare
from triton_lite.functions.source import FunctionSource
from triton_lite.functions.tensor import Tensor
from triton_lite.proto import METHODS, MethodNumber, messages

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from triton_lite.serving import Serving

Parameter = bool | int | float | str
Path = str | os.PathLike[str]
Function = TypeVar("Function", bound=Callable[..., Any])

# Options that front ends have, too: an engine's are theirs unless they are given others.
_SHARED_OPTIONS = (
    "log_verbose",
    "log_info",
    "log_warning",
    "log_error",
    "log_format",
    "log_file",
    "exit_timeout_secs",
)


class OutputTensor:
    """One output: `to_numpy`, `numpy.asarray` and DLPack read the engine's own memory, which lives as long as they.

    On a GPU (`infer` with device_outputs) DLPack and `__cuda_array_interface__` do; for numpy it is copied to the host.
    """

    def __init__(self, datatype: str, shape: Sequence[int], data: memoryview | _native.DeviceMemory) -> None:
        self.datatype = datatype
        self.shape = tuple(shape)
        self._data = data

    @property
    def on_device(self) -> bool:
        """Whether it lies on a GPU."""
        return isinstance(self._data, _native.DeviceMemory)

    def _device_tensor(self) -> DeviceTensor | None:
        data = self._data
        return DeviceTensor(self.datatype, self.shape, data) if isinstance(data, _native.DeviceMemory) else None

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """View it as a read-only array of `shape` (BYTES: an object array of `bytes`)."""
        data = self._data
        return tensors.decode(
            self.datatype, self.shape, data.to_host() if isinstance(data, _native.DeviceMemory) else data
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        tensor = self._device_tensor()
        if tensor is None:
            raise AttributeError("the output does not lie on a GPU")
        return device_tensors.cuda_array_interface(tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.to_numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **arguments: Any) -> Any:
        """Export for `from_dlpack`; on the host copied only for consumers that know no read-only tensors."""
        tensor = self._device_tensor()
        if tensor is not None:
            wanted = arguments.get("dl_device")
            if arguments.get("copy") or (wanted is not None and wanted != device_tensors.dlpack_device(tensor)):
                raise BufferError("the output can only be had where it is, without a copy")
            return device_tensors.to_dlpack(tensor)
        array = self.to_numpy()
        try:
            return array.__dlpack__(**arguments)
        except BufferError:
            return array.copy().__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's type and number of the device that it lies on."""
        tensor = self._device_tensor()
        if tensor is not None:
            return device_tensors.dlpack_device(tensor)
        return self.to_numpy().__dlpack_device__()


@dataclass(frozen=True)
class InferenceResponse:
    """The answer to one request."""

    model_name: str
    model_version: str
    request_id: str
    parameters: dict[str, Parameter]
    outputs: dict[str, OutputTensor]


def _set_parameters(target: Any, parameters: Mapping[str, Parameter]) -> None:
    for name, value in parameters.items():
        kinds = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}
        field = kinds.get(type(value))
        if field is None:
            raise TritonError(Code.INVALID_ARGUMENT, f"parameter '{name}' is a {type(value).__name__}")
        setattr(target[name], field, value)


def _is_empty(answer: Answer) -> bool:
    """Tell whether it is a last answer that carries no response."""
    return not answer.code and not answer.message


def _response(answer: Answer) -> InferenceResponse:
    if answer.code != Code.OK:
        raise TritonError(answer.code, answer.text)
    head = messages.ModelInferResponse.FromString(answer.message)
    outputs = {
        output.name: OutputTensor(output.datatype, output.shape, data)
        for output, data in zip(head.outputs, answer.segments, strict=True)
    }
    parameters = {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in head.parameters.items()}
    return InferenceResponse(head.model_name, head.model_version, head.id, parameters, outputs)


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
        _set_parameters(request.parameters, parameters)
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
        return _response(answer)

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
        return _response(await bridge.lend(METHODS["ModelInfer"].number, message, segments, device_outputs))

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
                if not _is_empty(answer):
                    yield _response(answer)
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
                if not _is_empty(answer):
                    yield _response(answer)
        finally:
            answers.cancel()


class Server:
    """An engine in this process.

    model_repository: a folder or an ONNX file, several, or none. options: fields of
    `triton_lite.engine.options.EngineOptions`, named like the options of `triton-lite serve` with underscores, e.g.
    model_control_mode="explicit".
    """

    def __init__(self, model_repository: Path | Sequence[Path] = (), **options: Any) -> None:
        folders = [model_repository] if isinstance(model_repository, str | os.PathLike) else list(model_repository)
        self._options = EngineOptions(model_repository=[os.fspath(folder) for folder in folders], **options)
        self._engine: _native.Engine | None = None
        self._control_plane: ControlPlane | None = None
        self._client: _native.ChannelClient | None = None
        self._bridges: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Bridge] = weakref.WeakKeyDictionary()
        self._functions: dict[str, FunctionSource] = {}
        self._serving: Serving | None = None
        self._socket: FilePath | None = None  # Where the engine listens, once it has to.
        self._listening = contextlib.ExitStack()
        self._serve_lock = threading.Lock()

    def start(self) -> Server:
        """Load the models. Raises TritonError(INTERNAL) when one fails, unless `exit_on_error` is False."""
        if self._engine is not None:
            raise TritonError(Code.ALREADY_EXISTS, "the server has been started already")
        # Native threads must not outlive the interpreter, whoever forgets to stop.
        atexit.register(self.stop)
        engine = self._options.make_engine(_native)
        self._control_plane = ControlPlane(engine, self._options)
        for source in self._functions.values():
            self._control_plane.lifecycle.declare(source)
        self._engine, self._client = engine, _native.ChannelClient.direct(engine)
        problem = self._control_plane.load_models()
        self._control_plane.start_answering()
        if problem and self._options.exit_on_error:
            reasons = [f"{m.name}: {m.reason}" for m in self.models() if m.reason]
            self.stop()
            raise TritonError(Code.INTERNAL, "; ".join([problem, *reasons]))
        return self

    def stop(self) -> None:
        """Refuse new requests, finish those in flight, unload. Idempotent.

        What Python models and functions have not finished after `exit_timeout_secs` fails.
        """
        if self._engine is None or self._control_plane is None:
            return
        atexit.unregister(self.stop)
        if self._serving is not None:
            self._serving.close()
        for bridge in list(self._bridges.values()):
            bridge.close()
        self._bridges.clear()
        self._client = None
        patience = threading.Timer(self._options.exit_timeout_secs, self._control_plane.end_models)
        patience.daemon = True
        patience.start()
        self._engine.stop()
        patience.cancel()
        self._control_plane.stop()
        self._engine = self._control_plane = self._serving = self._socket = None
        self._listening.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def client(self) -> _native.ChannelClient:
        """The way into the engine. Raises TritonError(UNAVAILABLE) unless the server is started."""
        if self._client is None:
            raise TritonError(Code.UNAVAILABLE, "the server is not started")
        return self._client

    def bridge(self) -> Bridge:
        """Return the engine's bridge to the running event loop."""
        loop = asyncio.get_running_loop()
        if self._engine is None:
            raise TritonError(Code.UNAVAILABLE, "the server is not started")
        found = self._bridges.get(loop)
        if found is None:
            # A client of its own: answers go to whoever of its users looks for them first.
            engine = self._engine
            found = self._bridges[loop] = Bridge(EngineLink("direct", lambda _: _native.ChannelClient.direct(engine)))
        return found

    def call(self, method: str, request: Any) -> Any:
        """Make a call of the gRPC service by name, e.g. call("ServerMetadata", messages.ServerMetadataRequest())."""
        entry = METHODS[method]
        answer = self.client.wait(self.client.send(entry.number, request.SerializeToString()))
        if answer is None:
            raise TritonError(Code.UNAVAILABLE, "the engine gave no answer")
        if answer.code != Code.OK:
            raise TritonError(answer.code, answer.text)
        return entry.response.FromString(answer.message)

    @overload
    def model(self, name: str, version: int = -1) -> Model: ...

    @overload
    def model(
        self,
        name: str = "",
        *,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        batching: Batching = True,
        count: int = 1,
    ) -> Callable[[Function], Function]: ...

    def model(
        self,
        name: str = "",
        version: int = -1,
        *,
        inputs: Sequence[Tensor] | None = None,
        outputs: Sequence[Tensor] | None = None,
        batching: Batching = True,
        count: int = 1,
    ) -> Any:
        """Return a model by name; nothing is asked of the engine until it is used. Or make one of a function:

        @server.model(inputs=[…], outputs=[…])

        The function gets numpy arrays by the names of the inputs, and returns a dict, a list or tuple in the order of
        the outputs, or one array. With batching, arrays have a batch dimension in front and hold several requests.
        A generator function answers each request any number of times (decoupled); `async def` lets requests overlap.
        name: the function's own unless given. batching: False, the largest batch, or `DynamicBatching`. count: threads.
        Served at once where the server is started, else from its start on; `unload` ends that. Raises TritonError.
        """
        if callable(name):
            raise TritonError(Code.INVALID_ARGUMENT, "write @server.model(inputs=[…], outputs=[…])")
        if inputs is None and outputs is None:
            return Model(self, name, version)

        def add(function: Function) -> Function:
            source = declare(function, name, inputs or (), outputs or (), batching, count)
            self._add_function(source)
            return function

        return add

    def _add_function(self, source: FunctionSource) -> None:
        if source.name in self._functions:
            raise TritonError(Code.ALREADY_EXISTS, f"there is a model '{source.name}' already; unload it first")
        if self._control_plane is not None:
            self._control_plane.lifecycle.add(source)
        self._functions[source.name] = source

    def models(self, ready: bool = False) -> list[Any]:
        """Return the repository index: entries with name, version, state and reason. ready: only models in use."""
        return list(self.call("RepositoryIndex", messages.RepositoryIndexRequest(ready=ready)).models)

    def load(self, name: str, *, config: str = "", files: Mapping[str, bytes] | None = None) -> Model:
        """Load a model, or reload it if its files changed (model_control_mode="explicit"). Raises TritonError.

        config: a ModelConfig as JSON that stands in for the repository's. files: content by path within the model's
        folder, as `1/model.onnx`, for a model that is made of them alone (with `config`).
        """
        request = messages.RepositoryModelLoadRequest(model_name=name)
        if config:
            request.parameters["config"].string_param = config
        for path, content in (files or {}).items():
            request.parameters[f"file:{path}"].bytes_param = content
        self.call("RepositoryModelLoad", request)
        return self.model(name)

    def unload(self, name: str, *, unload_dependents: bool = False) -> None:
        """Stop serving a model; requests in flight end on it. unload_dependents: and what only this ensemble needed.

        A function is forgotten, in whatever model_control_mode; its name is free then.
        """
        if self._functions.pop(name, None) is not None:
            if self._control_plane is not None:
                self._control_plane.lifecycle.remove(name)
            return
        request = messages.RepositoryModelUnloadRequest(model_name=name)
        request.parameters["unload_dependents"].bool_param = unload_dependents
        self.call("RepositoryModelUnload", request)

    def metadata(self) -> Any:
        """Return the ServerMetadataResponse."""
        return self.call("ServerMetadata", messages.ServerMetadataRequest())

    def metrics(self) -> str:
        """Return the metrics in Prometheus' text format, as `triton-lite serve` shows them on its metrics port."""
        if self._control_plane is None:
            raise TritonError(Code.UNAVAILABLE, "the server is not started")
        return self._control_plane.metrics.text().decode()

    def ready(self) -> bool:
        """Tell whether the server is ready."""
        return bool(self.call("ServerReady", messages.ServerReadyRequest()).ready)

    def serve(
        self,
        *,
        http_port: int | None = None,
        grpc_port: int | None = None,
        metrics_port: int | None = None,
        address: str | None = None,
        **options: Any,
    ) -> Serving:
        """Serve over HTTP and gRPC, in the background; returns when requests can come. Starts the server if need be.

        Ports: 8000, 8001, 8002 unless given; 0 for a free one, which the result names. address: 0.0.0.0 unless given.
        options: those of `triton-lite serve` that concern front ends, with underscores (http_workers=2,
        allow_metrics=False). As there, TRITON_LITE_… in the environment counts for what is not given.
        The result is a context manager that ends it; so do `stop` and the end of the program, whatever ends that.
        Raises TritonError(UNAVAILABLE) where a port is taken.
        """
        from triton_lite.serving import Serving, serving_settings

        ports = {"http": http_port, "grpc": grpc_port, "metrics": metrics_port}
        fields = type(self._options)
        own = {name: getattr(self._options, name) for name in _SHARED_OPTIONS}
        settings = serving_settings(
            ports, address, options, {name: value for name, value in own.items() if value != getattr(fields, name)}
        )
        with self._serve_lock:
            if self._engine is None:
                self.start()
            if self._serving is not None and self._serving.running:
                raise TritonError(Code.ALREADY_EXISTS, "the server is served already; close that first")
            self._serving = Serving(settings, self._listen(settings))
            return self._serving

    def serve_forever(self, **options: Any) -> None:
        """Serve until SIGINT, SIGTERM or `stop`, then stop. Arguments as for `serve`.

        Raises TritonError(UNAVAILABLE) if the front ends break.
        """
        from triton_lite.serving import ended_by_signals

        try:
            with ended_by_signals():
                self.serve(**options).wait()
        finally:
            self.stop()

    def _listen(self, settings: Any) -> FilePath:
        """Let the engine listen where only this user's processes find it. Returns its socket."""
        from triton_lite.cli.private_place import private_place
        from triton_lite.options import OptionError

        if self._socket is None:
            assert self._engine is not None
            try:
                socket = self._listening.enter_context(private_place(settings)).socket
            except OptionError as error:
                raise TritonError(Code.UNAVAILABLE, str(error)) from None
            self._engine.listen(str(socket), self._options.answer_budget_byte_size)
            self._socket = socket
        return self._socket
