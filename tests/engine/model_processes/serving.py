"""Models of the Python backend, written and served in this process."""

from __future__ import annotations

import contextlib
import textwrap
import time
import venv
from pathlib import Path

import numpy as np

import triton_lite

CONFIG = """\
backend: "python"
input { name: "IN" data_type: TYPE_FP32 dims: 4 }
output { name: "OUT" data_type: TYPE_FP32 dims: 4 }
"""

_MODEL = """\
import os, sys, threading, time
import triton_python_backend_utils as pb


class TritonPythonModel:
{methods}

{execute}
"""

EXECUTE = "def execute(self, requests):\n"
ANSWER = """\
    return [pb.InferenceResponse([pb.Tensor("OUT", pb.get_input_tensor_by_name(r, "IN").as_numpy())]) for r in requests]
"""

ECHO = EXECUTE + ANSWER

VALUES = np.arange(4, dtype=np.float32)


def write_model(repository: Path, name: str = "m", methods: str = "", *, config: str = CONFIG, execute: str = ECHO):
    """Add a model whose class has these methods; returns its folder. config: what follows CONFIG, or None for none."""
    folder = repository / name
    (folder / "1").mkdir(parents=True, exist_ok=True)
    if config is not None:
        (folder / "config.pbtxt").write_text(config)
    write_code(folder / "1" / "model.py", methods, execute)
    return folder


def write_code(path: Path, methods: str = "", execute: str = ECHO) -> None:
    """Write a class with these methods."""
    indented = [textwrap.indent(textwrap.dedent(part), "    ") for part in (methods, execute)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_MODEL.format(methods=indented[0], execute=indented[1]))


def write_environment(folder: Path) -> Path:
    """Make a virtual environment with a module of its own."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = next(folder.glob("lib/python3.*/site-packages"))
    (site / "only_here.py").write_text("VALUE = 42\n")
    return folder


def python_backend(**settings):
    return {"python": {name.replace("_", "-"): str(value) for name, value in settings.items()}}


@contextlib.contextmanager
def serving(repository: Path, *names: str, **options):
    """Serve models of a repository; those that are named, or all."""
    options = {"exit_on_error": False, "model_control_mode": "explicit", "load_model": list(names) or ["*"], **options}
    server = triton_lite.Server(str(repository), **options)
    with server:
        yield server


def infer(server, name: str = "m", values=VALUES):
    return server.model(name).infer({"IN": values}).outputs["OUT"].to_numpy()


def reason(server, name: str = "m") -> str:
    (entry,) = (entry for entry in server.models() if entry.name == name)
    return entry.reason


def wait_until(condition, seconds: float = 30):
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def pids(folder: Path) -> list[int]:
    """The processes that noted themselves (NOTE_PID) in a folder, in the order of their start."""
    return [int(line) for line in (folder / "pids").read_text().split()] if (folder / "pids").exists() else []


def note_pid(folder: Path) -> str:
    """What a method has to say for `pids`."""
    return f"open({str(folder / 'pids')!r}, 'a').write(f'{{os.getpid()}}\\n')"
