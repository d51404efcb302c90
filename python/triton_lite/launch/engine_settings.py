"""From the server's options to what its engine is told."""

from __future__ import annotations

import dataclasses
from typing import Any

from triton_lite.engine.options import EngineOptions
from triton_lite.engine.response_cache import check_cache_config
from triton_lite.errors import TritonError
from triton_lite.launch.repositories import resolved_repositories
from triton_lite.options import OptionError, Settings, find


def engine_options(settings: Settings) -> EngineOptions:
    """Return the engine's options, repositories resolved.

    Raises OptionError if there is no repository, or no cache such as is asked for.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(EngineOptions):
        name = field.name.replace("_", "-")
        if find(name) is not None:
            value = settings[name]
            if value is not None:  # Not given, and no default of the option's own.
                values[field.name] = list(value) if isinstance(value, tuple) else value
    values["model_repository"] = list(resolved_repositories(settings))
    values["backend_config"] = _by_name(settings["backend-config"])
    values["cache_config"] = _by_name(settings["cache-config"])
    try:
        check_cache_config(values["cache_config"], settings["cache-directory"])
    except TritonError as error:
        raise OptionError(error.text) from None
    options = EngineOptions(**values)
    try:
        _ = options.trace
    except ValueError as error:
        raise OptionError(str(error)) from None
    return options


def _by_name(settings: tuple[tuple[str, str, str], ...]) -> dict[str, dict[str, str]]:
    result: dict[str, dict[str, str]] = {}
    for name, setting, value in settings:
        result.setdefault(name, {})[setting] = value
    return result
