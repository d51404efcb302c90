"""Trace settings, of the server or of one model (protocol: trace extension)."""

from __future__ import annotations

from typing import Any

from triton_lite.frontends.http import json_reader
from triton_lite.frontends.http.control.exchange import Exchange, exchange
from triton_lite.proto import messages

_ORDER = ("trace_level", "trace_rate", "trace_count", "log_frequency", "trace_file", "trace_mode")


def get(body: bytes | None, model: str = "") -> Exchange:
    """GET /v2[/models/MODEL]/trace/setting."""
    return exchange("TraceSetting", messages.TraceSettingRequest(model_name=model), _settings_json)


def update(body: bytes | None, model: str = "") -> Exchange:
    """POST /v2[/models/MODEL]/trace/setting; null clears a setting, other members are ignored."""
    document = json_reader.parse(body or b"")
    request = messages.TraceSettingRequest(model_name=model)
    if json_reader.find(document, "trace_file") is not json_reader.MISSING:
        request.settings["trace_file"].SetInParent()  # The engine refuses it whatever it says.
        return exchange("TraceSetting", request, _settings_json)
    for name in ("trace_level", "trace_rate", "trace_count", "log_frequency"):
        value = json_reader.find(document, name)
        if value is json_reader.MISSING:
            continue
        setting = request.settings[name]  # Naming it without a value clears it.
        if value is None:
            continue
        values = json_reader.as_list(value) if name == "trace_level" else [value]
        setting.value.extend(json_reader.as_string(item) for item in values)
    return exchange("TraceSetting", request, _settings_json)


def _settings_json(response: Any) -> dict[str, Any]:
    settings = {name: list(setting.value) for name, setting in response.settings.items()}
    names = [name for name in _ORDER if name in settings]
    names += sorted(settings.keys() - set(_ORDER))
    return {name: settings[name] if name == "trace_level" else (settings[name] or [""])[0] for name in names}
