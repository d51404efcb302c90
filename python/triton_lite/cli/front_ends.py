"""The front ends of a program that holds the engine itself: `triton-lite serve` without an engine of its own.

PYTHON -m triton_lite.cli.front_ends PROGRAM REPORT [OPTIONS]. PROGRAM: its process id. REPORT: a descriptor, which gets
one JSON object: the ports by name when all serve, or {"error": TEXT}. --engine names the socket of its engine.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path

from triton_lite.cli.announcement import started
from triton_lite.cli.child import Child
from triton_lite.cli.children import Commands, Programs
from triton_lite.cli.log import log_here
from triton_lite.cli.ports import Ports, claim_ports
from triton_lite.cli.serve import check_files, read_settings
from triton_lite.cli.supervisor import Supervisor
from triton_lite.errors import TritonError
from triton_lite.guard.exposure import exposure
from triton_lite.launch.file_lock import FileLock
from triton_lite.launch.leftovers import clear
from triton_lite.launch.place import Place
from triton_lite.options import OptionError, Settings

_log = logging.getLogger("triton_lite.serve")
# Where the kernel cannot tell of a program's end by itself.
_LOOK_SECONDS = 1.0
ERROR = "error"


class Program(Child):
    """The program whose engine it is: it cannot be started here, nor is it told to end."""

    def __init__(self, process_id: int) -> None:
        super().__init__("program", _not_here)
        self._id = process_id

    def start(self) -> None:
        """It runs already."""

    @property
    def running(self) -> bool:
        """Nobody waits for its end here."""
        return False

    def poll(self) -> str | None:
        """Say that it is gone, if it is."""
        return None if os.getppid() == self._id else "it is gone"


class FrontEnds(Supervisor):
    """Serves until a signal comes, the program ends, or a front end does not stay up."""

    def __init__(self, settings: Settings, ports: Ports, commands: Commands, program: int, report: int) -> None:
        super().__init__(settings, ports, commands, Program(program))
        self._report = report
        try:
            self._watch: int | None = os.pidfd_open(program)
        except OSError:
            self._watch = None
        else:
            self._selector.register(self._watch, selectors.EVENT_READ, lambda: None)

    def _pause(self) -> float | None:
        pause = super()._pause()
        if self._watch is not None:
            return pause
        return _LOOK_SECONDS if pause is None else min(pause, _LOOK_SECONDS)

    def _on_death(self, child: Child, end: str) -> None:
        if child is not self._engine:
            super()._on_death(child, end)
            return
        # There is nothing that requests could still get an answer from.
        if self._watch is not None:
            self._selector.unregister(self._watch)
        for front_end in self._front_ends:
            front_end.kill()
        self._exit_code = 0

    def _announce(self) -> None:
        self._served = True
        for line in started(self._ports):
            _log.info(line)
        named = {"http": self._ports.http, "grpc": self._ports.grpc, "metrics": self._ports.metrics}
        tell(self._report, {name: port.number for name, port in named.items() if port is not None})


def main(arguments: list[str] | None = None) -> int:
    """Serve. Exit code: 0 after an orderly stop, else as of `triton-lite serve`."""
    given = sys.argv[1:] if arguments is None else arguments
    program, report, options = int(given[0]), int(given[1]), given[2:]
    # Whatever a program does with its signals, this process and those that it starts have them all.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.set_inheritable(report, False)
    place = None
    try:
        settings = read_settings(options)
        place = Place(Path(settings["engine"]))
        return _serve(settings, place, program, report)
    except (OptionError, TritonError) as error:
        tell(report, {ERROR: str(error)})
        return 1
    finally:
        if place is not None and os.getppid() != program:
            _clean_up(place)


def _serve(settings: Settings, place: Place, program: int, report: int) -> int:
    check_files(settings)
    with claim_ports(settings) as ports:
        log = log_here(settings, place)
        for line in exposure(settings):
            log.info(line)
        return FrontEnds(settings, ports, Commands(settings, ports, place, Programs()), program, report).run()


def tell(report: int, message: dict[str, int | str]) -> None:
    """Tell the program, once; it may be gone."""
    try:
        os.write(report, json.dumps(message).encode() + b"\n")
        os.close(report)
    except OSError:
        return


def _clean_up(place: Place) -> None:
    """Remove what belongs to an engine whose program was killed and could not do it."""
    with FileLock(place.lock) as lock:
        if lock.try_acquire():
            clear(place)


def _not_here() -> subprocess.Popen[bytes]:
    raise AssertionError("the program is started by nobody here")


if __name__ == "__main__":
    sys.exit(main())
