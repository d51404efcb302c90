"""The HTTP codec: Triton's own error answers, round trips through protobuf, and whatever bytes may come."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triton_lite import _native
from triton_lite.errors import TritonError, http_status
from triton_lite.proto import messages

CASES = Path(__file__).parents[1] / "golden" / "cases"
AREAS = ("infer_json", "infer_binary", "infer_errors", "infer_binary_errors", "parameters", "classification")
# What the codec itself refuses, by the words of the answer; everything else is the engine's to say.
CODEC_TEXTS = (
    "Unable to parse",
    "failed to parse the request JSON",
    "failed to get request params",
    "Unable to set",
    "Input must set",
    "receiving FP16",
    "invalid datatype for input",
    "parameter",
    "unexpected size for input",
    "unexpected additional input",
    "inference header size",
)


def golden_steps() -> list[Any]:
    steps = []
    for area in AREAS:
        for case in json.loads((CASES / f"{area}.json").read_text())["cases"]:
            for step in case["steps"]:
                path = step.get("http", {}).get("path", "")
                if path.split("?")[0].endswith("/infer") and not is_chunked(step) and not case.get("quirk"):
                    steps.append(pytest.param(step, id=f"{area}-{case['name']}"))
    return steps


def is_chunked(step: dict[str, Any]) -> bool:
    return any(name.lower() == "transfer-encoding" for name, _ in step["http"].get("headers", []))


@pytest.mark.parametrize("step", golden_steps())
def test_refuses_what_triton_refuses(step: dict[str, Any]) -> None:
    request, expected = step["http"], step["expect"]
    body = base64.b64decode(request["body_b64"]) if "body_b64" in request else request.get("body", "").encode()
    headers = {name.lower(): value for name, value in request.get("headers", [])}
    text = json.loads(expected["body"])["error"] if expected["status"] >= 400 else ""
    try:
        _native.decode_http_infer("simple", "", body, headers.get("inference-header-content-length"))
    except TritonError as error:
        model = request["path"].split("/")[3]
        assert (http_status(error.code), error.text.replace("'simple'", f"'{model}'")) == (expected["status"], text)
        assert getattr(error, "content_type", "application/json") == expected["headers"]["content-type"]
    else:
        assert not text.startswith(CODEC_TEXTS)


@given(st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=8)))
def test_any_bytes_are_taken_or_refused(body: bytes, header_length: str | None) -> None:
    try:
        _native.decode_http_infer("m", "", body, header_length)
    except TritonError as error:
        assert error.text


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(["name", "datatype", "shape", "data", "parameters", "x"])


@given(st.fixed_dictionaries({"inputs": st.lists(st.dictionaries(fields, values, max_size=6), max_size=3)}))
def test_any_json_is_taken_or_refused_for_its_meaning(request: dict[str, Any]) -> None:
    body = json.dumps(request).encode()
    try:
        _native.decode_http_infer("m", "", body, None)
    except TritonError as error:
        assert not error.text.startswith("failed to parse the request JSON")


@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=50))
@settings(max_examples=200)
def test_doubles_keep_every_bit(data: list[float]) -> None:
    tensor = {"name": "I", "datatype": "FP64", "shape": [len(data)], "data": data}
    call = _native.decode_http_infer("m", "", json.dumps({"inputs": [tensor]}).encode(), None)
    assert call.copy_segments() == [struct.pack(f"<{len(data)}d", *data)]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50))
def test_integers_keep_every_bit(data: list[int]) -> None:
    tensor = {"name": "I", "datatype": "INT64", "shape": [len(data)], "data": data}
    call = _native.decode_http_infer("m", "", json.dumps({"inputs": [tensor]}).encode(), None)
    assert call.copy_segments() == [struct.pack(f"<{len(data)}q", *data)]


def test_message_is_one_that_protobuf_reads() -> None:
    body = json.dumps(
        {
            "id": "€",
            "parameters": {"priority": 2, "sequence_id": "s", "custom": 1.5},
            "inputs": [{"name": "I", "datatype": "UINT8", "shape": [1, 300], "data": [7] * 300}],
            "outputs": [{"name": "O", "parameters": {"classification": 3}}],
        }
    ).encode()
    call = _native.decode_http_infer("modèle", "2", body, None, [("x-tenant", "a")])
    request = messages.ModelInferRequest.FromString(call.message)
    assert (request.model_name, request.model_version, request.id) == ("modèle", "2", "€")
    assert request.parameters["priority"].uint64_param == 2
    assert request.parameters["sequence_id"].string_param == "s"
    assert request.parameters["custom"].double_param == 1.5
    assert request.parameters["x-tenant"].string_param == "a"
    assert list(request.inputs[0].shape) == [1, 300]
    assert request.outputs[0].parameters["classification"].int64_param == 3
    assert call.copy_segments() == [b"\7" * 300]
