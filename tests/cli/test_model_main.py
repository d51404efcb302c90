"""`triton-lite model` itself: its commands, its exit codes, and what it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from triton_lite.cli.main import main
from triton_lite.cli.model.main import COMMANDS
from triton_lite.cli.model.tables import table


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model"]) == 0
    shown = capsys.readouterr().out
    assert main(["model", "--help"]) == 0
    assert capsys.readouterr().out == shown
    assert all(command.name in shown and command.summary in shown for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(command, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", command.name, "--help"]) == 0
    assert command.summary in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    "arguments", [["loda"], ["load"], ["check"], ["new", "m"], ["index", "--nope"], ["index", "--url", "ftp://h"]]
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", *arguments]) == 2
    told = capsys.readouterr()
    assert told.err and not told.out


def test_a_command_loads_only_what_it_needs() -> None:
    code = (
        "import sys; from triton_lite.cli.main import main; main(['model', 'index', '--url', 'http://127.0.0.1:1']);"
        "print(*(name for name in ('numpy', 'google.protobuf', 'grpc', 'triton_lite._native') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_table() -> None:
    assert table(("A", "Long"), [("1", "x"), ("22\n3", "y")]) == "\n".join(
        [
            "+----+------+",
            "| A  | Long |",
            "+----+------+",
            "| 1  | x    |",
            "| 22 | y    |",
            "| 3  |      |",
            "+----+------+",
        ]
    )
    assert table(("A",), []) == "+---+\n| A |\n+---+"
