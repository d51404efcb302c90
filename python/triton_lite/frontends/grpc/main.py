"""`triton-lite-grpc`: the gRPC front end as one process, or as several that share the port."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import replace
from types import FrameType

from triton_lite import launch, logs
from triton_lite.frontends import ready
from triton_lite.frontends.grpc import processes
from triton_lite.frontends.link import EngineLink
from triton_lite.launch.place import place_of
from triton_lite.options import OptionError, Settings

_log = logging.getLogger("triton_lite.grpc")


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status.

    Options as those of tritonserver (`triton-lite serve --help` lists them).
    """
    given = sys.argv[1:] if arguments is None else arguments
    as_part = processes.parent_descriptor()
    try:
        settings = launch.options(given)
    except OptionError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        logs.configure_by_options(settings, board=logs.board_path(place_of(settings).socket))
        if settings["log-file"]:
            signal.signal(signal.SIGHUP, _on_hang_up)
        if as_part is not None or settings["grpc-processes"] == 1:
            # Imported here: the supervisor of several processes needs no loop.
            import uvloop

            uvloop.run(serve(settings, as_part))
            return 0
        return processes.supervise(settings["grpc-address"], settings["grpc-port"], settings["grpc-processes"], given)
    except (OSError, OptionError) as error:
        print(error, file=sys.stderr)
        return 1


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

    options = replace(GrpcOptions.from_settings(settings.__getitem__), share_port=parent is not None)
    link = EngineLink("grpc", lambda name: connect_to_engine(name, settings, options.stream_window))
    server = GrpcServer(options, link)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if parent is not None:
        loop.add_reader(parent, stopping.set)
    port = await server.start()
    server.connect_early()
    _log.info("Started GRPCInferenceService at %s:%d", options.address, port)
    ready.announce(port)
    await stopping.wait()
    if parent is not None:
        loop.remove_reader(parent)
    await server.stop()


if __name__ == "__main__":
    sys.exit(main())
