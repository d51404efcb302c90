"""Log settings (protocol: logging extension). They hold for all processes of the server (`logs.board`).

Settings are applied in Triton's order, one by one: what stands before one that is refused has been changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from triton_lite import logs
from triton_lite.engine.handlers.handler import Context, of_messages
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber, messages

_FILE_IS_FIXED = "log file location can not be updated through network protocol"
_INT32_SIGN = 1 << 31
_LEVELS = {"log_info": "info", "log_warning": "warning", "log_error": "error"}


def log_settings(context: Context, request: messages.LogSettingsRequest) -> messages.LogSettingsResponse:
    """Change what the request names, answer with everything. Raises TritonError for what Triton refuses."""
    given = request.settings
    if "log_file" in given:
        raise TritonError(Code.UNIMPLEMENTED, _FILE_IS_FIXED)
    for name, read in _READERS.items():
        if name in given:
            field = _LEVELS.get(name, name.removeprefix("log_").removesuffix("_level"))
            logs.change(dataclasses.replace(logs.settings(), **{field: read(name, given[name])}))
            context.processes.set_verbosity(logs.settings().verbose)
    return _response()


def _boolean(name: str, setting: Any) -> bool:
    _expect(setting, "bool_param", f"expect boolean for '{name}'")
    return bool(setting.bool_param)


def _verbose_level(name: str, setting: Any) -> int:
    # Triton takes it for a signed number, and negative ones for 0.
    _expect(setting, "uint32_param", f"expect int32 for '{name}'")
    level: int = setting.uint32_param
    return level if level < _INT32_SIGN else 0


def _format(name: str, setting: Any) -> str:
    _expect(setting, "string_param", f"expect string for '{name}'")
    form: str = setting.string_param
    # JSON lines are not Triton's: only a server that was started with them goes back to them.
    if form in ("default", "ISO8601") or form == "json" == logs.active()[1]:
        return form
    raise TritonError(Code.INVALID_ARGUMENT, f"invalid argument for {name}, got: {form}")


def _expect(setting: Any, kind: str, otherwise: str) -> None:
    if setting.WhichOneof("parameter_choice") != kind:
        raise TritonError(Code.INVALID_ARGUMENT, otherwise)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(_LEVELS, _boolean),
    "log_verbose_level": _verbose_level,
    "log_format": _format,
}


def _response() -> messages.LogSettingsResponse:
    now = logs.settings()
    response = messages.LogSettingsResponse()
    response.settings["log_file"].string_param = logs.active()[0]
    for name, field in _LEVELS.items():
        response.settings[name].bool_param = getattr(now, field)
    response.settings["log_verbose_level"].uint32_param = now.verbose
    response.settings["log_format"].string_param = now.format
    return response


HANDLERS = {MethodNumber.LOG_SETTINGS: of_messages("LogSettings", log_settings)}
