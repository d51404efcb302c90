"""The native engine on the golden corpus, in this process: no socket, no front end, the same answers."""

from __future__ import annotations

import base64
import json
import runpy
from pathlib import Path

import pytest
from google.protobuf import json_format

from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError, http_status
from triton_lite.proto import METHODS, messages

native = pytest.importorskip("triton_lite._native")

GOLDEN = Path(__file__).parents[1] / "golden"
REPLAY = runpy.run_path(str(GOLDEN / "replay.py"))
MODEL_INFER = METHODS["ModelInfer"].number
STREAM_INFER = METHODS["ModelStreamInfer"].number
RAW_INFER = 32  # csrc/channel/method.h
MODEL_EXISTS = 35

GRPC_AREAS = ["grpc_infer", "grpc_infer_errors", "grpc_parameters", "grpc_classification", "grpc_stream"]
HTTP_AREAS = ["infer_json", "infer_binary", "infer_errors", "infer_binary_errors", "parameters", "classification"]

# Texts of the ONNX Runtime that the corpus was recorded with.
OTHER_RUNTIME = "onnx runtime error"
DEVIATIONS = {
    "infer_binary-identity_bytes-0": "strings are kept behind a NUL",
    "infer_json-bytes_unicode_escape-0": "strings are kept behind a NUL",
}


def steps(areas, key, choose):
    """Those steps of the corpus that the data plane alone can answer."""
    return list(_steps(areas, key, choose))


def _steps(areas, key, choose):
    for area, case in REPLAY["load_cases"](str(GOLDEN / "cases"), areas):
        for number, step in enumerate(case["steps"]):
            if key in step and choose(step[key]):
                name = f"{area}-{case['name']}-{number}"
                marks = [pytest.mark.xfail(reason=DEVIATIONS[name], strict=True)] if name in DEVIATIONS else []
                yield pytest.param(step, id=name, marks=marks)


def is_infer(request):
    # Header rules (compression, methods, undecoded paths) belong to the front end.
    path = request["path"].split("/")
    plain = {name.lower() for name, _ in request.get("headers", [])} <= {
        "inference-header-content-length",
        "content-type",
    }
    known = len(path) == 5 or (len(path) == 7 and path[5].isdigit())
    return request["method"] == "POST" and path[-1] == "infer" and known and plain


@pytest.fixture(scope="module")
def client(golden_models):
    folder, names = golden_models
    engine = native.Engine()
    options = EngineOptions(model_repository=[str(folder)], model_control_mode="explicit", load_model=names)
    plane = ControlPlane(engine, options, native)
    assert plane.load_models() == ""
    client = native.ChannelClient.direct(engine)
    yield client
    engine.stop()
    plane.stop()


def encoded(request):
    if isinstance(request, str):
        return base64.b64decode(request)
    return json_format.ParseDict(request, messages.ModelInferRequest()).SerializeToString()


