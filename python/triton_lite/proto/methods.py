"""The methods of GRPCInferenceService and their numbers on the channel."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from triton_lite.proto import pool

if TYPE_CHECKING:
    from google.protobuf.message import Message

SERVICE = "inference.GRPCInferenceService"


class MethodNumber(enum.IntEnum):
    """Method numbers on the channel, as csrc/channel/method.h has them."""

    SERVER_LIVE = 1
    SERVER_READY = 2
    MODEL_READY = 3
    SERVER_METADATA = 4
    MODEL_METADATA = 5
    MODEL_INFER = 6
    MODEL_STREAM_INFER = 7
    MODEL_CONFIG = 8
    MODEL_STATISTICS = 9
    REPOSITORY_INDEX = 10
    REPOSITORY_MODEL_LOAD = 11
    REPOSITORY_MODEL_UNLOAD = 12
    SYSTEM_SHARED_MEMORY_STATUS = 13
    SYSTEM_SHARED_MEMORY_REGISTER = 14
    SYSTEM_SHARED_MEMORY_UNREGISTER = 15
    CUDA_SHARED_MEMORY_STATUS = 16
    CUDA_SHARED_MEMORY_REGISTER = 17
    CUDA_SHARED_MEMORY_UNREGISTER = 18
    TRACE_SETTING = 19
    LOG_SETTINGS = 20
    RAW_INFER = 32
    GENERATE = 33
    GENERATE_STREAM = 34
    MODEL_EXISTS = 35
    TRACE_SENT = 36
    MODEL_TAKES_INFER = 37
    ADMIN = 64


REGIONS_DENIED = 0x8000
"""Beside a method on the channel: the client may not use shared memory, as csrc/channel/method.h has it."""


class Method(NamedTuple):
    """One method: the classes of its messages and its number on the channel."""

    request: type[Message]
    response: type[Message]
    number: MethodNumber


def method_name(number: int) -> str:
    """Spell a method as the protocol does: 5 is ModelMetadata. A number that is no method's is itself."""
    try:
        return "".join(word.capitalize() for word in MethodNumber(number).name.split("_"))
    except ValueError:
        return f"method {number}"


_NUMBERS = {method_name(number): number for number in MethodNumber if number <= MethodNumber.LOG_SETTINGS}


class _Methods(Mapping[str, Method]):
    """Looks a method up in the service's descriptor when it is first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Method] = {}

    def __getitem__(self, name: str) -> Method:
        found = self._found.get(name)
        if found is None:
            number = _NUMBERS[name]
            method = pool.get().FindServiceByName(SERVICE).methods_by_name[name]
            found = Method(
                pool.message_class(method.input_type.full_name),
                pool.message_class(method.output_type.full_name),
                number,
            )
            self._found[name] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_NUMBERS)

    def __len__(self) -> int:
        return len(_NUMBERS)


METHODS: Mapping[str, Method] = _Methods()
