"""Regions that clients share (protocol: system and CUDA shared memory extensions)."""

from __future__ import annotations

from triton_lite.engine.handlers.handler import Context, Handler, of_messages
from triton_lite.engine.restoration import record_regions
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages

DISABLED = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
"""What Triton says since 2.68."""


def _require_allowed(context: Context) -> None:
    if not context.options.allow_client_shm:
        raise TritonError(Code.UNIMPLEMENTED, DISABLED)


def _system_register(context: Context, request: messages.Message) -> messages.Message:
    _require_allowed(context)
    context.engine.register_system_region(request.name, request.key, request.offset, request.byte_size)
    record_regions(context.engine, context.journal)
    return messages.SystemSharedMemoryRegisterResponse()


def _system_status(context: Context, request: messages.Message) -> messages.Message:
    response = messages.SystemSharedMemoryStatusResponse()
    for name, key, offset, byte_size in context.engine.system_regions(request.name):
        region = response.regions[name]
        region.name, region.key, region.offset, region.byte_size = name, key, offset, byte_size
    return response


def _system_unregister(context: Context, request: messages.Message) -> messages.Message:
    _require_allowed(context)
    context.engine.unregister_system_region(request.name)
    record_regions(context.engine, context.journal)
    return messages.SystemSharedMemoryUnregisterResponse()


def _cuda_register(context: Context, request: messages.Message) -> messages.Message:
    _require_allowed(context)
    context.engine.register_cuda_region(request.name, request.raw_handle, request.device_id, request.byte_size)
    context.journal.record_cuda_region(request.name, request.raw_handle, request.device_id, request.byte_size)
    record_regions(context.engine, context.journal)
    return messages.CudaSharedMemoryRegisterResponse()


def _cuda_status(context: Context, request: messages.Message) -> messages.Message:
    response = messages.CudaSharedMemoryStatusResponse()
    for name, device_id, byte_size in context.engine.cuda_regions(request.name):
        region = response.regions[name]
        region.name, region.device_id, region.byte_size = name, device_id, byte_size
    return response


def _cuda_unregister(context: Context, request: messages.Message) -> messages.Message:
    _require_allowed(context)
    context.engine.unregister_cuda_region(request.name)
    record_regions(context.engine, context.journal)
    return messages.CudaSharedMemoryUnregisterResponse()


HANDLERS: dict[int, Handler] = {
    MethodNumber.SYSTEM_SHARED_MEMORY_REGISTER: of_messages("SystemSharedMemoryRegister", _system_register),
    MethodNumber.SYSTEM_SHARED_MEMORY_STATUS: of_messages("SystemSharedMemoryStatus", _system_status),
    MethodNumber.SYSTEM_SHARED_MEMORY_UNREGISTER: of_messages("SystemSharedMemoryUnregister", _system_unregister),
    MethodNumber.CUDA_SHARED_MEMORY_REGISTER: of_messages("CudaSharedMemoryRegister", _cuda_register),
    MethodNumber.CUDA_SHARED_MEMORY_STATUS: of_messages("CudaSharedMemoryStatus", _cuda_status),
    MethodNumber.CUDA_SHARED_MEMORY_UNREGISTER: of_messages("CudaSharedMemoryUnregister", _cuda_unregister),
}
