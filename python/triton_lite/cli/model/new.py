"""`triton-lite model new`: a model of a repository, from an ONNX file."""

from __future__ import annotations

import argparse
import json
import mmap
import os
import shutil
from collections.abc import Callable

from triton_lite.cli.model.template import configuration
from triton_lite.cli.model.usage_error import UsageError
from triton_lite.config.signature import Signature
from triton_lite.errors import TritonError

_DEFAULT_MAX_BATCH_SIZE = 8
_MODEL_FILE = "model.onnx"


def describe(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="the name of the model, and of its folder")
    parser.add_argument("--from", dest="origin", required=True, metavar="FILE.onnx", help="the model's file")
    parser.add_argument("--repository", default=".", metavar="DIR", help="the model repository (default: this folder)")
    parser.add_argument("--link", action="store_true", help="link the model's file instead of copying it")
    parser.add_argument(
        "--max-batch-size",
        type=int,
        default=_DEFAULT_MAX_BATCH_SIZE,
        metavar="COUNT",
        help=f"the largest batch, where the model can be run in batches; 0: none (default: {_DEFAULT_MAX_BATCH_SIZE})",
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Make the model's folder, configuration and first version. Raises UsageError; then nothing is left behind."""
    from triton_lite.repository.scan import check_name

    try:
        check_name(arguments.name)
    except TritonError as error:
        raise UsageError(f"{error.text}; write a name as resnet50") from None
    if arguments.max_batch_size < 0:
        raise UsageError(f"--max-batch-size {arguments.max_batch_size}: expected 0 or more")
    origin = os.path.abspath(arguments.origin)
    if not os.path.isfile(origin):
        raise UsageError(f"--from {arguments.origin}: no such file; expected a model in ONNX format")
    signature = _signature(origin, arguments.name)
    text = configuration(arguments.name, os.path.basename(origin), signature, arguments.max_batch_size)
    written = _write(os.path.join(arguments.repository, arguments.name), origin, text, link=arguments.link)
    if arguments.json:
        print(json.dumps({"model": arguments.name, "files": written}, indent=2))
    else:
        print("".join(f"wrote {path}\n" for path in written), end="")
        print(f"serve it: triton-lite serve --model-repository {arguments.repository}")
    return 0


def _signature(origin: str, name: str) -> Signature:
    """Load the file and ask for its inputs and outputs. Raises UsageError."""
    from triton_lite import _native
    from triton_lite.engine import onnxruntime_library

    spec = _native.ModelSpec()
    spec.name, spec.version = name, 1
    spec.backend, spec.platform = "onnxruntime", "onnxruntime_onnx"
    spec.version_directory, spec.model_file = os.path.dirname(origin), origin
    try:
        _native.configure_onnxruntime(onnxruntime_library.find_library())
        signature: Signature = _native.Engine().open_model(spec).signature
    except TritonError as error:
        raise UsageError(f"--from {origin}: {error.text}; expected a model in ONNX format that loads") from None
    return signature


def _write(directory: str, origin: str, text: str, *, link: bool) -> list[str]:
    """Write the model, all or nothing. Returns the paths of what was written. Raises UsageError."""
    put: Callable[[str, str], object] = os.symlink if link else shutil.copyfile
    version = os.path.join(directory, "1")
    try:
        os.makedirs(os.path.dirname(directory) or ".", exist_ok=True)
        os.mkdir(directory)
    except FileExistsError:
        raise UsageError(
            f"{directory} is there already, and nothing is overwritten; choose another NAME or --repository"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot make {directory}: {error.strerror}; choose another --repository") from None
    try:
        os.mkdir(version)
        config, model = os.path.join(directory, "config.pbtxt"), os.path.join(version, _MODEL_FILE)
        with open(config, "x", encoding="utf-8") as file:
            file.write(text)
        put(origin, model)
        beside = [os.path.join(version, name) for name in _files_beside(origin)]
        for path in beside:
            put(os.path.join(os.path.dirname(origin), os.path.basename(path)), path)
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise UsageError(f"cannot write {directory}: {error.strerror}") from None
    return [config, model, *beside]


def _files_beside(origin: str) -> list[str]:
    """Name the files beside the model's file that it keeps weights in: its text names them."""
    folder, own = os.path.split(origin)
    with open(origin, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return sorted(
            entry.name
            for entry in os.scandir(folder)
            if entry.is_file() and entry.name != own and content.find(entry.name.encode()) >= 0
        )
