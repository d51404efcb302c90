"""`triton-lite model infer`: one request, from JSON, from .npy files or of random data, and its outputs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from triton_lite.cli.model.client import Answer, ServerClient, describe_server, model_path
from triton_lite.cli.model.usage_error import UsageError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument("--version", default="", help="one version (default: the server's choice)")
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        help='inputs as JSON, - for the standard input: {"NAME": [[1, 2]]}, or a whole request of the protocol',
    )
    parser.add_argument(
        "--npy", action="append", default=[], metavar="NAME=FILE", help="one input from a .npy file (may be repeated)"
    )
    parser.add_argument(
        "--shape", action="append", default=[], metavar="NAME:SIZES", help="shape of random data, as X:1,3,224,224"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the random data for inputs that are not given (default: 0)"
    )
    parser.add_argument("--json", action="store_true", help="print the outputs as JSON, every value")
    describe_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Send the request and print what comes back. Raises UsageError, ServerError and UnreachableError."""
    from triton_lite.cli.model import tensors_given

    server = ServerClient.of(arguments)
    path = model_path(arguments.model, arguments.version)
    content = _json_inputs(arguments.inputs)
    if isinstance(content.get("inputs"), list):
        if arguments.npy or arguments.shape:
            raise UsageError("--inputs has a whole request: leave out --npy and --shape")
        _print(_outputs(server.infer(f"{path}/infer", _asking_binary(content), b"")), arguments)
        return 0
    metadata = server.get(path)
    stated = {tensor["name"]: tensor for tensor in metadata.get("inputs", [])}
    given = tensors_given.arrays(stated, content, arguments.npy, arguments.shape, arguments.seed)
    header, binary = _request(given)
    _print(_outputs(server.infer(f"{path}/infer", header, binary)), arguments)
    return 0


def _json_inputs(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        if path == "-":
            content = json.load(sys.stdin)
        else:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
    except OSError as error:
        raise UsageError(f"--inputs: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--inputs {path}: not JSON: {error}") from None
    if not isinstance(content, dict):
        raise UsageError(f'--inputs {path}: expected an object, as {{"NAME": [[1, 2]]}}')
    return content


def _asking_binary(request: Mapping[str, Any]) -> dict[str, Any]:
    """Let outputs come as bytes: JSON has no numbers of 16 bits, and not every text."""
    parameters = {**request.get("parameters", {}), "binary_data_output": True}
    return {**request, "parameters": parameters}


def _request(given: Mapping[str, tuple[str, Array]]) -> tuple[dict[str, Any], bytes]:
    """Make the request. given: datatype and array by name. Protocol: binary tensor data extension."""
    from triton_lite.tensors import encode

    inputs, binary = [], bytearray()
    for name, (datatype, array) in given.items():
        data = bytes(encode(array))
        tensor = {"name": name, "datatype": datatype, "shape": list(array.shape)}
        inputs.append({**tensor, "parameters": {"binary_data_size": len(data)}})
        binary += data
    return _asking_binary({"inputs": inputs}), bytes(binary)


def _outputs(answer: Answer) -> dict[str, Any]:
    """Decode an answer: its JSON, with the array of each output as `data`."""
    from triton_lite.tensors import decode

    content: dict[str, Any] = answer.json()
    binary, offset = memoryview(answer.binary()), 0
    for output in content.get("outputs", []):
        size = output.get("parameters", {}).pop("binary_data_size", None)
        if size is not None:
            output["data"] = decode(output["datatype"], output["shape"], binary[offset : offset + size])
            offset += size
        if not output.get("parameters", True):
            del output["parameters"]
    return content


def _print(content: dict[str, Any], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(content, default=_plain))
        return
    from triton_lite.cli.model.tables import table

    print(f"model {content['model_name']}, version {content.get('model_version', '-')}")
    rows: Sequence[Sequence[str]] = [
        (output["name"], output["datatype"], str(list(output["shape"])), _shown(output.get("data", [])))
        for output in content.get("outputs", [])
    ]
    print(table(("Output", "Datatype", "Shape", "Data"), rows))


def _plain(value: Any) -> Any:
    """Spell what JSON does not have: arrays as nested lists, bytes as text."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value.tolist()


def _shown(data: Any) -> str:
    """The first and the last values, a few lines."""
    import numpy as np

    array = np.asarray(data)
    if array.dtype == object:
        array = np.asarray([_plain(item) if isinstance(item, bytes) else item for item in array.ravel()]).reshape(
            array.shape
        )
    return np.array2string(array, threshold=40, edgeitems=3, max_line_width=70, separator=", ")
