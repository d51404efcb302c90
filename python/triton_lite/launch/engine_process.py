"""The engine's process: its command, and how it is started."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from triton_lite.launch.engine_settings import engine_options
from triton_lite.launch.place import Place
from triton_lite.options import Settings

ENGINE_COMMAND = (sys.executable, "-m", "triton_lite.engine")


def start_engine(
    place: Place,
    settings: Settings,
    *,
    supervised: bool,
    environment: Mapping[str, str] | None = None,
    before_exec: Callable[[], None] | None = None,
    command: Sequence[str] = ENGINE_COMMAND,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start an engine at `place`; returns it and the pipe that it reports on (`engine.report`).

    supervised: it ends with its supervisor, else some time after its last front end went.
    """
    told = engine_options(settings)
    if not supervised:  # Nobody carries it out: what could be loaded is served.
        told = dataclasses.replace(told, exit_on_error=False)
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    # In memory, since the list of models to load may be longer than an argument may be.
    options = os.memfd_create("triton-lite-options")
    try:
        os.write(options, told.to_json().encode())
        os.lseek(options, 0, os.SEEK_SET)
        arguments = [*command, "--socket", str(place.socket), "--options", f"/dev/fd/{options}"]
        arguments += ["--ready-fd", str(write_end)]
        if supervised:
            arguments += ["--parent", str(os.getpid())]
        else:
            arguments += ["--linger", str(settings["engine-linger-secs"])]
        process = subprocess.Popen(
            arguments,
            pass_fds=(options, write_end),
            stdin=subprocess.DEVNULL,
            # gunicorn's worker may have its standard output closed or piped; the log is what is always read.
            stdout=sys.stderr.fileno() if _has_descriptor() else subprocess.DEVNULL,
            env=environment,
            # One that nobody supervises outlives the terminal of whoever started it. Else see cli/children.py.
            start_new_session=not supervised,
            process_group=0 if supervised else None,
            preexec_fn=before_exec,
        )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
        os.close(options)
    return process, read_end


def _has_descriptor() -> bool:
    try:
        return sys.stderr.fileno() >= 0
    except (AttributeError, OSError, ValueError):
        return False
