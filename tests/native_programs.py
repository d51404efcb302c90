"""Builds the programs of tests/native, and finds those that are built."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FOLDER = "TRITON_LITE_NATIVE_PROGRAMS"


@functools.cache
def build(sanitizer: str = "") -> Path:
    """Build everything, under "address" or "thread" where wanted. Returns the folder of the programs."""
    folder = ROOT / "build" / f"native-tests-{sanitizer or 'plain'}"
    # Under sanitizers gcc warns of what it cannot follow through its own instrumentation.
    strict = "OFF" if sanitizer else "ON"
    options = ["-DTRITON_LITE_BUILD_TESTS=ON", f"-DTRITON_LITE_WERROR={strict}"]
    # The load loops of the benchmarks: that they build is part of what is tested.
    options += ["-DTRITON_LITE_BUILD_BENCH=ON"]
    options += [f"-DTRITON_LITE_SANITIZE={sanitizer}"]
    options += ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O1"] if sanitizer else ["-DCMAKE_BUILD_TYPE=Release"]
    _build(folder, options, "all")
    return folder / "native_tests"


@functools.cache
def build_fuzzers(compiler: str) -> Path:
    """Build the fuzz targets under the address sanitizer, which only replay without Clang. Returns the folder."""
    folder = ROOT / "build" / f"fuzzers-{Path(compiler).name}"
    options = ["-DTRITON_LITE_BUILD_FUZZERS=ON", "-DTRITON_LITE_SANITIZE=address", f"-DCMAKE_CXX_COMPILER={compiler}"]
    _build(folder, [*options, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O1"], "fuzzers")
    return folder / "fuzzers"


def _build(folder: Path, options: list[str], target: str) -> None:
    """Build in one process at a time: the suite runs in several."""
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DTRITON_LITE_BUILD_MODULE=OFF", *options]
    # The build tools of the virtual environment, where it has its own.
    env = {
        name: value for name, value in os.environ.items() if name.startswith(("CMAKE_", "CCACHE_")) or name == "HOME"
    }
    env["PATH"] = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    # Not the one of an environment that is gone by now.
    configure.append(f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja', path=env['PATH'])}")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (configure, ["cmake", "--build", str(folder), "--target", target]):
            done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=1200)
            assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def built_elsewhere() -> bool:
    """Whether TRITON_LITE_NATIVE_PROGRAMS names a folder of programs."""
    return bool(os.environ.get(_FOLDER))


def program(name: str) -> Path:
    """A program that tests talk to: from the folder TRITON_LITE_NATIVE_PROGRAMS, else built first."""
    folder = os.environ.get(_FOLDER)
    return (Path(folder) if folder else build()) / name


def fake_cuda() -> Path:
    """The folder of the fake CUDA driver: beside the one that TRITON_LITE_NATIVE_PROGRAMS names, else built first."""
    folder = os.environ.get(_FOLDER)
    return (Path(folder) if folder else build()).parent / "fake_cuda"
