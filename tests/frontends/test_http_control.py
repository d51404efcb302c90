"""frontends/http/control: the JSON form of the control messages."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from triton_lite import proto
from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http.control import health, logging, metadata, repository, shared_memory, statistics, trace
from triton_lite.proto import messages


def request_of(exchange: Any) -> Any:
    """The request message of an exchange."""
    found = next(method for method in proto.METHODS.values() if method.number == exchange.method)
    return found.request.FromString(exchange.message)


def body_of(exchange: Any, response: Any) -> Any:
    return json.loads(exchange.reply(response.SerializeToString()).body)


def test_readiness() -> None:
    assert health.ready(None).reply(messages.ServerReadyResponse(ready=True).SerializeToString()) == (b"", 200)
    assert health.live(None).reply(b"") == (b"", 400)
    exchange = health.model_ready(None, model="m", version="2")
    assert (request_of(exchange).name, request_of(exchange).version) == ("m", "2")
    with pytest.raises(TritonError, match="Model version not ready"):
        exchange.reply(b"")


def test_metadata() -> None:
    response = messages.ModelMetadataResponse(
        name="m", versions=["1"], platform="p", inputs=[{"name": "I", "datatype": "FP32", "shape": [-1, 4]}]
    )
    assert body_of(metadata.model(None, model="m"), response) == {
        "name": "m",
        "versions": ["1"],
        "platform": "p",
        "inputs": [{"name": "I", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [],
    }


def test_config_is_shown_with_defaults() -> None:
    response = messages.ModelConfigResponse(config={"name": "m", "max_batch_size": 4})
    shown = body_of(metadata.config(None, model="m"), response)
    assert (shown["name"], shown["max_batch_size"], shown["input"]) == ("m", 4, [])


def test_statistics() -> None:
    response = messages.ModelStatisticsResponse(
        model_stats=[
            {
                "name": "m",
                "version": "1",
                "last_inference": 2**53 + 1,
                "inference_stats": {"success": {"count": 3, "ns": 5}},
                "batch_stats": [{"batch_size": 2, "compute_infer": {"count": 1, "ns": 7}}],
            }
        ]
    )
    (stats,) = body_of(statistics.statistics(None), response)["model_stats"]
    assert stats["last_inference"] == 2**53 + 1
    assert stats["inference_stats"]["success"] == {"count": 3, "ns": 5}
    assert stats["inference_stats"]["cache_miss"] == {"count": 0, "ns": 0}
    assert stats["batch_stats"][0]["batch_size"] == 2
    assert stats["response_stats"] == {} and stats["memory_usage"] == []


def test_index() -> None:
    assert not request_of(repository.index(b"")).ready
    assert request_of(repository.index(b'{"ready": true}', repository="ignored")).ready
    assert request_of(repository.index(b'{"ready": true}', repository="ignored")).repository_name == ""
    response = messages.RepositoryIndexResponse(
        models=[{"name": "a", "version": "1", "state": "READY"}, {"name": "b"}, {"name": "c", "reason": "unloaded"}]
    )
    assert body_of(repository.index(b""), response) == [
        {"name": "a", "version": "1", "state": "READY"},
        {"name": "b"},
        {"name": "c", "reason": "unloaded"},
    ]


def test_index_of_a_deep_document() -> None:
    with pytest.raises(TritonError, match="Invalid value for 'ready': expected a boolean") as caught:
        repository.index(b'{"ready":' + b"[" * 250_000 + b"true" + b"]" * 250_000 + b"}")
    assert caught.value.code == Code.INVALID_ARGUMENT


def test_load() -> None:
    body = b'{"parameters": {"config": "{}", "file:1/model.onnx": "AAEC"}}'
    request = request_of(repository.load(body, model="m"))
    assert request.parameters["config"].string_param == "{}"
    assert request.parameters["file:1/model.onnx"].bytes_param == b"\0\1\2"
    assert request_of(repository.load(b"not read", model="m", repository="r")).repository_name == "r"


@pytest.mark.parametrize(
    ("prepare", "body", "text"),
    [
        (repository.load, b'{"parameters": {"config": {}}}', "attempt to access JSON non-string as string"),
        (repository.load, b'{"parameters": {"x": "y"}}', "unexpected error on creating Triton parameter"),
        (repository.load, b'{"parameters": []}', "attempt to get members for non-object"),
        (
            repository.unload,
            b'{"parameters": {"unload_dependents": 1}}',
            "Unable to parse 'unload_dependents': attempt to access JSON non-boolean as boolean",
        ),
    ],
)
def test_repository_bodies_that_are_refused(prepare: Any, body: bytes, text: str) -> None:
    with pytest.raises(TritonError) as raised:
        prepare(body, model="m")
    assert (raised.value.code, raised.value.text) == (Code.INTERNAL, text)


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("", b""),
        ("***", b""),
        ("QUJD", b"ABC"),
        ("QU JD\n", b"ABC"),
        ("QUI=", b"AB"),
        ("QUI", b"AB"),
        ("QUJDR", b"ABC"),
    ],
)
def test_base64_is_read_leniently(text: str, decoded: bytes) -> None:
    assert repository.decode_base64(text) == decoded


def test_register_system_memory() -> None:
    body = b'{"key": "/k", "offset": 8, "byte_size": 18446744073709551615}'
    request = request_of(shared_memory.system_register(body, region="r"))
    assert (request.name, request.key, request.offset, request.byte_size) == ("r", "/k", 8, 2**64 - 1)


@pytest.mark.parametrize(
    ("body", "region", "code", "text"),
    [
        (b"{}", "", Code.INVALID_ARGUMENT, "'region name' is necessary to register system shared memory region"),
        (b"{}", "r", Code.INVALID_ARGUMENT, "Shared memory register request has no 'key' field"),
        (b'{"key": "k"}', "r", Code.INVALID_ARGUMENT, "Shared memory register request has no 'byte_size' field"),
        (b'{"key": 1}', "r", Code.INTERNAL, "attempt to access JSON non-string as string"),
        (
            b'{"key": "k", "byte_size": -1}',
            "r",
            Code.INTERNAL,
            "attempt to access JSON non-unsigned-integer as unsigned-integer",
        ),
        (b"", "r", Code.INTERNAL, "failed to parse the request JSON buffer: The document is empty. at 0"),
    ],
)
def test_register_refuses(body: bytes, region: str, code: Code, text: str) -> None:
    with pytest.raises(TritonError) as raised:
        shared_memory.system_register(body, region=region)
    assert (raised.value.code, raised.value.text) == (code, text)


HANDLE = bytes(range(64))


def cuda_document(handle: bytes, **fields: int) -> bytes:
    return json.dumps({"raw_handle": {"b64": base64.b64encode(handle).decode()}, **fields}).encode()


def test_register_cuda_memory() -> None:
    body = cuda_document(HANDLE, byte_size=4, device_id=1)
    request = request_of(shared_memory.cuda_register(body, region="r"))
    assert (request.raw_handle, request.byte_size, request.device_id) == (HANDLE, 4, 1)


@pytest.mark.parametrize(
    ("body", "region", "code", "text"),
    [
        (b"{}", "", Code.INVALID_ARGUMENT, "'region name' is necessary to register cuda shared memory region"),
        (b"{}", "r", Code.INVALID_ARGUMENT, "Shared memory register request has no 'raw_handle' field"),
        (
            cuda_document(b"ABC", device_id=0),
            "r",
            Code.INTERNAL,
            "attempt to access non-existing object member 'byte_size'",
        ),
        (
            cuda_document(b"ABC", byte_size=4),
            "r",
            Code.INTERNAL,
            "attempt to access non-existing object member 'device_id'",
        ),
        (
            cuda_document(b"ABC", byte_size=4, device_id=-1),
            "r",
            Code.INTERNAL,
            "attempt to access JSON non-unsigned-integer as unsigned-integer",
        ),
        *(
            (
                cuda_document(handle, byte_size=4, device_id=0),
                "r",
                Code.INVALID_ARGUMENT,
                "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t",
            )
            for handle in (b"", HANDLE[:-1], HANDLE + b"x")
        ),
    ],
)
def test_register_cuda_refuses(body: bytes, region: str, code: Code, text: str) -> None:
    with pytest.raises(TritonError) as raised:
        shared_memory.cuda_register(body, region=region)
    assert (raised.value.code, raised.value.text) == (code, text)


def test_region_status_is_sorted() -> None:
    response = messages.SystemSharedMemoryStatusResponse()
    for name in ("b", "a"):
        response.regions[name].name = name
        response.regions[name].byte_size = 4
    assert body_of(shared_memory.system_status(None), response) == [
        {"name": "a", "key": "", "offset": 0, "byte_size": 4},
        {"name": "b", "key": "", "offset": 0, "byte_size": 4},
    ]


def test_trace_settings() -> None:
    body = b'{"trace_level": ["TIMESTAMPS"], "trace_rate": "5", "trace_count": null, "other": 1}'
    request = request_of(trace.update(body, model="m"))
    assert request.model_name == "m"
    assert {name: list(value.value) for name, value in request.settings.items()} == {
        "trace_level": ["TIMESTAMPS"],
        "trace_rate": ["5"],
        "trace_count": [],
        "update": [],
    }
    assert list(request_of(trace.update(b"[1]")).settings) == ["update"]
    with pytest.raises(TritonError, match="non-array as array"):
        trace.update(b'{"trace_level": "OFF"}')
    with pytest.raises(TritonError, match="non-string as string"):
        trace.update(b'{"trace_rate": 5}')


def test_trace_settings_are_shown_in_order() -> None:
    response = messages.TraceSettingResponse()
    response.settings["trace_mode"].value.append("triton")
    response.settings["trace_level"].value.append("OFF")
    exchange = trace.get(None)
    assert exchange.reply(response.SerializeToString()).body == b'{"trace_level":["OFF"],"trace_mode":"triton"}'


def test_log_settings() -> None:
    body = b'{"log_info": false, "log_verbose_level": 2, "log_format": "ISO8601", "log_error": null, "x": 1}'
    request = request_of(logging.update(body))
    assert sorted(request.settings) == ["log_format", "log_info", "log_verbose_level"]
    assert request.settings["log_verbose_level"].uint32_param == 2
    assert request.settings["log_info"].WhichOneof("parameter_choice") == "bool_param"
    assert list(request_of(logging.update(b'{"log_file": 3}')).settings) == ["log_file"]
    response = messages.LogSettingsResponse()
    response.settings["log_info"].bool_param = False
    response.settings["log_file"].string_param = ""
    assert logging.get(None).reply(response.SerializeToString()).body == b'{"log_file":"","log_info":false}'


def test_an_unknown_log_format_is_unavailable_over_http() -> None:
    error = logging.http_error(TritonError(Code.INVALID_ARGUMENT, "invalid argument for log_format, got: xml"))
    assert (error.code, error.text) == (Code.UNAVAILABLE, "invalid argument for --log_format, got: xml")
    other = TritonError(Code.INVALID_ARGUMENT, "something else")
    assert logging.http_error(other) is other
