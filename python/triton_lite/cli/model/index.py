"""`triton-lite model index`: the models of a running server, with their states."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Sequence
from typing import Any

from triton_lite.cli.model.client import ServerClient, ServerError, describe_server, model_path
from triton_lite.cli.model.tables import table

_WIDEST_CELL = 100
_HEAD = ("Model", "Version", "State", "Reason")


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--ready", action="store_true", help="only models that are ready")
    parser.add_argument("--json", action="store_true", help="print the server's answer as JSON")
    describe_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the index. Raises ServerError and UnreachableError."""
    models = read_index(ServerClient.of(arguments), ready=arguments.ready)
    print(json.dumps(models, indent=2) if arguments.json else index_table(models))
    return 0


def read_index(server: ServerClient, *, ready: bool = False) -> list[dict[str, Any]]:
    """Ask for the index. Protocol: model repository extension, index."""
    answer = server.post("/v2/repository/index", {"ready": True} if ready else {})
    return list(answer or [])


def index_table(models: Sequence[dict[str, Any]]) -> str:
    """Lay out the index, or what a load has changed of it, as a table."""
    keys = ("name", "version", "state", "reason")
    return table(_HEAD, [[_wrapped(str(model.get(key) or "-")) for key in keys] for model in models])


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _WIDEST_CELL, break_long_words=False, break_on_hyphens=False))


def read_model(server: ServerClient, name: str) -> list[dict[str, Any]]:
    """Ask for the versions of one model. One that was sent with its files is served and in no repository's index."""
    rows = [model for model in read_index(server) if model.get("name") == name]
    if rows:
        return rows
    try:
        versions = server.get(model_path(name)).get("versions", [])
    except ServerError:
        return []
    return [{"name": name, "version": version, "state": "READY"} for version in versions]
