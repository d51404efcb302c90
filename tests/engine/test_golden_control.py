"""The golden cases that the control plane answers: configurations, metadata, readiness."""

import json
from pathlib import Path

import pytest
from google.protobuf import json_format

from triton_lite.config.json_form import to_json
from triton_lite.errors import TritonError
from triton_lite.proto import METHODS, pool

CASES = Path(__file__).parents[1] / "golden" / "cases"


def cases(area):
    for case in json.loads((CASES / f"{area}.json").read_text())["cases"]:
        for step in case["steps"]:
            yield pytest.param(step, id=case["name"])


def in_order(value):
    """Bring the tensors of an auto-completed model into one order: the real server's is that of a hash table."""
    for kind in ("input", "output", "inputs", "outputs"):
        if isinstance(value.get(kind), list):
            value[kind].sort(key=lambda tensor: tensor["name"])
    return value


GRPC = [case for area in ("grpc_health", "grpc_metadata", "grpc_config") for case in cases(area)]


@pytest.mark.parametrize("step", [case for case in GRPC if case.values[0]["grpc"]["method"] in METHODS])
def test_grpc(golden_server, step):
    method, expected = step["grpc"]["method"], step["expect"]
    request = {field: value for field, value in step["grpc"]["request"].items()}
    try:
        answer = golden_server.call(method, **request)
    except TritonError as error:
        assert (error.code.name, error.text) == (expected["code"], expected["details"])
        return
    assert expected["code"] == "OK"
    shown = json_format.MessageToDict(answer, preserving_proto_field_name=True, descriptor_pool=pool.get())
    if method == "ServerMetadata":
        shown["version"] = expected["response"]["version"]
    assert shown == expected["response"]


@pytest.mark.parametrize("step", list(cases("config")))
def test_config_as_json(golden_server, step):
    parts = step["http"]["path"].split("/")
    if step["http"]["method"] != "GET":
        pytest.skip("the front end's")
    version = parts[5] if parts[4] == "versions" else ""
    expected = json.loads(step["expect"]["body"])
    try:
        shown = to_json(golden_server.call("ModelConfig", name=parts[3], version=version).config)
    except TritonError as error:
        shown = {"error": error.text}
    assert in_order(shown) == in_order(expected)


@pytest.mark.parametrize("step", [case for case in cases("metadata") if "model_" in case.id])
def test_metadata(golden_server, step):
    parts = step["http"]["path"].split("/")
    if step["http"]["method"] != "GET" or step["expect"]["headers"]["content-type"] != "application/json":
        pytest.skip("the front end's")
    version = parts[5] if len(parts) > 5 else ""
    expected = json.loads(step["expect"]["body"])
    try:
        answer = golden_server.call("ModelMetadata", name=parts[3], version=version)
        shown = json_format.MessageToDict(answer, preserving_proto_field_name=True, descriptor_pool=pool.get())
        for tensor in (*shown["inputs"], *shown["outputs"]):
            tensor["shape"] = [int(size) for size in tensor["shape"]]
    except TritonError as error:
        shown = {"error": error.text}
    assert in_order(shown) == in_order(expected)
