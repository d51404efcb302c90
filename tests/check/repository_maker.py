"""Makes repositories, healthy or broken: what a case writes, by path. And what a check is expected to find there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from onnx import TensorProto, helper

Content = str | bytes | Callable[[Path], None]
"""A text, bytes, or what makes something else at a path."""


@dataclass(frozen=True)
class Expected:
    """A finding: where, a part of its text, and a part of what it says to write. line 0: of the file as a whole."""

    path: str
    line: int
    text: str
    write: str = ""
    severity: str = "error"


def warning(path: str, line: int, text: str, write: str = "") -> Expected:
    return Expected(path, line, text, write, "warning")


@dataclass(frozen=True)
class Broken:
    """A broken repository. files: by path below the repository; expected: all findings, no more and no fewer."""

    name: str
    files: Mapping[str, Content]
    expected: Sequence[Expected]
    repositories: Sequence[str] = (".",)
    options: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def write(root: Path, files: Mapping[str, Content]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)


def folder(path: Path) -> None:
    path.mkdir(parents=True)


def link(target: str) -> Callable[[Path], None]:
    return lambda path: os.symlink(target, path)


def pipe(path: Path) -> None:
    os.mkfifo(path)


_TYPES = {"FP32": TensorProto.FLOAT, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64}


@cache
def onnx(
    inputs: tuple[tuple[str, str, tuple[int | str, ...]], ...] = (("X", "FP32", ("batch", 4)),),
    outputs: tuple[str, ...] = ("Y",),
) -> bytes:
    """Each output is the input of the same place."""
    pairs = list(zip(inputs, outputs, strict=True))
    graph = helper.make_graph(
        [helper.make_node("Identity", [given[0]], [name]) for given, name in pairs],
        "test",
        [helper.make_tensor_value_info(name, _TYPES[kind], dims) for name, kind, dims in inputs],
        [helper.make_tensor_value_info(name, _TYPES[given[1]], given[2]) for given, name in pairs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


MODEL = onnx()
"""X, [batch, 4] FP32 -> Y."""

CONFIG = """\
backend: "onnxruntime"
max_batch_size: 8
input [
  { name: "X" data_type: TYPE_FP32 dims: [ 4 ] }
]
output [
  { name: "Y" data_type: TYPE_FP32 dims: [ 4 ] }
]
"""


def model(config: str = CONFIG, name: str = "m", content: Content = MODEL) -> dict[str, Content]:
    """A model with one version."""
    return {f"{name}/config.pbtxt": config, f"{name}/1/model.onnx": content}


def changed(old: str, new: str, config: str = CONFIG) -> dict[str, Content]:
    """The healthy model with something changed in its configuration."""
    assert old in config
    return model(config.replace(old, new))


def added(text: str) -> dict[str, Content]:
    """The healthy model with something added: its configuration has eight lines, so that the ninth begins with it."""
    return model(CONFIG + text)
