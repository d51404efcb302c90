"""Builds and runs the programs of tests/native, each as a test of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "tests" / "native"
PROGRAMS = sorted(f"{source.parent.name}_{source.stem}" for source in NATIVE.glob("*/*_test.cc"))
# What runs under TSan: everything that has threads.
THREADED = [name for name in PROGRAMS if name.split("_")[0] in ("channel", "memory", "schedule", "engine")]


def build(sanitizer: str) -> Path:
    folder = ROOT / "build" / f"native-tests-{sanitizer or 'plain'}"
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DTRITON_LITE_BUILD_MODULE=OFF"]
    # Under sanitizers gcc warns of what it cannot follow through its own instrumentation.
    strict = "OFF" if sanitizer else "ON"
    configure += ["-DTRITON_LITE_BUILD_TESTS=ON", f"-DTRITON_LITE_WERROR={strict}"]
    # The load loops of the benchmarks: that they build is part of what is tested.
    configure += ["-DTRITON_LITE_BUILD_BENCH=ON"]
    configure += [f"-DTRITON_LITE_SANITIZE={sanitizer}"]
    configure += ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O1"] if sanitizer else ["-DCMAKE_BUILD_TYPE=Release"]
    # The build tools of the virtual environment, where it has its own.
    env = {
        name: value for name, value in os.environ.items() if name.startswith(("CMAKE_", "CCACHE_")) or name == "HOME"
    }
    env["PATH"] = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    # Not the one of an environment that is gone by now.
    configure.append(f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja', path=env['PATH'])}")
    for command in (configure, ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=1200)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return folder / "native_tests"


def run(program: Path) -> None:
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-12000:]


@pytest.fixture(scope="session")
def plain() -> Path:
    return build("")


@pytest.fixture(scope="session")
def sanitized(request: pytest.FixtureRequest) -> dict[str, Path]:
    if not request.config.getoption("--sanitize"):
        pytest.skip("only with --sanitize")
    return {name: build(name) for name in ("address", "thread")}


@pytest.mark.timeout(1300)
@pytest.mark.parametrize("program", PROGRAMS)
def test_plain(plain: Path, program: str) -> None:
    run(plain / program)


@pytest.mark.timeout(2600)
@pytest.mark.parametrize("program", PROGRAMS)
def test_address_and_undefined(sanitized: dict[str, Path], program: str) -> None:
    run(sanitized["address"] / program)


@pytest.mark.timeout(2600)
@pytest.mark.parametrize("program", THREADED)
def test_thread(sanitized: dict[str, Path], program: str) -> None:
    run(sanitized["thread"] / program)
