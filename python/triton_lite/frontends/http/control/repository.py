"""The model repository: index, load, unload (protocol: model repository extension)."""

from __future__ import annotations

import base64
import re
from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def index(body: bytes | None, repository: str = "") -> Exchange:
    """POST /v2/repository/index. A repository's name in the path is ignored, as Triton does."""
    ready = False
    if body:
        try:
            value = json_reader.find(json_reader.parse(body), "ready")
        except json_reader.NestedTooDeep as error:
            # Nothing else is read of the body; the words are those of newer releases.
            text = f"Invalid value for 'ready': expected a boolean ({error.text})"
            raise TritonError(error.code, text) from None
        ready = value is not json_reader.MISSING and json_reader.as_bool(value)
    return exchange("RepositoryIndex", messages.RepositoryIndexRequest(ready=ready), _index_json)


def load(body: bytes | None, model: str, repository: str = "") -> Exchange:
    """POST /v2/repository/models/MODEL/load, with a configuration or files in the body's `parameters`."""
    request = messages.RepositoryModelLoadRequest(repository_name=repository, model_name=model)
    if body and not repository:
        for name, value in json_reader.members(_parameters(body)).items():
            text = json_reader.as_string(value)
            if name == "config":
                request.parameters[name].string_param = text
            elif name.startswith("file:"):
                request.parameters[name].bytes_param = decode_base64(text)
            else:
                raise TritonError(Code.INTERNAL, "unexpected error on creating Triton parameter")
    return exchange("RepositoryModelLoad", request)


def unload(body: bytes | None, model: str, repository: str = "") -> Exchange:
    """POST /v2/repository/models/MODEL/unload, with `unload_dependents` in the body's `parameters`."""
    request = messages.RepositoryModelUnloadRequest(repository_name=repository, model_name=model)
    if body and not repository:
        value = json_reader.find(_parameters(body), "unload_dependents")
        if value is not json_reader.MISSING:
            request.parameters["unload_dependents"].bool_param = _unload_dependents(value)
    return exchange("RepositoryModelUnload", request)


def decode_base64(text: str) -> bytes:
    """Decode leniently, as Triton does: what is no base64 is skipped, and so is an incomplete end."""
    digits = _NOT_BASE64.sub(b"", text.encode("utf-8", "replace").split(b"=")[0])
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return base64.b64decode(digits + b"=" * (-len(digits) % 4))


def _parameters(body: bytes) -> Any:
    value = json_reader.find(json_reader.parse(body), "parameters")
    return {} if value is json_reader.MISSING else value


def _unload_dependents(value: Any) -> bool:
    try:
        return json_reader.as_bool(value)
    except TritonError as error:
        raise TritonError(error.code, f"Unable to parse 'unload_dependents': {error.text}") from None


def _index_json(response: Any) -> list[dict[str, str]]:
    return [
        {
            key: getattr(entry, key)
            for key in ("name", "version", "state", "reason")
            if key == "name" or getattr(entry, key)
        }
        for entry in response.models
    ]
