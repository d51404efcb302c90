"""`triton-lite`: one command with subcommands, each loaded when it is used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

_USAGE = """Usage: triton-lite COMMAND ...

  serve     Serve models: triton-lite serve [OPTIONS] [REPOSITORY or FILE.onnx]
  model     Check, make, load, unload, list and run models: triton-lite model --help
  top       Show what the models of a running server do: triton-lite top --help
  key       Make an API key for --api-keys-file: triton-lite key --help
  status    Show the processes, models and memory of running servers: triton-lite status --help
  options   List the options of the server; --markdown prints them as a page

  --version   Print the version
  --help      Print this; `triton-lite serve --help` lists the options of the server
"""


def _serve(arguments: Sequence[str]) -> int:
    from triton_lite.cli.serve import serve

    return serve(arguments)


def _model(arguments: Sequence[str]) -> int:
    from triton_lite.cli.model.main import model

    return model(arguments)


def _top(arguments: Sequence[str]) -> int:
    from triton_lite.cli.top.main import top

    return top(arguments)


def _key(arguments: Sequence[str]) -> int:
    from triton_lite.cli.key import key

    return key(arguments)


def _status(arguments: Sequence[str]) -> int:
    from triton_lite.cli.status import status

    return status(arguments)


def _options(arguments: Sequence[str]) -> int:
    from triton_lite.options.help import markdown, usage

    sys.stdout.write(markdown() if "--markdown" in arguments else usage().lstrip() + "\n")
    return 0


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "serve": _serve,
    "model": _model,
    "top": _top,
    "key": _key,
    "status": _status,
    "options": _options,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    name, *rest = given or ["--help"]
    command = _COMMANDS.get(name)
    if command is not None:
        return command(rest)
    if name == "--version":
        from triton_lite.version import version

        print(version())
        return 0
    if name in ("--help", "-h", "help"):
        print(_USAGE, end="")
        return 0
    print(f"triton-lite: there is no command {name!r}\n\n{_USAGE}", end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
