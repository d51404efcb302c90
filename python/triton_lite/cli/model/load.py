"""`triton-lite model load`: load or reload a model, also with another configuration or with other files."""

from __future__ import annotations

import argparse
import base64
import json
from typing import Any

from triton_lite.cli.model.client import ServerClient, ServerError, control_path, describe_server
from triton_lite.cli.model.index import index_table, read_model
from triton_lite.cli.model.usage_error import UsageError


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument(
        "--config",
        metavar="FILE|JSON",
        help="load with this configuration: a config.pbtxt, a file of JSON, or JSON itself",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH=FILE",
        help="load this content instead of a file of the repository, as 1/model.onnx=new.onnx (may be repeated; all"
        " files have to be given, and --config with them)",
    )
    parser.add_argument("--json", action="store_true", help="print the model's entries of the index as JSON")
    describe_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load a model. Raises UsageError, ServerError and UnreachableError. Protocol: model repository extension, load."""
    parameters = _parameters(arguments)
    server = ServerClient.of(arguments)
    try:
        server.post(control_path(arguments.model, "load"), {"parameters": parameters} if parameters else {})
    except ServerError as error:
        raise ServerError(_with_advice(str(error), arguments.model, server)) from None
    rows = read_model(server, arguments.model)
    print(json.dumps(rows, indent=2) if arguments.json else f"loaded {arguments.model}\n{index_table(rows)}")
    return 0


def _with_advice(text: str, model: str, server: ServerClient) -> str:
    """Add to a refusal what the index says of the model, and what to do."""
    if "explicit" in text or "polling" in text:
        return f"{text}; start the server with --model-control-mode=explicit"
    rows = read_model(server, model)
    reasons = [f"version {row.get('version', '-')}: {row['reason']}" for row in rows if row.get("reason")]
    told = "".join(f"\n  {reason}" for reason in reasons if reason.partition(": ")[2] not in text)
    if not rows:
        told = f"\n  no repository has a folder {model}: `triton-lite model index` lists the models"
    return f"{text}{told}\n`triton-lite model check DIR` finds everything that is wrong with a repository"


def _parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if arguments.config is not None:
        parameters["config"] = _config(arguments.config)
    for given in arguments.file:
        name, equals, path = given.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--file {given}: expected PATH=FILE, as 1/model.onnx=new.onnx")
        parameters[f"file:{name}"] = base64.b64encode(_read(path, "--file")).decode()
    if arguments.file and arguments.config is None:
        raise UsageError("--file needs --config: the files replace the model's folder, configuration included")
    return parameters


def _config(given: str) -> str:
    """Return a configuration as the JSON that the protocol wants."""
    if given.lstrip().startswith("{"):
        return _checked_json(given, "--config")
    content = _read(given, "--config").decode(errors="replace")
    if content.lstrip().startswith("{"):
        return _checked_json(content, given)
    from typing import cast

    from google.protobuf import json_format

    from triton_lite.config import text
    from triton_lite.config.error import ConfigError, explain

    try:
        config = text.parse(content, given)
    except ConfigError as error:
        raise UsageError(explain(error)) from None
    return json_format.MessageToJson(cast(Any, config), preserving_proto_field_name=True, indent=None)


def _checked_json(content: str, where: str) -> str:
    try:
        json.loads(content)
    except ValueError as error:
        raise UsageError(f"{where}: not JSON: {error}") from None
    return content


def _read(path: str, option: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{option}: cannot read {path}: {error.strerror}") from None
