"""`triton-lite status`: what the servers of this user do right now."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.options import OptionError, load

_DESCRIPTION = """Show processes, models, connections and memory of running servers: of all in the runtime folder, or
of the one whose engine listens at SOCKET. Asks their engines directly, so it works as long as the engine answers."""
_WAIT_SECONDS = 10.0
DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3


def status(arguments: Sequence[str]) -> int:
    """Run `triton-lite status`; returns its exit code: 3 where no server runs."""
    parser = argparse.ArgumentParser(prog="triton-lite status", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="write one line of JSON for each server")
    parser.add_argument("--engine", metavar="SOCKET", default="", help="the engine's socket")
    parser.add_argument("--runtime-dir", metavar="FOLDER", default="", help="the runtime folder of the servers")
    try:
        given = parser.parse_args(arguments)
    except SystemExit as end:  # Of --help, or of arguments that it has already complained about.
        return int(end.code or 0)
    try:
        sockets = [Path(given.engine)] if given.engine else list(_sockets(given.runtime_dir))
    except OptionError as error:
        print(f"triton-lite status: {error}", file=sys.stderr)
        return USAGE
    found = 0
    for socket in sockets:
        try:
            shown = ask(socket)
        except TritonError as error:
            if given.engine:
                print(f"triton-lite status: {error.text}", file=sys.stderr)
            continue
        if shown is None:  # A socket that was left behind.
            continue
        found += 1
        if given.json:
            print(json.dumps({"socket": str(socket), **shown}))
        else:
            from triton_lite.engine.status import as_text

            print(f"{socket}\n{as_text(shown)}\n")
    if not found:
        print("triton-lite status: no server runs here", file=sys.stderr)
    return DONE if found else UNREACHABLE


def ask(socket: Path) -> dict[str, Any] | None:
    """Ask the engine at a socket; None where nobody listens. Raises TritonError."""
    from triton_lite import _native
    from triton_lite.proto import MethodNumber

    try:
        client = _native.ChannelClient(str(socket), "status")
    except TritonError as error:
        if error.code is Code.UNAVAILABLE:
            return None
        raise
    answer = client.wait(client.send(int(MethodNumber.ADMIN), b'{"what": "status"}'), _WAIT_SECONDS)
    if answer is None:
        raise TritonError(Code.UNAVAILABLE, f"the engine at {socket} does not answer")
    if answer.code:
        raise TritonError(answer.code, answer.text)
    shown: dict[str, Any] = json.loads(bytes(answer.message))
    return shown


def _sockets(folder: str) -> Iterator[Path]:
    from triton_lite.launch.runtime_folder import runtime_folder

    settings, _ = load([f"--runtime-dir={folder}"] if folder else [])
    yield from sorted(runtime_folder(settings).glob("*.sock"))
