"""The command line itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from triton_lite.cli.main import main
from triton_lite.version import version

# Whatever these load, `serve` would load before it can start anything.
EXPENSIVE = (
    "numpy",
    "grpc",
    "falcon",
    "google.protobuf",
    "gunicorn",
    "asyncio",
    "http",
    "triton_lite._native",
    "click",
)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{version()}\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "serve" in capsys.readouterr().out
    assert main(["serve", "--help"]) == 0
    assert "Model Repository:\n  --model-repository=PATH, --model-store=PATH\n" in capsys.readouterr().out


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sreve"]) == 2
    assert "there is no command 'sreve'" in capsys.readouterr().err


def test_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["options", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Options")


def test_the_supervisor_loads_nothing_expensive() -> None:
    program = "import sys, triton_lite.cli.serve, triton_lite.cli.supervisor; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in EXPENSIVE if name in loaded] == []
