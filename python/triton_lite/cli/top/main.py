"""`triton-lite top`: looks at a server's statistics at intervals, until it is told to end."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from triton_lite.cli.model.client import ServerClient, ServerError, UnreachableError, describe_server
from triton_lite.cli.model.main import DONE, FAILED, UNREACHABLE, USAGE
from triton_lite.cli.model.usage_error import UsageError
from triton_lite.cli.top import show
from triton_lite.cli.top.figures import Look, rows

_DESCRIPTION = """Show what the models of a running server do: state, requests per second, time in the queue and in
the model, batch size, failures. Asks the server's public endpoints (repository index and statistics), so that it works
with any server of the protocol. Press q to end."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="triton-lite top", description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "--interval", type=float, default=2.0, metavar="SECONDS", help="how often to look (default: %(default)s)"
    )
    parser.add_argument("--count", type=int, default=0, metavar="N", help="end after so many intervals")
    parser.add_argument("--json", action="store_true", help="write one line of JSON an interval")
    describe_server(parser)
    parser.set_defaults(timeout=10.0)
    return parser


def top(arguments: Sequence[str]) -> int:
    """Run `triton-lite top`; returns its exit code."""
    try:
        given = _parser().parse_args(arguments)
    except SystemExit as end:  # Of --help, or of arguments that it has already complained about.
        return int(end.code or 0)
    try:
        return _run(given)
    except KeyboardInterrupt:
        return DONE
    except (UsageError, UnreachableError, ServerError) as error:
        print(f"triton-lite top: {error}", file=sys.stderr)
        return {UsageError: USAGE, UnreachableError: UNREACHABLE}.get(type(error), FAILED)
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
        return FAILED


def _run(given: argparse.Namespace) -> int:
    if not given.interval > 0:
        raise UsageError(f"--interval {given.interval:g}: expected seconds, more than 0")
    server = ServerClient.of(given)
    first = look(server)  # A server that is not there is an error; one that goes away later may come back.
    if given.json or not sys.stdout.isatty():
        write = _write_json if given.json else _write_table
        _follow(server, first, given, write, _sleep)
        return DONE
    from triton_lite.cli.top.screen import screen

    with screen() as terminal:

        def write_screen(server: ServerClient, before: Look, now: Look | str) -> None:
            size = shutil.get_terminal_size()
            terminal.show(_table(server, before, now, size.lines, size.columns))

        _follow(server, first, given, write_screen, terminal.wait)
    return DONE


def look(server: ServerClient) -> Look:
    """Ask the server. Raises ServerError and UnreachableError."""
    statistics = server.get("/v2/models/stats").get("model_stats", [])
    index: list[dict[str, Any]] = []
    # Not everybody may see the repository: what is served is in the statistics.
    with contextlib.suppress(ServerError):
        index = server.post("/v2/repository/index", {}) or []
    return Look.of(time.monotonic(), index, statistics)


_Write = Callable[[ServerClient, Look, Look | str], None]


def _follow(
    server: ServerClient, before: Look, given: argparse.Namespace, write: _Write, wait: Callable[[float], bool]
) -> None:
    """Look, and write what happened since the look before (or why there was none), until the end."""
    due = before.time
    shown = 0
    while not given.count or shown < given.count:
        due = max(due + given.interval, time.monotonic())
        if not wait(max(0.0, due - time.monotonic())):
            return
        try:
            now = look(server)
        except (UnreachableError, ServerError) as error:
            write(server, before, str(error))
        else:
            write(server, before, now)
            before = now
        shown += 1


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _write_json(server: ServerClient, before: Look, now: Look | str) -> None:
    if isinstance(now, str):
        line = show.error_as_json(time.time(), now)
    else:
        line = show.as_json(time.time(), now.time - before.time, rows(before, now))
    print(line, flush=True)


def _write_table(server: ServerClient, before: Look, now: Look | str) -> None:
    print(_table(server, before, now), flush=True)


def _table(
    server: ServerClient, before: Look, now: Look | str, height: int | None = None, width: int | None = None
) -> str:
    if isinstance(now, str):
        return now
    models = rows(before, now)
    return show.as_table(show.title(server.url, models, now.time - before.time), models, height, width)