def as_dict(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def unary(client, request):
    answer = client.wait(client.send(MODEL_INFER, encoded(request)))
    assert answer.last
    if answer.code != Code.OK:
        return {"code": Code(answer.code).name, "details": answer.text}
    return {"code": "OK", "response": as_dict(messages.ModelInferResponse.FromString(answer.framed(False)))}


def stream(client, requests):
    responses = []
    for request in requests:
        call = client.send(STREAM_INFER, encoded(request))
        last = False
        while not last:
            answer = client.wait(call)
            last = answer.last
            if answer.code == Code.OK:
                responses.append(as_dict(messages.ModelStreamInferResponse.FromString(answer.framed(True))))
            else:
                identity = {"id": request["id"]} if request.get("id") else {}
                responses.append({"error_message": answer.text, "infer_response": identity})
    return {"code": "OK", "responses": responses}


def assert_equal(step, got, with_messages=True):
    status, body, texts = REPLAY["compare"](step["expect"], got, step.get("volatile", {}))
    assert status == []
    assert body == []
    expected = step["expect"].get("details", "") + step["expect"].get("body", "")
    if with_messages and OTHER_RUNTIME not in expected:
        assert texts == []


@pytest.mark.parametrize("step", steps(GRPC_AREAS, "grpc", lambda one: one["method"] == "ModelInfer"))
def test_unary(client, step):
    assert_equal(step, unary(client, step["grpc"]["request"]))


@pytest.mark.parametrize("step", steps(GRPC_AREAS, "grpc", lambda one: one["method"] == "ModelStreamInfer"))
def test_stream(client, step):
    assert_equal(step, stream(client, step["grpc"]["requests"]))


def http(client, request):
    """What the HTTP front end does with a request that needs none of its own rules."""
    parts = request["path"].split("/")
    name, version = parts[3], parts[5] if len(parts) == 7 else ""
    body = REPLAY["get_bytes"](request, "body")
    headers = {key.lower(): value for key, value in request.get("headers", [])}
    question = messages.ModelReadyRequest(name=name, version=version).SerializeToString()
    answered(client.wait(client.send(MODEL_EXISTS, question)))
    call = native.decode_http_infer(name, version, body, headers.get("inference-header-content-length"))
    return native.encode_http_infer(answered(client.wait(client.send_http(call))), call)


def answered(answer):
    if answer.code != Code.OK:
        raise TritonError(answer.code, answer.text)
    return answer


def http_answer(client, request):
    try:
        body, header_length = http(client, request)
    except TritonError as error:
        return {"status": http_status(error.code), "headers": {}, "body": json.dumps({"error": error.text})}
    kind = "application/json" if header_length is None else "application/octet-stream"
    headers = {"content-type": kind}
    if header_length is not None:
        headers["inference-header-content-length"] = str(header_length)
    return {"status": 200, "headers": headers, "body_b64": base64.b64encode(body).decode()}


@pytest.mark.parametrize("step", steps(HTTP_AREAS, "http", is_infer))
def test_http(client, step):
    got = http_answer(client, step["http"])
    if got["status"] >= 400:  # The front end chooses the type of an error's body.
        got["headers"] = step["expect"]["headers"]
    assert_equal(step, got)


def test_errors_of_the_model_carry_the_head_of_their_response(client):
    request = {"id": "7", "model_name": "identity_bytes", "raw_input_contents": ["MgAAAGFiYw=="]}
    request["inputs"] = [{"name": "INPUT0", "datatype": "BYTES", "shape": ["1", "1"]}]
    answer = client.wait(client.send(MODEL_INFER, encoded(request)))
    assert answer.text.startswith("incomplete string data for inference input 'INPUT0'")
    assert messages.ModelInferResponse.FromString(bytes(answer.segments[0])).id == "7"
    request["inputs"][0]["shape"] = ["1", "2"]
    assert client.wait(client.send(MODEL_INFER, encoded(request))).segments == []


def test_a_retracted_model_is_told(client, golden_models):
    folder, _ = golden_models
    engine = native.Engine()
    options = EngineOptions(model_repository=[str(folder)], model_control_mode="explicit", load_model=["simple"])
    plane = ControlPlane(engine, options, native)
    assert plane.load_models() == ""
    direct = native.ChannelClient.direct(engine)
    engine.retract("simple")
    got = unary(direct, {"model_name": "simple"})
    assert got == {
        "code": "NOT_FOUND",
        "details": "Request for unknown model: 'simple' has no available versions",
    }
    assert unary(direct, {"model_name": "simple", "model_version": "1"})["code"] == "UNAVAILABLE"
    engine.stop()
    plane.stop()


def test_control_calls_reach_python(client):
    engine = native.Engine()
    direct = native.ChannelClient.direct(engine)
    call = direct.send(METHODS["ServerLive"].number, b"question")
    taken = engine.next_control_call(timeout=10)
    assert (taken.method, taken.message, taken.segments) == (METHODS["ServerLive"].number, b"question", [])
    taken.fail(Code.NOT_FOUND, "nothing here")
    answer = direct.wait(call)
    assert (answer.code, answer.text) == (Code.NOT_FOUND, "nothing here")
    assert engine.next_control_call(timeout=0) is None
    engine.stop()
    assert engine.next_control_call() is None


def test_loading_raises_the_backends_text():
    engine = native.Engine()
    spec = native.ModelSpec()
    spec.name, spec.backend = "m", "nonsense"
    with pytest.raises(TritonError, match="unable to find backend library for backend 'nonsense'") as caught:
        engine.load_model(spec)
    assert caught.value.code == Code.INVALID_ARGUMENT


def test_specs_are_values():
    spec = native.ModelSpec()
    tensor = native.TensorSpec()
    tensor.name, tensor.datatype, tensor.dims, tensor.reshape = "x", 11, [-1, 4], []
    spec.inputs = [tensor]
    tensor.name = "changed"
    assert spec.inputs[0].name == "x"
    assert (spec.inputs[0].dims, spec.inputs[0].reshape) == ([-1, 4], [])
    assert isinstance(spec.scheduler, native.DefaultSchedulerSpec)
    batching = native.DynamicBatchingSpec()
    batching.preferred_batch_size = [4, 8]
    spec.scheduler = batching
    assert spec.scheduler.preferred_batch_size == [4, 8]
    with pytest.raises(ValueError, match="no such enumeration value: 99"):
        tensor.datatype = 99
