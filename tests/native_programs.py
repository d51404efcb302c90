"""Builds the programs of tests/native, and finds those that are built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build(sanitizer: str = "", target: str = "all") -> Path:
    """Build everything, under "address" or "thread" where wanted. Returns the folder of the programs."""
    folder = ROOT / "build" / f"native-tests-{sanitizer or 'plain'}"
    # Under sanitizers gcc warns of what it cannot follow through its own instrumentation.
    strict = "OFF" if sanitizer else "ON"
    options = ["-DTRITON_LITE_BUILD_TESTS=ON", f"-DTRITON_LITE_WERROR={strict}"]
    # The load loops of the benchmarks: that they build is part of what is tested.
    options += ["-DTRITON_LITE_BUILD_BENCH=ON"]
    options += [f"-DTRITON_LITE_SANITIZE={sanitizer}"]
    options += ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O1"] if sanitizer else ["-DCMAKE_BUILD_TYPE=Release"]
    _build(folder, options, target)
    return folder / "native_tests"


def build_fuzzers(compiler: str) -> Path:
    """Build the fuzz targets under the address sanitizer, which only replay without Clang. Returns the folder."""
    folder = ROOT / "build" / f"fuzzers-{Path(compiler).name}"
    options = ["-DTRITON_LITE_BUILD_FUZZERS=ON", "-DTRITON_LITE_SANITIZE=address", f"-DCMAKE_CXX_COMPILER={compiler}"]
    _build(folder, [*options, "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O1"], "fuzzers")
    return folder / "fuzzers"


def _build(folder: Path, options: list[str], target: str) -> None:
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DTRITON_LITE_BUILD_MODULE=OFF", *options]
    # The build tools of the virtual environment, where it has its own.
    env = {
        name: value for name, value in os.environ.items() if name.startswith(("CMAKE_", "CCACHE_")) or name == "HOME"
    }
    env["PATH"] = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    # Not the one of an environment that is gone by now.
    configure.append(f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja', path=env['PATH'])}")
    for command in (configure, ["cmake", "--build", str(folder), "--target", target]):
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=1200)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def program(name: str) -> Path:
    """A program that tests talk to: from the folder TRITON_LITE_NATIVE_PROGRAMS, else built first."""
    folder = os.environ.get("TRITON_LITE_NATIVE_PROGRAMS")
    return (Path(folder) if folder else build()) / name


def fake_cuda() -> Path:
    """The folder of the fake CUDA driver: beside the one that TRITON_LITE_NATIVE_PROGRAMS names, else built first."""
    folder = os.environ.get("TRITON_LITE_NATIVE_PROGRAMS")
    return (Path(folder) if folder else build(target="fake_cuda")).parent / "fake_cuda"
