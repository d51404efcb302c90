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
from triton_lite.frontends.grpc.guarded import GuardedPort, Serve
from triton_lite.frontends.grpc.options import GrpcOptions
from triton_lite.frontends.link import EngineLink, raise_for
from triton_lite.frontends.unread import UnreadAnswers
from triton_lite.guard import groups
from triton_lite.launch.dead_peers import end_dead_connections, listeners
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
        self._unread = UnreadAnswers(options.max_unread_byte_size)
        self._draining = self._ending = False
        self._streams: list[streaming.StreamInfer] = []
        self._server = self._make(None)
        # Calls do not know at which of a server's ports they came in: the admin address has a server of its own.
        self._admin_server = self._make(options.admin_port) if options.admin_address else None

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        options = self._options
        port = self._listen(self._server, options.address, options.port)
        if self._admin_server is not None:
            self._listen(self._admin_server, options.admin_address, options.admin_port)
            await self._admin_server.start()
        await self._server.start()
        for number in {port, options.admin_port if options.admin_address else port}:
            with listeners(number) as found:  # gRPC has no option for it.
                for listener in found:
                    end_dead_connections(listener)
        return port

    def drain(self) -> None:
        """Say from now on that the server is not ready; it serves on."""
        self._draining = True

    async def stop(self) -> int:
        """Take no new calls (clients get GOAWAY) and let those under way end, for at most exit-timeout-secs.

        Then they are answered UNAVAILABLE. Returns how many requests that befell.
        """
        self._draining = self._ending = True
        for stream in self._streams:
            stream.end()
        servers = [server for server in (self._server, self._admin_server) if server is not None]
        stopping = {asyncio.ensure_future(server.stop(_NEVER_SECONDS)) for server in servers}
        _, left = await asyncio.wait(stopping, timeout=self._options.exit_timeout_secs)
        cut_off = 0
        if left:
            cut_off = self._bridge.cut_off()
            await asyncio.gather(*(server.stop(_LAST_WORDS_SECONDS) for server in servers))
            await asyncio.gather(*stopping)
        self._bridge.close()
        return cut_off

    def _make(self, admin_port: int | None) -> grpc.aio.Server:
        options = self._options
        server = grpc.aio.server(
            options=(
                *_UNLIMITED,
                ("grpc.so_reuseport", int(options.share_port or options.reuse_port)),
                *options.channel,
            ),
        )
        guarded = GuardedPort(options.guard, admin_port) if options.guard is not None else None
        server.add_generic_rpc_handlers(self._handlers(guarded))
        return server

    def _listen(self, server: grpc.aio.Server, host: str, number: int) -> int:
        address = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
        try:
            if self._options.credentials is not None:
                port = server.add_secure_port(address, self._options.credentials)
            else:
                port = server.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if port == 0:
            raise OSError(f"Socket '{address}' already in use ")
        return port

    async def _ready(self, request: bytes, context: Any) -> bytes:
        """ServerReady: this process may be about to end while the engine is not."""
        if self._draining:
            return b""
        ready: bytes = await self._relay_ready(request, context)
        return ready

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

    def _handlers(self, guarded: GuardedPort | None) -> tuple[grpc.GenericRpcHandler[Any, Any], ...]:
        unary, stream_in, stream_out = (
            grpc.unary_unary_rpc_method_handler,
            grpc.stream_stream_rpc_method_handler,
            grpc.unary_stream_rpc_method_handler,
        )

        def behind(group: str, serve: Serve) -> Serve:
            return serve if guarded is None else guarded.handler(group, serve)

        checks = health.Health(lambda: self._bridge, lambda: self._draining, lambda: self._ending)
        reflected = reflection.Reflection((SERVICE, health.SERVICE))
        services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {
            SERVICE: self._inference_handlers(guarded),
            health.SERVICE: {
                "Check": unary(behind(groups.HEALTH, checks.check)),
                "Watch": stream_out(behind(groups.HEALTH, checks.watch)),
            },
        }
        for service in reflection.SERVICES:
            services[service] = {"ServerReflectionInfo": stream_in(behind(groups.REFLECTION, reflected.info))}
        return tuple(grpc.method_handlers_generic_handler(service, methods) for service, methods in services.items())

    def _inference_handlers(self, guarded: GuardedPort | None) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        options = self._options

        def bridge() -> Bridge:
            return self._bridge

        serve: dict[str, Serve] = {
            name: inference.relay(bridge, METHODS[name].number, options.regions_by_peer) for name in METHODS
        }
        self._relay_ready = serve["ServerReady"]
        serve["ServerReady"] = self._ready
        serve["ModelInfer"] = inference.infer(
            bridge,
            MethodNumber.MODEL_INFER,
            options.compression,
            options.header_forward_pattern,
            options.access_log,
            options.regions_by_peer,
            self._unread,
        )
        stream = streaming.StreamInfer(
            bridge,
            MethodNumber.MODEL_STREAM_INFER,
            options.stream_backlog,
            options.compression,
            options.header_forward_pattern,
            options.access_log,
            options.regions_by_peer,
            guarded.admit_message if guarded is not None else None,
            self._unread,
        )
        self._streams.append(stream)
        serve["ModelStreamInfer"] = stream.handle
        if guarded is not None:
            for name, group in groups.GRPC_METHODS.items():
                # A stream counts message by message.
                serve[name] = guarded.handler(group, serve[name], count=name != "ModelStreamInfer")
        handlers = {name: grpc.unary_unary_rpc_method_handler(handle) for name, handle in serve.items()}
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(serve["ModelStreamInfer"])
        return handlers
