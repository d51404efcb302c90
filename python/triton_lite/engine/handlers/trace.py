"""Trace settings of the server and of models (protocol: trace extension)."""

from __future__ import annotations

from triton_lite.engine.handlers.handler import Context, Handler, of_messages
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages
from triton_lite.trace_settings import LEVELS, NUMBERS, parse_levels, parse_number


def trace_setting(context: Context, request: messages.TraceSettingRequest) -> messages.TraceSettingResponse:
    """Change settings, if the request names any, and return all. An empty value clears a setting.

    Raises TritonError: INVALID_ARGUMENT for a model that is not ready and for wrong values, UNIMPLEMENTED for another
    file.
    """
    model = request.model_name
    if model:
        _require_ready(context, model)
    if request.settings:
        changes = _changes(request)
        context.engine.update_trace(model, changes)
        context.journal.record_trace(model, changes)
    return _answer(context, model)


def _require_ready(context: Context, name: str) -> None:
    try:
        context.lifecycle.table.served(context.lifecycle.key_of(name), -1)
    except TritonError:
        raise TritonError(Code.INVALID_ARGUMENT, f"Request for unknown model : {name}") from None


def _changes(request: messages.TraceSettingRequest) -> dict[str, int | None]:
    """Return what changes: each setting with its number, or None if it is to be cleared."""
    settings = request.settings
    if "trace_file" in settings:
        raise TritonError(Code.UNIMPLEMENTED, "trace file location can not be updated through network protocol")
    changes: dict[str, int | None] = {}
    if "trace_level" in settings:
        values = list(settings["trace_level"].value)
        level = parse_levels(values, len(values))
        if not values or level is not None:
            changes["trace_level"] = level
    for name in NUMBERS:
        if name in settings:
            values = list(settings[name].value)
            if len(values) > 1:
                raise TritonError(Code.INVALID_ARGUMENT, f"expect only 1 value for '{name}'")
            changes[name] = parse_number(name, values[0]) if values else None
    return changes


def _answer(context: Context, model: str) -> messages.TraceSettingResponse:
    level, rate, count, log_frequency = context.engine.trace_values(model)
    config = context.options.trace
    response = messages.TraceSettingResponse()
    levels = [name for name, bit in LEVELS.items() if level & bit] or ["OFF"]
    response.settings["trace_level"].value.extend(levels)
    response.settings["trace_rate"].value.append(str(rate))
    response.settings["trace_count"].value.append(str(count))
    if not config.exports_spans:
        response.settings["log_frequency"].value.append(str(log_frequency))
        response.settings["trace_file"].value.append(config.file)
    response.settings["trace_mode"].value.append(config.mode)
    for name, value in config.opentelemetry:
        response.settings[name].value.append(value)
    return response


HANDLERS: dict[int, Handler] = {MethodNumber.TRACE_SETTING: of_messages("TraceSetting", trace_setting)}
