"""`triton-lite model unload`: stop serving a model."""

from __future__ import annotations

import argparse
import json

from triton_lite.cli.model.client import ServerClient, ServerError, control_path, describe_server
from triton_lite.cli.model.index import index_table, read_model


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument(
        "--dependents", action="store_true", help="of an ensemble: also the models that were loaded for it"
    )
    parser.add_argument("--json", action="store_true", help="print the model's entries of the index as JSON")
    describe_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Unload a model. Raises ServerError and UnreachableError. Protocol: model repository extension, unload."""
    server = ServerClient.of(arguments)
    content = {"parameters": {"unload_dependents": True}} if arguments.dependents else {}
    try:
        server.post(control_path(arguments.model, "unload"), content)
    except ServerError as error:
        advice = "; start the server with --model-control-mode=explicit"
        raise ServerError(f"{error}{advice if 'polling' in str(error) or 'explicit' in str(error) else ''}") from None
    rows = read_model(server, arguments.model)
    print(json.dumps(rows, indent=2) if arguments.json else f"unloaded {arguments.model}\n{index_table(rows)}")
    return 0
