"""Log settings (protocol: logging extension)."""

from __future__ import annotations

from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages

_ORDER = ("log_file", "log_info", "log_warning", "log_error", "log_verbose_level", "log_format")
_MAX_UINT64 = (1 << 64) - 1
# How the engine begins to refuse a value of the wrong type: the type that Triton's JSON reader names then.
_EXPECTED = {"expect boolean": "boolean", "expect int32": "unsigned-integer", "expect string": "string"}


def get(body: bytes | None) -> Exchange:
    """GET /v2/logging."""
    return exchange("LogSettings", messages.LogSettingsRequest(), _settings_json)


def update(body: bytes | None) -> Exchange:
    """POST /v2/logging; null and unknown members change nothing.

    A value of the wrong type becomes a setting without a value: the engine refuses it when its turn comes.
    """
    document = json_reader.parse(body or b"")
    request = messages.LogSettingsRequest()
    for name in _ORDER:
        value = json_reader.find(document, name)
        if value is not json_reader.MISSING and value is not None:
            _set(request.settings[name], name, value)
    return exchange("LogSettings", request, _settings_json)


def _set(setting: Any, name: str, value: Any) -> None:
    if name == "log_verbose_level":
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_UINT64:
            setting.uint32_param = value & 0xFFFFFFFF
    elif name == "log_format":
        if isinstance(value, str):
            setting.string_param = value.encode("utf-8", "replace").decode()  # JSON may hold lone surrogates.
    elif isinstance(value, bool):
        setting.bool_param = value


def http_error(error: TritonError) -> TritonError:
    """Give an error the code and the text that Triton's HTTP server has for it."""
    if error.code != Code.INVALID_ARGUMENT:
        return error
    prefix = "invalid argument for log_format"
    if error.text.startswith(prefix):
        # Of Triton's text, a NUL in it is the end.
        text = f"invalid argument for --log_format{error.text[len(prefix) :]}".partition("\0")[0]
        return TritonError(Code.UNAVAILABLE, text)
    kind = next((kind for start, kind in _EXPECTED.items() if error.text.startswith(start)), None)
    if kind is None:
        return error
    return TritonError(Code.INTERNAL, f"attempt to access JSON non-{kind} as {kind}")


def _settings_json(response: Any) -> dict[str, Any]:
    found = {}
    for name in _ORDER:
        if name in response.settings:
            setting = response.settings[name]
            kind = setting.WhichOneof("parameter_choice")
            found[name] = getattr(setting, kind) if kind else None
    return found
