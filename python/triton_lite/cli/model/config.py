"""`triton-lite model config`: the configuration of a model as the server completed it."""

from __future__ import annotations

import argparse
import json
from typing import Any, cast

from triton_lite.cli.model.client import ServerClient, describe_server, model_path


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument("--version", default="", help="one version (default: the newest that is ready)")
    parser.add_argument("--json", action="store_true", help="print the server's answer, not a config.pbtxt")
    describe_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a configuration. Raises ServerError and UnreachableError. Protocol: model configuration extension."""
    config = ServerClient.of(arguments).get(f"{model_path(arguments.model, arguments.version)}/config")
    print(json.dumps(config, indent=2) if arguments.json else as_text(config), end="\n" if arguments.json else "")
    return 0


def as_text(config: dict[str, Any]) -> str:
    """Spell a configuration as a config.pbtxt. What a newer server has and this one does not know is left out."""
    from google.protobuf import json_format, text_format

    from triton_lite.proto import messages, pool

    message = messages.ModelConfig()
    json_format.ParseDict(config, cast(Any, message), ignore_unknown_fields=True, descriptor_pool=pool.get())
    return text_format.MessageToString(cast(Any, message), descriptor_pool=pool.get())
