"""Server reflection (v1 and v1alpha, the same messages), over the package's own descriptors.

Written on the bytes of its few messages, so that nothing has to enter protobuf's default pool.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from functools import cached_property
from typing import Any

from triton_lite.frontends.grpc import wire

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")

# Fields of ServerReflectionRequest …
_FILE_BY_FILENAME, _FILE_CONTAINING_SYMBOL, _FILE_CONTAINING_EXTENSION = 3, 4, 5
_ALL_EXTENSION_NUMBERS, _LIST_SERVICES = 6, 7
# … and of ServerReflectionResponse.
_VALID_HOST, _ORIGINAL_REQUEST, _FILES, _EXTENSION_NUMBERS, _SERVICES, _ERROR = 1, 2, 4, 5, 6, 7
_NOT_FOUND, _INVALID_ARGUMENT = 5, 3


class Reflection:
    """Answers which services there are, and the files that describe them."""

    def __init__(self, services: Iterable[str]) -> None:
        """`services`: full names to list."""
        self._services = sorted((*services, *SERVICES))

    async def info(self, requests: AsyncIterator[bytes], context: Any) -> None:
        """Answer ServerReflectionInfo, request by request."""
        async for request in requests:
            await context.write(self.answer(request))

    def answer(self, request: bytes) -> bytes:
        """Answer one ServerReflectionRequest."""
        asked = [(number, value) for number, value in wire.fields(request) if number >= _FILE_BY_FILENAME]
        if not asked or not isinstance(asked[-1][1], memoryview):
            return _respond(request, _ERROR, _error(_INVALID_ARGUMENT, "no question was asked"))
        number, value = asked[-1]
        name = bytes(value).decode("utf-8", "replace")
        if number == _LIST_SERVICES:
            listed = b"".join(wire.length_field(1, wire.length_field(1, service)) for service in self._services)
            return _respond(request, _SERVICES, listed)
        if number == _FILE_BY_FILENAME:
            return self._files(request, name, name)
        if number == _FILE_CONTAINING_SYMBOL:
            return self._files(request, self._file_of_symbol(name), name)
        if number == _ALL_EXTENSION_NUMBERS and self._file_of_symbol(name):
            return _respond(request, _EXTENSION_NUMBERS, wire.length_field(1, name))
        return _respond(request, _ERROR, _error(_NOT_FOUND, f"not found: {name}"))

    @cached_property
    def _descriptors(self) -> dict[str, tuple[bytes, list[str]]]:
        """File name -> (FileDescriptorProto, names of the files that it imports)."""
        from triton_lite.proto import pool

        found = {}
        for _, file in wire.fields(pool.descriptor_set()):
            if isinstance(file, memoryview):
                imports = [
                    bytes(value).decode()
                    for number, value in wire.fields(file)
                    if number == 3 and isinstance(value, memoryview)
                ]
                found[wire.text_field(file, 1)] = (bytes(file), imports)
        return found

    def _file_of_symbol(self, symbol: str) -> str:
        from triton_lite.proto import pool

        try:
            return str(pool.get().FindFileContainingSymbol(symbol).name)
        except KeyError:
            return ""

    def _files(self, request: bytes, name: str, asked: str) -> bytes:
        """Answer with a file and all that it imports."""
        if name not in self._descriptors:
            return _respond(request, _ERROR, _error(_NOT_FOUND, f"not found: {asked}"))
        names = [name]
        for known in names:
            names += [imported for imported in self._descriptors[known][1] if imported not in names]
        return _respond(request, _FILES, b"".join(wire.length_field(1, self._descriptors[each][0]) for each in names))


def _respond(request: bytes, number: int, payload: bytes) -> bytes:
    host = wire.text_field(request, 1)
    return (
        (wire.length_field(_VALID_HOST, host) if host else b"")
        + wire.length_field(_ORIGINAL_REQUEST, request)
        + wire.length_field(number, payload)
    )


def _error(code: int, text: str) -> bytes:
    return wire.number_field(1, code) + wire.length_field(2, text)
