"""Shared-memory regions of clients (protocol: system and CUDA shared memory extensions)."""

from __future__ import annotations

from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.frontends.http.control.repository import decode_base64
from triton_lite.proto import messages

_HANDLE_BYTE_SIZE = 64  # Of a cudaIpcMemHandle_t.


def system_status(body: bytes | None, region: str = "") -> Exchange:
    """GET /v2/systemsharedmemory[/region/REGION]/status."""
    return exchange(
        "SystemSharedMemoryStatus",
        messages.SystemSharedMemoryStatusRequest(name=region),
        lambda response: _regions(response, ("name", "key", "offset", "byte_size")),
    )


def system_register(body: bytes | None, region: str = "") -> Exchange:
    """POST /v2/systemsharedmemory/region/REGION/register. Sizes and offsets in bytes."""
    if not region:
        raise TritonError(Code.INVALID_ARGUMENT, "'region name' is necessary to register system shared memory region")
    document = json_reader.parse(body or b"")
    key = json_reader.as_string(_field(document, "key"))
    offset = json_reader.find(document, "offset")
    request = messages.SystemSharedMemoryRegisterRequest(
        name=region,
        key=key,
        offset=0 if offset is json_reader.MISSING else json_reader.as_unsigned(offset),
        byte_size=json_reader.as_unsigned(_field(document, "byte_size")),
    )
    return exchange("SystemSharedMemoryRegister", request)


def system_unregister(body: bytes | None, region: str = "") -> Exchange:
    """POST /v2/systemsharedmemory[/region/REGION]/unregister."""
    return exchange("SystemSharedMemoryUnregister", messages.SystemSharedMemoryUnregisterRequest(name=region))


def cuda_status(body: bytes | None, region: str = "") -> Exchange:
    """GET /v2/cudasharedmemory[/region/REGION]/status."""
    return exchange(
        "CudaSharedMemoryStatus",
        messages.CudaSharedMemoryStatusRequest(name=region),
        lambda response: _regions(response, ("name", "device_id", "byte_size")),
    )


def cuda_register(body: bytes | None, region: str = "") -> Exchange:
    """POST /v2/cudasharedmemory/region/REGION/register, with a base64 cudaIpcMemHandle_t."""
    if not region:
        raise TritonError(Code.INVALID_ARGUMENT, "'region name' is necessary to register cuda shared memory region")
    document = json_reader.parse(body or b"")
    handle = json_reader.as_string(json_reader.required(_field(document, "raw_handle"), "b64"))
    request = messages.CudaSharedMemoryRegisterRequest(
        name=region,
        byte_size=json_reader.as_unsigned(json_reader.required(document, "byte_size")),
        device_id=json_reader.as_unsigned(json_reader.required(document, "device_id")),
        raw_handle=decode_base64(handle),
    )
    # Known without a GPU too, so that a machine without one gives Triton's answer.
    if len(request.raw_handle) != _HANDLE_BYTE_SIZE:
        raise TritonError(Code.INVALID_ARGUMENT, "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t")
    return exchange("CudaSharedMemoryRegister", request)


def cuda_unregister(body: bytes | None, region: str = "") -> Exchange:
    """POST /v2/cudasharedmemory[/region/REGION]/unregister."""
    return exchange("CudaSharedMemoryUnregister", messages.CudaSharedMemoryUnregisterRequest(name=region))


def _field(document: Any, name: str) -> Any:
    value = json_reader.find(document, name)
    if value is json_reader.MISSING:
        raise TritonError(Code.INVALID_ARGUMENT, f"Shared memory register request has no '{name}' field")
    return value


def _regions(response: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{name: getattr(region, name) for name in names} for _, region in sorted(response.regions.items())]
