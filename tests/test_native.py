"""Builds and runs the programs of tests/native, each as a test of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from native_programs import ROOT, build

NATIVE = ROOT / "tests" / "native"
PROGRAMS = sorted(f"{source.parent.name}_{source.stem}" for source in NATIVE.glob("*/*_test.cc"))
# What runs under TSan: everything that has threads.
THREADED = [
    name
    for name in PROGRAMS
    if name.split("_")[0] in ("channel", "memory", "schedule", "cache", "engine", "cuda", "fake")
]


def run(program: Path) -> None:
    done = subprocess.run([program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-12000:]


@pytest.fixture(scope="session")
def plain() -> Path:
    return build()


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
