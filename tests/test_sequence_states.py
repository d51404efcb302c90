"""Implicit states of every kind: strings, shapes that change, initial values from files, outputs that are states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tritonclient.http as httpclient
from onnx import TensorProto, helper
from server_process import serve
from tritonclient.utils import InferenceServerException

CONFIG = """\
platform: "onnxruntime_onnx"
max_batch_size: {batch}
input [ {{ name: "INPUT" data_type: {kind} dims: [ {dims} ] }} ]
output [ {{ name: "OUTPUT" data_type: {kind} dims: [ {dims} ] }}{more} ]
sequence_batching {{
  max_sequence_idle_microseconds: 60000000
  {strategy}
  state [ {{ input_name: "IN" output_name: "{out}" data_type: {kind} dims: [ {dims} ] {initial} }} ]
}}
"""


def write(
    repository: Path,
    name: str,
    nodes: list[Any],
    element: int,
    kind: str,
    *,
    batch: int = 0,
    dims: int = 1,
    out: str = "OUT",
    more: str = "",
    strategy: str = "",
    initial: str = "",
    file: bytes | None = None,
) -> None:
    shape = [*(["N"] if batch else []), dims if dims > 0 else None]

    def value(tensor: str) -> Any:
        return helper.make_tensor_value_info(tensor, element, shape)

    graph = helper.make_graph(
        nodes, name, [value("INPUT"), value("IN")], [value(tensor) for tensor in sorted({"OUTPUT", out})]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    onnx.save(model, str(folder / "1" / "model.onnx"))
    text = CONFIG.format(batch=batch, kind=kind, dims=dims, out=out, more=more, strategy=strategy, initial=initial)
    (folder / "config.pbtxt").write_text(text)
    if file is not None:
        (folder / "initial_state").mkdir()
        (folder / "initial_state" / "value").write_bytes(file)


def initial(kind: str) -> str:
    return f'initial_state {{ name: "start" data_type: {kind} dims: [ 1 ] data_file: "value" }}'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpclient.InferenceServerClient]:
    repository = tmp_path_factory.mktemp("states")
    node = helper.make_node
    last = [node("Identity", ["IN"], ["OUTPUT"]), node("Identity", ["INPUT"], ["OUT"])]
    total = [node("Add", ["IN", "INPUT"], ["OUTPUT"]), node("Identity", ["OUTPUT"], ["OUT"])]
    grow = [node("Concat", ["IN", "INPUT"], ["OUTPUT"], axis=0), node("Identity", ["OUTPUT"], ["OUT"])]
    add = [node("Add", ["IN", "INPUT"], ["OUTPUT"])]
    text, number = (TensorProto.STRING, "TYPE_STRING"), (TensorProto.INT32, "TYPE_INT32")
    oldest = "oldest { max_candidate_sequences: 4 }"
    write(repository, "text", last, *text, batch=4)
    write(repository, "text_file", last, *text, initial=initial(text[1]), file=b"\x05\0\0\0hello")
    write(repository, "grow", grow, TensorProto.FLOAT, "TYPE_FP32", dims=-1)
    write(repository, "file", total, *number, batch=4, initial=initial(number[1]), file=b"\x64\0\0\0\x07")
    write(repository, "short", total, *number, initial=initial(number[1]), file=b"\x64\0")
    write(repository, "outside", total, *number, initial=initial(number[1]).replace("value", "../config.pbtxt"))
    write(repository, "both", add, *number, batch=4, out="OUTPUT", strategy=oldest)
    same = "use_same_buffer_for_input_output: true"
    write(repository, "same", total, *number, batch=4, initial=same)
    names = ["text", "text_file", "grow", "file", "both", "same"]
    options = [f"--load-model={name}" for name in names]
    with (
        serve(f"--model-repository={repository}", "--model-control-mode=explicit", *options) as server,
        httpclient.InferenceServerClient(server.http) as made,
    ):
        yield made


def send(client: httpclient.InferenceServerClient, model: str, value: Any, flags: str = "", sequence: int = 1) -> Any:
    kind = {"O": "BYTES", "i": "INT32", "f": "FP32"}[value.dtype.kind]
    tensor = httpclient.InferInput("INPUT", value.shape, kind)
    tensor.set_data_from_numpy(value)
    marks = {"sequence_start": "s" in flags, "sequence_end": "e" in flags}
    return client.infer(model, [tensor], sequence_id=sequence, **marks).as_numpy("OUTPUT").ravel().tolist()


def number(value: int) -> Any:
    return np.array([[value]], np.int32)


def test_strings(client: httpclient.InferenceServerClient) -> None:
    words = ["", "one", "a longer word " * 40, "one"]
    sent = [np.array([[word]], object) for word in (*words[1:], "end")]
    found = [send(client, "text", word, flags)[0] for word, flags in zip(sent, ("s", "", "", "e"), strict=True)]
    assert [word.decode() for word in found] == words


def test_a_string_from_a_file(client: httpclient.InferenceServerClient) -> None:
    assert send(client, "text_file", np.array(["x"], object), "s") == [b"hello"]
    assert send(client, "text_file", np.array(["y"], object), "e") == [b"x"]


@pytest.mark.parametrize("size", [3, 3000])
def test_shapes_that_change(client: httpclient.InferenceServerClient, size: int) -> None:
    parts = [np.random.default_rng(i).random(size, np.float32) for i in range(4)]
    expected = [0.0]
    for i, part in enumerate(parts):
        expected += part.tolist()
        assert send(client, "grow", part, "s" if i == 0 else "e" if i == 3 else "") == expected


@pytest.mark.parametrize(("model", "start"), [("file", 100), ("both", 0), ("same", 0)])
def test_sums_of_two_sequences(client: httpclient.InferenceServerClient, model: str, start: int) -> None:
    totals = {1: start, 2: start}
    for i in range(6):
        for sequence, total in totals.items():
            totals[sequence] = total + i * sequence
            flags = "s" if i == 0 else "e" if i == 5 else ""
            assert send(client, model, number(i * sequence), flags, sequence) == [totals[sequence]]


def test_files_that_do_not_do(client: httpclient.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException) as short:
        client.load_model("short")
    text = "initial_state setting expects 4 bytes, but the data provided from valueonly has 2 bytes."
    assert text in str(short.value)
    with pytest.raises(InferenceServerException, match="must lie in the model's folder initial_state"):
        client.load_model("outside")
