"""Clients of both protocols as bare as they can be: a call, its headers, what was answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import grpc

SERVICE = "/inference.GRPCInferenceService/"


@dataclass(frozen=True)
class Answer:
    """What a server answered over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The text of an error."""
        return str(json.loads(self.body)["error"])


def http_call(
    address: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    method: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request over a connection of its own."""
    host, _, port = address.rpartition(":")
    if tls is not None:
        connection = http.client.HTTPSConnection(host, int(port), timeout=30, context=tls)
    else:
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
    with contextlib.closing(connection):
        connection.request(method or ("GET" if body is None else "POST"), path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


class GrpcClient:
    """A channel; calls are bytes in, bytes out."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self._channel = (
            grpc.insecure_channel(address) if credentials is None else grpc.secure_channel(address, credentials)
        )

    def __enter__(self) -> GrpcClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def call(self, method: str, request: bytes = b"", metadata: Mapping[str, str] | None = None) -> bytes:
        """Make a unary call. Raises grpc.RpcError."""
        path = method if method.startswith("/") else SERVICE + method
        answer: bytes = self._channel.unary_unary(path)(request, timeout=30, metadata=tuple((metadata or {}).items()))
        return answer

    def stream(
        self, method: str, requests: Iterable[bytes] = (b"",), metadata: Mapping[str, str] | None = None
    ) -> list[bytes]:
        """Make a streaming call to its end. Raises grpc.RpcError."""
        path = method if method.startswith("/") else SERVICE + method
        answers = self._channel.stream_stream(path)(
            iter(requests), timeout=30, metadata=tuple((metadata or {}).items())
        )
        return list(answers)

    def code(self, method: str, request: bytes = b"", metadata: Mapping[str, str] | None = None) -> str:
        """Make a unary call; returns the name of its status."""
        try:
            self.call(method, request, metadata)
        except grpc.RpcError as error:
            return str(error.code().name)
        return "OK"
