"""`triton-lite-grpc`: the gRPC front end as one process, or as several that share the port."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import signal
import sys
from dataclasses import replace
from types import FrameType

from triton_lite import launch, logs
from triton_lite.frontends import ready
from triton_lite.frontends.grpc import processes
from triton_lite.frontends.link import EngineLink
from triton_lite.guard.guard import GRPC, guard_of
from triton_lite.launch.connection import SUPERVISED
from triton_lite.launch.place import place_of
from triton_lite.options import OptionError, Settings
from triton_lite.options.processes import front_end_processes
from triton_lite.options.rules import uses_tls

_log = logging.getLogger("triton_lite.grpc")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status.

    Options as those of tritonserver (`triton-lite serve --help` lists them).
    """
    given = sys.argv[1:] if arguments is None else arguments
    as_part = processes.parent_descriptor()
    try:
        settings = launch.options(given)
        _check(settings)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 1
    faulthandler.enable()
    try:
        logs.configure_by_options(settings, board=logs.board_path(place_of(settings).socket))
        if settings["log-file"]:
            signal.signal(signal.SIGHUP, _on_hang_up)
        count = front_end_processes("grpc-processes", settings["grpc-processes"])
        if as_part is not None or count == 1:
            # Imported here: the supervisor of several processes needs no loop.
            import uvloop

            uvloop.run(serve(settings, as_part))
            return 0
        return processes.supervise(settings["grpc-address"], settings["grpc-port"], count, given)
    except (OSError, OptionError) as error:
        print(error, file=sys.stderr)
        return 1


def _check(settings: Settings) -> None:
    """Refuse what would keep the server from starting: API keys and the files of TLS. Raises OptionError."""
    guard_of(settings, GRPC)
    if uses_tls(settings.values, GRPC):
        from triton_lite.guard.certificates import check_certificates

        check_certificates(settings, GRPC)


def _on_hang_up(number: int, frame: FrameType | None) -> None:
    logs.request_reopening()


async def serve(settings: Settings, parent: int | None = None) -> None:
    """Serve in this process until a signal comes, or until `parent` (a descriptor) is closed by its other side.

    Raises OSError when the port is taken.
    """
    # Imported here: the supervisor of several processes never loads gRPC.
    from triton_lite.frontends.grpc.options import GrpcOptions
    from triton_lite.frontends.grpc.server import GrpcServer
    from triton_lite.launch.connection import connect_to_engine

    options = replace(
        GrpcOptions.from_settings(settings.__getitem__), share_port=parent is not None, guard=guard_of(settings, GRPC)
    )
    link = EngineLink("grpc", lambda name: connect_to_engine(name, settings, options.stream_window))
    server = GrpcServer(options, link)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    told = _Told(stopping)
    loop.add_signal_handler(signal.SIGTERM, told.end)
    # From a terminal it reaches every process; the one that started this one passes it on.
    loop.add_signal_handler(signal.SIGINT, told.end if parent is None else lambda: None)
    if parent is not None:
        loop.add_reader(parent, told.end)
    if os.environ.pop(ready.MODELS_VARIABLE, ""):
        loaded = asyncio.ensure_future(server.wait_until_loaded())
        await asyncio.wait({loaded, asyncio.ensure_future(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.is_set():
            return
    port = await server.start()
    server.connect_early()
    _log.info("Started GRPCInferenceService at %s:%d", options.address, port)
    ready.announce(port)
    await stopping.wait()
    if parent is not None:
        loop.remove_reader(parent)
    server.drain()
    if settings["shutdown-delay"] and SUPERVISED not in os.environ:
        await told.again(settings["shutdown-delay"])
    ending = asyncio.ensure_future(server.stop())
    ended, _ = await asyncio.wait({ending, told.again_task()}, return_when=asyncio.FIRST_COMPLETED)
    if ending not in ended:
        _log.warning("told to end again: requests in flight are given up")
        os._exit(0)
    if cut_off := ending.result():
        _log.warning("%d requests in flight were not done in time and were answered UNAVAILABLE", cut_off)


class _Told:
    """The signals that end the process: the first one in order, a second one at once."""

    def __init__(self, first: asyncio.Event) -> None:
        self._first = first
        self._second = asyncio.Event()

    def end(self) -> None:
        """A signal came."""
        (self._second if self._first.is_set() else self._first).set()

    async def again(self, seconds: float) -> None:
        """Wait for the second signal, for so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._second.wait(), seconds)

    def again_task(self) -> asyncio.Task[bool]:
        """Wait for the second signal, in a task."""
        return asyncio.ensure_future(self._second.wait())


if __name__ == "__main__":
    sys.exit(main())
