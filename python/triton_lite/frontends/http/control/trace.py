"""Trace settings, of the server or of one model (protocol: trace extension)."""

from __future__ import annotations

from typing import Any

from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages
from triton_lite.trace_settings import NUMBERS, parse_levels, parse_number

_ORDER = ("trace_level", "trace_rate", "trace_count", "log_frequency", "trace_file", "trace_mode")
# A setting that does not exist: a request with settings is an update, even if nothing of it changes anything.
_UPDATE = "update"


def get(body: bytes | None, model: str = "") -> Exchange:
    """GET /v2[/models/MODEL]/trace/setting."""
    return exchange("TraceSetting", messages.TraceSettingRequest(model_name=model), _settings_json)


def update(body: bytes | None, model: str = "") -> Exchange:
    """POST /v2[/models/MODEL]/trace/setting; null clears a setting, other members are ignored.

    Everything is checked here, one setting after the other, so that the first mistake is the one that is told.
    """
    document = json_reader.parse(body or b"")
    request = messages.TraceSettingRequest(model_name=model)
    if json_reader.find(document, "trace_file") is not json_reader.MISSING:
        request.settings["trace_file"].SetInParent()  # The engine refuses it whatever it says.
        return exchange("TraceSetting", request, _settings_json)
    request.settings[_UPDATE].SetInParent()
    _set_level(request, json_reader.find(document, "trace_level"))
    for name in NUMBERS:
        _set_number(request, name, json_reader.find(document, name))
    return exchange("TraceSetting", request, _settings_json)


def _set_level(request: Any, value: Any) -> None:
    if value is json_reader.MISSING:
        return
    names: list[str] = []
    if value is not None:
        names = json_reader.as_list(value)
        parse_levels((json_reader.as_string(name) for name in names), len(names))
        if not names:
            return
    request.settings["trace_level"].value.extend(names)  # Without a value it is cleared.


def _set_number(request: Any, name: str, value: Any) -> None:
    if value is json_reader.MISSING:
        return
    texts = []
    if value is not None:
        texts = [json_reader.as_string(value)]
        parse_number(name, texts[0], got=", got:")
    request.settings[name].value.extend(texts)


def _settings_json(response: Any) -> dict[str, Any]:
    settings = {name: list(setting.value) for name, setting in response.settings.items()}
    names = [name for name in _ORDER if name in settings]
    names += sorted(settings.keys() - set(_ORDER))
    return {name: settings[name] if name == "trace_level" else (settings[name] or [""])[0] for name in names}
