"""The engine process: listens on a Unix socket, serves models, and ends on a signal or when nobody needs it.

Started by exec, from `triton-lite serve` or from the first front end. Imports as little as it can: neither numpy
nor grpc nor the onnxruntime package.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triton_lite import logs
from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.journal import Journal, journal_path, read
from triton_lite.engine.options import EngineOptions
from triton_lite.engine.progress import Progress
from triton_lite.engine.report import ReportWriter
from triton_lite.engine.signals import DRAIN_SIGNAL, REPORT_SIGNAL
from triton_lite.engine.start_report import report_start
from triton_lite.engine.state import ModelTable
from triton_lite.errors import TritonError
from triton_lite.guard.rate_path import rate_table_path

_log = logging.getLogger(__name__)

OPTIONS_VARIABLE = "TRITON_LITE_ENGINE_OPTIONS"
"""Environment variable with the engine's options as JSON, where no file is named."""

_ENDING_SIGNALS = {signal.SIGTERM, signal.SIGINT}
_SIGNALS = {*_ENDING_SIGNALS, DRAIN_SIGNAL, REPORT_SIGNAL}
_LINGER_CHECK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the engine until it is told to end. Returns the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        engine_options = _read_options(options.options)
    except (OSError, ValueError) as error:
        print(f"triton-lite engine: {error}", file=sys.stderr)
        return 2
    # Before any other thread: all inherit the mask, and only the main thread takes these signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        _configure_logs(engine_options, Path(options.socket), supervised=options.parent is not None)
    except OSError as error:
        print(f"triton-lite engine: the log file cannot be written: {error}", file=sys.stderr)
        return 2
    if options.new_session and os.getsid(0) != os.getpid():
        _leave_session()
    if options.parent is not None and not _end_with_parent(options.parent):
        return 0
    try:
        return _run(options, engine_options)
    except TritonError as error:
        _log.error("%s", error.text)
        return 1
    finally:
        _clean_up(options)


def _run(options: argparse.Namespace, engine_options: EngineOptions) -> int:
    from triton_lite import _native

    _native.configure_log(**logs.native_options())
    # The native stack is written first, then those of Python.
    faulthandler.enable()
    _native.install_crash_traces()
    report = ReportWriter(options.ready_fd)
    if engine_options.access_log:
        _native.start_access_log(engine_options.access_log)
    engine = engine_options.make_engine(_native)
    journal = Journal(journal_path(Path(options.socket)))
    supervised = options.parent is not None
    folder = os.path.dirname(os.path.abspath(options.socket))
    control_plane = ControlPlane(engine, engine_options, _native, journal, supervised, folder)
    engine.listen(options.socket, engine_options.answer_budget_byte_size)
    report.listening()
    control_plane.start()
    reported = (control_plane.lifecycle.table, control_plane.progress, report)
    threading.Thread(target=_follow_start, args=reported, name="start-report", daemon=True).start()
    _log.info("engine %d listens at %s", os.getpid(), options.socket)
    reason = _wait_for_end(engine, control_plane, options.linger)
    _log.info("engine %d ends: %s", os.getpid(), reason)
    engine.stop()
    control_plane.stop()
    _native.stop_access_log()
    return 0


def _follow_start(table: ModelTable, progress: Progress, report: ReportWriter) -> None:
    report_start(table, progress, report)
    # See __main__. What is there now is not looked at again.
    gc.freeze()
    gc.enable()


def _wait_for_end(engine: Any, control_plane: ControlPlane, linger: float | None) -> str:
    """Wait for a signal or, with `linger`, until no peer was there for so many seconds. Returns the reason."""
    while True:
        if linger is None:
            number: int | None = signal.sigwait(_SIGNALS)
        else:
            info = signal.sigtimedwait(_SIGNALS, min(_LINGER_CHECK_SECONDS, max(linger, 0.01)))
            number = info.si_signo if info is not None else None
        if number in _ENDING_SIGNALS:
            return signal.Signals(number).name
        if number == DRAIN_SIGNAL:
            control_plane.progress.drain()
        elif number == REPORT_SIGNAL:
            control_plane.log_status()
        elif linger is not None and engine.peer_count == 0 and engine.idle_seconds >= linger:
            return f"no peer for {linger:g} s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_lite.engine", description="The engine of triton_lite.")
    parser.add_argument("--socket", required=True, help="path of the Unix socket to listen at")
    parser.add_argument("--options", help=f"file with the options as JSON, '-' for stdin; else ${OPTIONS_VARIABLE}")
    parser.add_argument("--ready-fd", type=int, help="descriptor that the start is reported on (see report.py)")
    parser.add_argument("--linger", type=float, help="seconds to live on without a peer; for ever by default")
    parser.add_argument("--new-session", action="store_true", help="leave the terminal and process group of the caller")
    parser.add_argument("--parent", type=int, help="process id of the supervisor, with which the engine ends")
    return parser


def _read_options(file: str | None) -> EngineOptions:
    if file == "-":
        return EngineOptions.from_json(sys.stdin.read())
    if file is not None:
        with open(file, encoding="utf-8") as opened:
            return EngineOptions.from_json(opened.read())
    return EngineOptions.from_json(os.environ.get(OPTIONS_VARIABLE, "{}"))


def _configure_logs(options: EngineOptions, socket: Path, *, supervised: bool) -> None:
    own = logs.LogSettings(
        info=options.log_info,
        warning=options.log_warning,
        error=options.log_error,
        verbose=max(0, options.log_verbose),
        format=options.log_format,
    )
    board = logs.board_path(socket)
    if not supervised and read(journal_path(socket)) is None:
        # An engine that was here before, and what was set in it, is over. A supervisor's board goes with its server.
        board.unlink(missing_ok=True)
    logs.configure(own, file=options.log_file, board=board)


def _clean_up(options: argparse.Namespace) -> None:
    """Leave nothing behind, unless there is a supervisor that may start another engine."""
    if options.parent is not None and os.getppid() == options.parent:
        return
    socket = Path(options.socket)
    logs.board_path(socket).unlink(missing_ok=True)
    rate_table_path(socket).unlink(missing_ok=True)
    journal_path(socket).unlink(missing_ok=True)
    if options.parent is not None:
        # The supervisor was killed and could not do it.
        from triton_lite.launch.file_lock import FileLock
        from triton_lite.launch.leftovers import remove_leftovers
        from triton_lite.launch.place import Place

        with FileLock(Place(socket).lock) as lock:
            lock.try_acquire()  # Letting go of it removes it.
        remove_leftovers(socket.parent)


def _leave_session() -> None:
    try:
        os.setsid()
    except PermissionError:  # Already the leader of a process group, which is what counts.
        _log.debug("the engine leads a process group already")


def _end_with_parent(parent: int) -> bool:
    """Ask the kernel for SIGTERM when the parent ends. Returns False when it has ended already."""
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, int(signal.SIGTERM), 0, 0, 0)
    return os.getppid() == parent
