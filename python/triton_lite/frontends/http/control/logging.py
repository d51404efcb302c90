"""Log settings (protocol: logging extension)."""

from __future__ import annotations

from typing import Any

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages

_ORDER = ("log_file", "log_info", "log_warning", "log_error", "log_verbose_level", "log_format")


def get(body: bytes | None) -> Exchange:
    """GET /v2/logging."""
    return exchange("LogSettings", messages.LogSettingsRequest(), _settings_json)


def update(body: bytes | None) -> Exchange:
    """POST /v2/logging; null and unknown members change nothing."""
    document = json_reader.parse(body or b"")
    request = messages.LogSettingsRequest()
    for name in _ORDER:
        value = json_reader.find(document, name)
        if value is json_reader.MISSING or value is None:
            continue
        setting = request.settings[name]
        if name == "log_file":
            setting.string_param = ""  # The engine refuses it whatever it says.
            break
        if name == "log_verbose_level":
            setting.uint32_param = json_reader.as_unsigned(value) & 0xFFFFFFFF
        elif name == "log_format":
            setting.string_param = json_reader.as_string(value)
        else:
            setting.bool_param = json_reader.as_bool(value)
    return exchange("LogSettings", request, _settings_json)


def http_error(error: TritonError) -> TritonError:
    """Give an unknown format the code and the text that Triton's HTTP server has for it."""
    prefix = "invalid argument for log_format"
    if error.code == Code.INVALID_ARGUMENT and error.text.startswith(prefix):
        return TritonError(Code.UNAVAILABLE, "invalid argument for --log_format" + error.text[len(prefix) :])
    return error


def _settings_json(response: Any) -> dict[str, Any]:
    found = {}
    for name in _ORDER:
        if name in response.settings:
            setting = response.settings[name]
            kind = setting.WhichOneof("parameter_choice")
            found[name] = getattr(setting, kind) if kind else None
    return found
