"""The grpc.aio server of one process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import grpc
import grpc.aio

from triton_lite.errors import TritonError
from triton_lite.frontends.bridge import Bridge
from triton_lite.frontends.grpc import health, inference, reflection, streaming
from triton_lite.frontends.grpc.options import GrpcOptions
from triton_lite.frontends.link import EngineLink, raise_for
from triton_lite.proto import METHODS, MethodNumber
from triton_lite.proto.methods import SERVICE

# Answers that are given up are sent in this time; then connections are closed, whoever still reads.
_LAST_WORDS_SECONDS = 0.5
_NEVER_SECONDS = 1e6
_LOOK_SECONDS = 0.02
_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class GrpcServer:
    """Listens from `start` to `stop`. Made and used on one event loop."""

    def __init__(self, options: GrpcOptions, link: EngineLink) -> None:
        self._options = options
        self._bridge = Bridge(link)
        self._draining = self._ending = False
        self._server = grpc.aio.server(
            options=(
                *_UNLIMITED,
                ("grpc.so_reuseport", int(options.share_port or options.reuse_port)),
                *options.channel,
            ),
        )
        self._server.add_generic_rpc_handlers(self._handlers())

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        options = self._options
        host = f"[{options.address}]" if ":" in options.address else options.address
        address = f"{host}:{options.port}"
        try:
            if options.credentials is not None:
                port = self._server.add_secure_port(address, options.credentials)
            else:
                port = self._server.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if port == 0:
            raise OSError(f"Socket '{address}' already in use ")
        await self._server.start()
        return port

    def drain(self) -> None:
        """Say from now on that the server is not ready; it serves on."""
        self._draining = True

    async def stop(self) -> int:
        """Take no new calls (clients get GOAWAY) and let those under way end, for at most exit-timeout-secs.

        Then they are answered UNAVAILABLE. Returns how many requests that befell.
        """
        self._draining = self._ending = True
        self._streams.end()
        stopping = asyncio.ensure_future(self._server.stop(_NEVER_SECONDS))
        ended, _ = await asyncio.wait({stopping}, timeout=self._options.exit_timeout_secs)
        cut_off = 0
        if not ended:
            cut_off = self._bridge.cut_off()
            await self._server.stop(_LAST_WORDS_SECONDS)
            await stopping
        self._bridge.close()
        return cut_off

    async def _ready(self, request: bytes, context: Any) -> bytes:
        """ServerReady: this process may be about to end while the engine is not."""
        if self._draining:
            return b""
        return await self._relay_ready(request, context)

    async def wait_until_loaded(self) -> None:
        """Wait until the engine has its models, as far as it could load them.

        Who is refused a connection asks another server; who is answered UNAVAILABLE may not.
        """
        while True:
            with contextlib.suppress(TritonError, ValueError):
                answer = await self._bridge.call(MethodNumber.ADMIN, b'{"what": "progress"}')
                raise_for(answer)
                if json.loads(bytes(answer.message))["done"]:
                    return
            await asyncio.sleep(_LOOK_SECONDS)

    def connect_early(self) -> asyncio.Future[Any]:
        """Begin to connect to the engine: the first call need not wait then. Errors are left to the calls."""
        connecting = asyncio.ensure_future(self._bridge.client())
        connecting.add_done_callback(lambda future: future.cancelled() or future.exception())
        return connecting

    def _handlers(self) -> tuple[grpc.GenericRpcHandler[Any, Any], ...]:
        unary, stream_in, stream_out = (
            grpc.unary_unary_rpc_method_handler,
            grpc.stream_stream_rpc_method_handler,
            grpc.unary_stream_rpc_method_handler,
        )
        checks = health.Health(lambda: self._bridge, lambda: self._draining, lambda: self._ending)
        reflected = reflection.Reflection((SERVICE, health.SERVICE))
        services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {
            SERVICE: self._inference_handlers(),
            health.SERVICE: {"Check": unary(checks.check), "Watch": stream_out(checks.watch)},
        }
        for service in reflection.SERVICES:
            services[service] = {"ServerReflectionInfo": stream_in(reflected.info)}
        return tuple(grpc.method_handlers_generic_handler(service, methods) for service, methods in services.items())

    def _inference_handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        options = self._options

        def bridge() -> Bridge:
            return self._bridge

        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                inference.relay(bridge, METHODS[name].number, options.regions_by_peer)
            )
            for name in METHODS
        }
        self._relay_ready = inference.relay(bridge, MethodNumber.SERVER_READY, options.regions_by_peer)
        handlers["ServerReady"] = grpc.unary_unary_rpc_method_handler(self._ready)
        handlers["ModelInfer"] = grpc.unary_unary_rpc_method_handler(
            inference.infer(
                bridge,
                MethodNumber.MODEL_INFER,
                options.compression,
                options.header_forward_pattern,
                options.access_log,
                options.regions_by_peer,
            )
        )
        self._streams = streaming.StreamInfer(
            bridge,
            MethodNumber.MODEL_STREAM_INFER,
            options.stream_backlog,
            options.compression,
            options.header_forward_pattern,
            options.access_log,
            options.regions_by_peer,
        )
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(self._streams.handle)
        return handlers
