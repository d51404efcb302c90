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
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from triton_lite import _native
from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.link import EngineLink
from triton_lite.functions.batching import Batching
from triton_lite.functions.declaration import declare
from triton_lite.functions.source import FunctionSource
from triton_lite.functions.tensor import Tensor
from triton_lite.in_process.model import Model
from triton_lite.in_process.output_tensor import OutputTensor
from triton_lite.in_process.parameters import Parameter
from triton_lite.in_process.response import InferenceResponse
from triton_lite.proto import METHODS, messages

if TYPE_CHECKING:
    from triton_lite.in_process.front_ends import PrivateListener
    from triton_lite.serving import Serving

__all__ = ["Function", "InferenceResponse", "Model", "OutputTensor", "Parameter", "Path", "Server"]

Path = str | os.PathLike[str]
Function = TypeVar("Function", bound=Callable[..., Any])


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
        self._listener: PrivateListener | None = None
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
        self._engine = self._control_plane = self._serving = None
        if self._listener is not None:
            self._listener.close()

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
        from triton_lite.in_process.front_ends import PrivateListener, front_end_settings
        from triton_lite.serving import Serving

        ports = {"http": http_port, "grpc": grpc_port, "metrics": metrics_port}
        settings = front_end_settings(self._options, ports, address, options)
        with self._serve_lock:
            if self._engine is None:
                self.start()
            if self._serving is not None and self._serving.running:
                raise TritonError(Code.ALREADY_EXISTS, "the server is served already; close that first")
            assert self._engine is not None
            self._listener = self._listener or PrivateListener()
            socket = self._listener.listen(self._engine, settings, self._options.answer_budget_byte_size)
            self._serving = Serving(settings, socket)
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
