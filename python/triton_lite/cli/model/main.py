"""`triton-lite model COMMAND …`: the table of its commands, each loaded when it is used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

DONE = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3


@dataclass(frozen=True)
class Command:
    """A command: what it does in one line, and how it is called beside its options."""

    name: str
    summary: str

    def module(self) -> Any:
        """Load the module: `describe(parser)` declares its arguments, `run(arguments)` returns its exit code."""
        return importlib.import_module(f"triton_lite.cli.model.{self.name}")


COMMANDS = (
    Command("check", "Find everything that is wrong with a model repository"),
    Command("config", "Print the complete configuration of a model, from a running server"),
    Command("new", "Make a model of a repository from an ONNX file"),
    Command("load", "Load or reload a model on a running server"),
    Command("unload", "Unload a model from a running server"),
    Command("index", "List the models of a running server"),
    Command("infer", "Run a model on a running server and print its outputs"),
)

_HEAD = "Usage: triton-lite model COMMAND ...\n"
_END = f"""
`triton-lite model COMMAND --help` says more. Exit codes: {DONE} done, {FAILED} refused or faults found,
{USAGE} wrong arguments, {UNREACHABLE} no server there.
"""


def usage() -> str:
    """The list of the commands, as `--help` prints it."""
    lines = "".join(f"  {command.name:<8} {command.summary}\n" for command in COMMANDS)
    return f"{_HEAD}\n{lines}{_END}"


def model(arguments: Sequence[str]) -> int:
    """Run `triton-lite model`; returns its exit code."""
    name, *rest = arguments or ["--help"]
    if name in ("--help", "-h", "help"):
        print(usage(), end="")
        return DONE
    command = next((one for one in COMMANDS if one.name == name), None)
    if command is None:
        print(f"triton-lite model: there is no command {name!r}\n\n{usage()}", end="", file=sys.stderr)
        return USAGE
    return _run(command, rest)


def _run(command: Command, arguments: Sequence[str]) -> int:
    from triton_lite.cli.model.client import ServerError, UnreachableError
    from triton_lite.cli.model.usage_error import UsageError

    module = command.module()
    parser = argparse.ArgumentParser(
        prog=f"triton-lite model {command.name}", description=f"{command.summary}.", allow_abbrev=False
    )
    module.describe(parser)
    try:
        given = parser.parse_args(arguments)
    except SystemExit as end:  # Of --help, or of arguments that it has already complained about.
        return int(end.code or 0)
    try:
        return int(module.run(given))
    except UsageError as error:
        return _complain(command, error, USAGE)
    except UnreachableError as error:
        return _complain(command, error, UNREACHABLE)
    except ServerError as error:
        return _complain(command, error, FAILED)
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
        return FAILED


def _complain(command: Command, error: Exception, code: int) -> int:
    print(f"triton-lite model {command.name}: {error}", file=sys.stderr)
    return code
