"""Talks to a running server over HTTP: Triton's protocol, any server that speaks it."""

from __future__ import annotations

import argparse
import contextlib
import http
import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triton_lite.cli.model.usage_error import UsageError

KEY_VARIABLE = "TRITON_LITE_API_KEY"
DEFAULT_URL = "http://localhost:8000"
_LENGTH_HEADER = "Inference-Header-Content-Length"
_WHICH_PORT = "is this the HTTP port of the server (8000, not 8001 or 8002)?"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ServerError(Exception):
    """The server refused: its own words, and what to do where that is known."""


class UnreachableError(Exception):
    """There is no server, or it is not one that speaks the protocol."""


@dataclass(frozen=True)
class Answer:
    """An answer: its body, and how much of it is JSON (all of it: None)."""

    body: bytes
    json_byte_size: int | None

    def json(self) -> Any:
        """Decode the JSON of the body; an empty body is None."""
        text = self.body[: self.json_byte_size]
        return json.loads(text) if text else None

    def binary(self) -> bytes:
        """Return what follows the JSON."""
        return b"" if self.json_byte_size is None else self.body[self.json_byte_size :]


def describe_server(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name the server."""
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the server's HTTP address (default: {DEFAULT_URL})")
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="how long to wait for an answer (default: 600)"
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get(KEY_VARIABLE, ""),
        metavar="KEY",
        help=f"the API key, where the server asks for one (default: {KEY_VARIABLE} in the environment)",
    )


class ServerClient:
    """One server. Not for use by several threads."""

    def __init__(self, url: str, timeout: float = 600.0, api_key: str = "") -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(f"--url {url}: expected http://HOST:PORT")
        self._timeout = timeout
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        local = urllib.parse.urlsplit(self.url).hostname in _LOOPBACK
        # No proxy knows the way to this machine.
        self._opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> ServerClient:
        """Make one from the arguments that `describe_server` declared."""
        return cls(arguments.url, arguments.timeout, arguments.api_key)

    def get(self, path: str) -> Any:
        """GET a path. Returns the answer's JSON; raises ServerError and UnreachableError."""
        return self._call(path, None, {}).json()

    def post(self, path: str, content: Any) -> Any:
        """POST JSON to a path. Returns the answer's JSON; raises ServerError and UnreachableError."""
        return self._call(path, json.dumps(content).encode(), {"Content-Type": "application/json"}).json()

    def infer(self, path: str, header: Any, binary: bytes) -> Answer:
        """POST an inference request, whose tensors follow its JSON. Raises ServerError and UnreachableError."""
        text = json.dumps(header).encode()
        return self._call(
            path, text + binary, {_LENGTH_HEADER: str(len(text)), "Content-Type": "application/octet-stream"}
        )

    def _call(self, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            request = urllib.request.Request(self.url + path, data=body, headers={**headers, **self._headers})
            with self._opener.open(request, timeout=self._timeout) as answer:
                size = answer.headers.get(_LENGTH_HEADER)
                return Answer(answer.read(), int(size) if size else None)
        except urllib.error.HTTPError as refusal:
            raise self._refusal(refusal, path) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise UnreachableError(self._no_answer(error)) from None

    def _refusal(self, refusal: urllib.error.HTTPError, path: str) -> Exception:
        content = refusal.read()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            # The port of the metrics answers so.
            if refusal.code != http.HTTPStatus.METHOD_NOT_ALLOWED:
                return ServerError(json.loads(content)["error"])
        return UnreachableError(
            f"{self.url}{path} answered {refusal.code} {refusal.reason} and no error of the protocol: {_WHICH_PORT}"
        )

    def _no_answer(self, error: Exception) -> str:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return f"{self.url} did not answer in {self._timeout:g} s; --timeout SECONDS waits longer"
        if isinstance(reason, ConnectionRefusedError):
            return (
                f"no server listens at {self.url}; start one with `triton-lite serve --model-repository DIR`, or name"
                " another with --url http://HOST:PORT"
            )
        if isinstance(error, http.client.HTTPException):
            return f"{self.url} does not speak HTTP: {_WHICH_PORT}"
        if isinstance(error, ValueError) and not isinstance(error, urllib.error.URLError):
            return f"{self.url} cannot be used ({reason}): write --url http://HOST:PORT"
        return f"no answer from {self.url} ({reason}); --url http://HOST:PORT names the server"


def model_path(name: str, version: str = "") -> str:
    """The path of a model, or of one of its versions."""
    path = f"/v2/models/{urllib.parse.quote(name, safe='')}"
    return f"{path}/versions/{urllib.parse.quote(version, safe='')}" if version else path


def control_path(name: str, action: str) -> str:
    """The path under which a model is loaded or unloaded."""
    return f"/v2/repository/models/{urllib.parse.quote(name, safe='')}/{action}"
