"""From the server's options to what its engine is told."""

from __future__ import annotations

import dataclasses
from typing import Any

from triton_lite.engine.options import EngineOptions
from triton_lite.launch.repositories import resolved_repositories
from triton_lite.options import Settings, find


def engine_options(settings: Settings) -> EngineOptions:
    """Return the engine's options, repositories resolved. Raises OptionError if there is no repository."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(EngineOptions):
        name = field.name.replace("_", "-")
        if find(name) is not None:
            value = settings[name]
            values[field.name] = list(value) if isinstance(value, tuple) else value
    values["model_repository"] = list(resolved_repositories(settings))
    values["backend_config"] = _by_backend(settings["backend-config"])
    return EngineOptions(**values)


def _by_backend(settings: tuple[tuple[str, str, str], ...]) -> dict[str, dict[str, str]]:
    result: dict[str, dict[str, str]] = {}
    for backend, setting, value in settings:
        result.setdefault(backend, {})[setting] = value
    return result
