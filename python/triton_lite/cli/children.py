"""What the server consists of: the commands of its processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from triton_lite.cli.child import die_with_supervisor, start_as_engine
from triton_lite.cli.ports import Ports
from triton_lite.frontends import ready
from triton_lite.launch.connection import SUPERVISED
from triton_lite.launch.engine_process import ENGINE_COMMAND, start_engine
from triton_lite.launch.place import Place
from triton_lite.options import Settings


@dataclass(frozen=True)
class Programs:
    """What is run for each process; tests put others in their place."""

    engine: tuple[str, ...] = ENGINE_COMMAND
    http: tuple[str, ...] = (
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "python:triton_lite.cli.gunicorn_settings",
        "triton_lite.frontends.http:app",
    )
    grpc: tuple[str, ...] = (sys.executable, "-m", "triton_lite.frontends.grpc.main")


class Commands:
    """Starts the processes of one server. Each method may be called again for a restart."""

    def __init__(self, settings: Settings, ports: Ports, place: Place, programs: Programs) -> None:
        self._programs = programs
        self._ports = ports
        self._place = place
        texts = {
            f"{name}_port": str(port.number)
            for name, port in (
                ("http", ports.http),
                ("grpc", ports.grpc),
                ("metrics", ports.metrics),
                ("http_admin", ports.http_admin),
                ("grpc_admin", ports.grpc_admin),
            )
            if port is not None
        }
        self._settings = settings.replaced(engine=str(place.socket), **texts)
        self._environment = {**self._settings.environment(os.environ), SUPERVISED: "1"}
        self._others_ready, self._others_start = os.pipe2(os.O_CLOEXEC) if ports.grpc is not None else (-1, -1)

    @property
    def engine_socket(self) -> Path:
        """Where the engine listens."""
        return self._place.socket

    def engine(self) -> tuple[subprocess.Popen[bytes], int]:
        """Start the engine; returns it and the pipe that it reports on."""
        self._place.socket.unlink(missing_ok=True)
        return start_engine(
            self._place,
            self._settings,
            supervised=True,
            environment=self._environment,
            before_exec=start_as_engine,
            command=self._programs.engine,
        )

    def http(self, ready_descriptor: int) -> subprocess.Popen[bytes]:
        """Start gunicorn on the supervisor's sockets; each worker writes to `ready_descriptor` when it is up."""
        sockets = [str(port.socket.fileno()) for port in (self._ports.http, self._ports.http_admin) if port is not None]
        environment = {
            **self._environment,
            ready.VARIABLE: str(ready_descriptor),
            "TRITON_LITE_HTTP_SOCKET": ",".join(sockets),
        }
        descriptors = [ready_descriptor, *map(int, sockets)]
        if self._others_ready >= 0:
            environment[ready.OTHERS_VARIABLE] = str(self._others_ready)
            descriptors.append(self._others_ready)
        return _popen(self._programs.http, environment, tuple(descriptors))

    def tell_http_of_grpc(self) -> None:
        """Let HTTP say that the server is ready, now that gRPC listens. Idempotent."""
        if self._others_start >= 0:
            os.close(self._others_start)
            self._others_start = -1

    def grpc(self, ready_descriptor: int) -> subprocess.Popen[bytes]:
        """Start the gRPC front end; it writes to `ready_descriptor` when it listens."""
        environment = {**self._environment, ready.VARIABLE: str(ready_descriptor)}
        if self._others_start >= 0:  # It never listened yet.
            environment[ready.MODELS_VARIABLE] = "1"
        return _popen(self._programs.grpc, environment, (ready_descriptor,))


def _popen(
    command: tuple[str, ...], environment: dict[str, str], descriptors: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        env=environment,
        pass_fds=descriptors,
        # Out of the reach of the terminal's interrupts, in the session of all others: the kernel shares cores out among
        # sessions first, where a thread of low priority has as much of them as another process's busy ones.
        process_group=0,
        preexec_fn=die_with_supervisor,
    )
