"""The checks of requests that Triton got after 2.51, each named with its release, asked of a real server.

docs/security.md says which other tests go into each more deeply.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from golden_server import make_models
from rule_clients import GrpcClient, http_call
from server_process import ServerProcess, serve

from triton_lite.proto import messages

LIMIT = 4 << 20
MODELS = (
    "identity_fp32",
    "nobatch_identity_fp32",
    "identity_bytes",
    "identity_int64",
    "classifier_short",
    "seq_direct",
    "seq_string",
)
RESERVED = (
    "sequence_id",
    "sequence_start",
    "sequence_end",
    "priority",
    "timeout",
    "headers",
    "binary_data_output",
    "triton_enable_empty_final_response",
)
HUGE = 1 << 62


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = make_models(tmp_path_factory.mktemp("checks") / "models")
    flags = [f"--model-repository={repository}", "--model-control-mode=explicit"]
    flags += [f"--load-model={name}" for name in MODELS] + [f"--http-max-input-size={LIMIT}"]
    with serve(*flags, "--http-header-forward-pattern=.*", "--grpc-header-forward-pattern=.*") as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[GrpcClient]:
    with GrpcClient(server.grpc) as connected:
        yield connected


@pytest.fixture(autouse=True)
def alive(server: ServerProcess) -> Iterator[None]:
    """Whatever a test sends, the server serves afterwards."""
    yield
    tensor = json_tensor()
    status, text = infer(server, "identity_fp32", {"inputs": [tensor]})
    assert (status, json.loads(text)["outputs"][0]["data"]) == (200, tensor["data"])


def json_tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "INPUT0", "datatype": "FP32", "shape": [1, 4], "data": [1.0, 2.0, 3.0, 4.0], **changes}


def infer(server: ServerProcess, model: str, body: object, **headers: str) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("__", "-"): value for name, value in headers.items()}
    answer = http_call(server.http, f"/v2/models/{model}/infer", named, data)
    return answer.status, answer.body.decode()


def load(server: ServerProcess, model: str, body: object) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps({"parameters": body}).encode()
    answer = http_call(server.http, f"/v2/repository/models/{model}/load", {}, data)
    return answer.status, answer.body.decode()


def request(model: str, shape: list[int], raw: bytes = bytes(16), outputs: tuple[str, ...] = ()) -> bytes:
    message = messages.ModelInferRequest(model_name=model, raw_input_contents=[raw])
    message.inputs.add(name="INPUT0", datatype="FP32", shape=shape)
    for name in outputs:
        message.outputs.add(name=name)
    encoded: bytes = message.SerializeToString()
    return encoded


def refused(client: GrpcClient, method: str, message: bytes, **metadata: str) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        client.call(method, message, metadata)
    return error.value.code().name, error.value.details()


@pytest.mark.parametrize("value", ["!!!!", "AAAAA", "A", "=" * 7, ""])
def test_2_53_base64_of_a_load_call(server: ServerProcess, value: str) -> None:
    status, text = load(server, "identity_fp32", {"config": '{"backend":"onnxruntime"}', "file:1/model.onnx": value})
    assert status in (400, 500)
    assert "error" in json.loads(text)


def test_2_54_type_of_the_correlation_id(server: ServerProcess) -> None:
    tensor = {"name": "INPUT", "datatype": "INT32", "shape": [1, 1], "data": [1]}
    for model, sequence, given, wanted in (
        ("seq_direct", "a", "BYTES", "UINT64"),
        ("seq_string", 7, "UINT64", "BYTES"),
    ):
        parameters = {"sequence_id": sequence, "sequence_start": True}
        status, text = infer(server, model, {"inputs": [tensor], "parameters": parameters})
        assert status == 400
        assert f"'CORRID' data-type is '{given}', but model '{model}' expects '{wanted}'" in text


@pytest.mark.parametrize("depth", [101, 120, 100_000])
def test_2_58_depth_of_json(server: ServerProcess, depth: int) -> None:
    inputs = b'{"inputs":[{"name":"INPUT0","datatype":"INT64","shape":[1,1],"data":%s}]}'
    nested = inputs % (b"[" * depth + b"1" + b"]" * depth)
    status, text = infer(server, "identity_int64", nested)
    assert status != 200
    assert "JSON nesting depth exceeds maximum allowed limit (100)" in text
    status, text = load(server, "identity_fp32", b'{"parameters":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    assert "JSON nesting depth exceeds maximum allowed limit" in text
    assert infer(server, "identity_int64", inputs % (b"[" * 50 + b"1" + b"]" * 50))[0] == 200


def test_2_58_batch_sizes_that_overflow(server: ServerProcess, client: GrpcClient) -> None:
    for batch in ((1 << 63) - 1, 1 << 32, 1 << 31):
        status, _ = infer(server, "identity_fp32", {"inputs": [json_tensor(shape=[batch, 4])]})
        assert status == 400
        code, text = refused(client, "ModelInfer", request("identity_fp32", [batch, 4]))
        assert code == "INVALID_ARGUMENT"
        assert "batch-size must be <= 8" in text


@pytest.mark.parametrize("extra", [{}, {"Inference__Header__Content__Length": "0"}])
def test_2_59_size_of_a_body(server: ServerProcess, extra: dict[str, str]) -> None:
    status, text = infer(server, "identity_fp32", b" " * (LIMIT + 1), **extra)
    assert status == 400
    assert f"{LIMIT + 1} bytes" in text
    assert "--http-max-input-size" in text


@pytest.mark.parametrize("shape", [[HUGE, HUGE], [HUGE, 4], [1 << 31, 1 << 31], [1 << 21] * 3])
def test_2_59_shapes_that_overflow(server: ServerProcess, client: GrpcClient, shape: list[int]) -> None:
    status, text = infer(server, "nobatch_identity_fp32", {"inputs": [json_tensor(shape=shape)]})
    assert status == 400, text
    assert refused(client, "ModelInfer", request("nobatch_identity_fp32", shape))[0] == "INVALID_ARGUMENT"


def test_2_59_sizes_that_overflow(server: ServerProcess) -> None:
    for size in ((1 << 64) - 1, 1 << 63, 1 << 62, -1):
        tensor = json_tensor(parameters={"binary_data_size": size})
        del tensor["data"]
        head = json.dumps({"inputs": [tensor]}).encode()
        status, _ = infer(server, "identity_fp32", head + bytes(16), Inference__Header__Content__Length=str(len(head)))
        assert status in (400, 500)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("triton_python_backend_shm_region_1", "contains the reserved prefix 'triton_python_backend_shm_region_'"),
        ("/triton_python_backend_shm_region_1", "contains the reserved prefix"),
        ("", "invalid shm key ''"),
        ("a\0b", "invalid shm key"),
        ("../../etc/passwd", "Unable to open shared memory region"),
    ],
)
def test_2_59_1_keys_of_regions(server: ServerProcess, client: GrpcClient, key: str, text: str) -> None:
    body = json.dumps({"key": key, "byte_size": 64}).encode()
    answer = http_call(server.http, "/v2/systemsharedmemory/region/r/register", {}, body)
    assert answer.status in (400, 500)
    assert text in answer.error
    message = messages.SystemSharedMemoryRegisterRequest(name="r", key=key, byte_size=64).SerializeToString()
    assert text in refused(client, "SystemSharedMemoryRegister", message)[1]


def test_2_59_1_classes_of_what_has_no_order(server: ServerProcess) -> None:
    tensor = json_tensor(datatype="BYTES", shape=[1, 1], data=["x"])
    outputs = [{"name": "OUTPUT0", "parameters": {"classification": 1}}]
    status, text = infer(server, "identity_bytes", {"inputs": [tensor], "outputs": outputs})
    assert (status, "unsupported type 'BYTES'" in text) == (400, True)


def test_2_59_1_sizes_that_a_client_names_take_no_stack(server: ServerProcess) -> None:
    """8 MB of one body, which ended 2.51; here with a limit that lets half of it in."""
    body = json.dumps({"inputs": [json_tensor()]}).encode()
    assert infer(server, "identity_fp32", body + b" " * (LIMIT - len(body)))[0] == 200


def test_2_60_offsets_of_regions(server: ServerProcess, client: GrpcClient) -> None:
    region = {"region": "r", "key": "/nowhere"}
    for offset, size in (((1 << 64) - 1, 2), (1 << 63, 1 << 63), (0, (1 << 64) - 1)):
        body = json.dumps({"key": "/nowhere", "offset": offset, "byte_size": size}).encode()
        answer = http_call(server.http, f"/v2/systemsharedmemory/region/{region['region']}/register", {}, body)
        assert answer.status in (400, 500)
        message = messages.SystemSharedMemoryRegisterRequest(name="r", key="/nowhere", offset=offset, byte_size=size)
        assert refused(client, "SystemSharedMemoryRegister", message.SerializeToString())[0] != "OK"


@pytest.mark.parametrize("name", ["..", ".", "../x", "/etc", "a/b", "a/../b", "", "  ", "\t"])
def test_2_61_and_2_67_names_of_models(server: ServerProcess, client: GrpcClient, name: str) -> None:
    message = messages.RepositoryModelLoadRequest(model_name=name).SerializeToString()
    code, text = refused(client, "RepositoryModelLoad", message)
    assert code in ("INVALID_ARGUMENT", "INTERNAL")
    assert ("path traversal" if name.strip() else "Model name cannot be empty") in text
    if name.strip() and "/" not in name:
        status, text = load(server, name, {})
        assert (status, "path traversal" in text) == (400, True)


@pytest.mark.parametrize("name", ["..%2fx", "%2e%2e", "%2fetc"])
def test_2_61_coded_names_are_taken_as_they_stand(server: ServerProcess, name: str) -> None:
    status, text = load(server, name, {})
    assert status in (400, 500)
    assert f"'{name}'" in text


@pytest.mark.parametrize("path", ["../x", "1/../../x", "1/../../../../../../../../tmp/escaped", "", "."])
def test_2_62_files_of_a_load_call_stay_in_the_folder(server: ServerProcess, path: str) -> None:
    content = base64.b64encode(b"x").decode()
    status, text = load(server, "identity_fp32", {"config": '{"backend":"onnxruntime"}', f"file:{path}": content})
    assert status == 500
    assert "failed to load 'identity_fp32', failed to poll from model repository" in text


def test_2_65_size_of_what_is_inflated(server: ServerProcess) -> None:
    bomb = gzip.compress(bytes(256 << 20))
    assert len(bomb) < LIMIT
    status, text = infer(server, "identity_fp32", bomb, Content__Encoding="gzip")
    assert status == 400
    assert f"Decompressed data size exceeds the maximum allowed value of {LIMIT} bytes" in text


def test_2_66_classes_of_very_many_elements(client: GrpcClient) -> None:
    def classify(count: int) -> bytes:
        message = messages.ModelInferRequest.FromString(
            request("nobatch_identity_fp32", [1, count], bytes(4 * count), ("OUTPUT0",))
        )
        message.outputs[0].parameters["classification"].int64_param = 1
        encoded: bytes = message.SerializeToString()
        return encoded

    code, text = refused(client, "ModelInfer", classify(1_000_001))
    assert (code, text) == ("INVALID_ARGUMENT", "classification output tensor too large")
    assert client.call("ModelInfer", classify(1_000_000))


@pytest.mark.parametrize("labels", ["../labels.txt", "a/../../labels.txt", "/../../etc/hostname"])
def test_2_66_label_files_stay_in_the_folder(server: ServerProcess, labels: str) -> None:
    config = {"backend": "onnxruntime", "output": [{"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]}]}
    config["output"][0]["label_filename"] = labels  # type: ignore[index]
    status, text = load(server, "classifier_short", {"config": json.dumps(config)})
    assert status == 400, text
    assert "is outside model directory" in text


def test_2_68_numbers_of_json_that_overflow(server: ServerProcess) -> None:
    for given in (b'"shape":[18446744073709551616,1],"data":[1]', b'"shape":[1,1],"data":[1e99999]'):
        status, text = infer(server, "identity_fp32", b'{"inputs":[{"name":"INPUT0","datatype":"FP32",%s}]}' % given)
        assert status != 200, text


def test_2_68_tensors_that_grow(server: ServerProcess) -> None:
    """Two bytes of JSON become eight: what they become counts too."""
    count = LIMIT // 8 + 1
    tensor = json_tensor(datatype="INT64", shape=[1, count], data=[1] * count)
    status, text = infer(server, "identity_int64", json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode())
    assert (status, "--http-max-input-size" in text) == (400, True)


def test_2_69_outputs_that_are_asked_for_twice(server: ServerProcess, client: GrpcClient) -> None:
    outputs = [{"name": "OUTPUT0"}, {"name": "OUTPUT0"}]
    status, text = infer(server, "identity_fp32", {"inputs": [json_tensor()], "outputs": outputs})
    assert (status, "output 'OUTPUT0' already exists in request" in text) == (400, True)
    code, text = refused(client, "ModelInfer", request("identity_fp32", [1, 4], outputs=("OUTPUT0", "OUTPUT0")))
    assert (code, "output 'OUTPUT0' already exists in request" in text) == ("INVALID_ARGUMENT", True)


def test_2_69_number_of_chunks(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.http_port), 60) as connection:
        head = b"POST /v2/models/identity_fp32/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"1\r\n \r\n" * 65_537 + b"0\r\n\r\n")
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"exceeds maximum of 65536 non-empty chunks" in answer


@pytest.mark.parametrize("name", RESERVED)
def test_2_69_reserved_names_of_headers(server: ServerProcess, client: GrpcClient, name: str) -> None:
    text = f"Header '{name}' is reserved for Triton usage and cannot be forwarded."
    status, body = infer(server, "identity_fp32", {"inputs": [json_tensor()]}, **{name: "1"})
    assert (status, json.loads(body)["error"]) == (400, text)
    status, _ = infer(server, "identity_fp32", {"inputs": [json_tensor()]}, **{name.upper(): "1"})
    assert status == 200  # Names of parameters, as which headers are forwarded, have their case.
    assert refused(client, "ModelInfer", request("identity_fp32", [1, 4]), **{name: "1"}) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize("length", ["-1", "abc", "9" * 30, "5000", "-" + "9" * 30, "0x10", "+", " "])
def test_main_length_of_the_json(server: ServerProcess, length: str) -> None:
    body = {"inputs": [json_tensor()]}
    status, text = infer(server, "identity_fp32", body, Inference__Header__Content__Length=length)
    assert status in (400, 500)
    assert "error" in json.loads(text)


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_more_tensors_than_any_model_has(server: ServerProcess, client: GrpcClient, kind: str) -> None:
    """Not a check of Triton's: such a request cost all that were in flight beside it, or a hundred times its size."""
    count = 65_537
    if kind == "http":
        status, text = infer(server, "identity_fp32", {"inputs": [json_tensor(name="", shape=[0], data=[])] * count})
        assert status == 400
        assert "at most 65536 tensors" in text
    else:
        message = messages.ModelInferRequest(model_name="identity_fp32").SerializeToString() + b"\x2a\0" * count
        code, text = refused(client, "ModelInfer", message)
        assert code == "INVALID_ARGUMENT"
        assert "at most 65536 inputs" in text
    assert infer(server, "identity_fp32", {"inputs": [json_tensor()]})[0] == 200
