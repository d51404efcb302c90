"""What a check takes for granted of the server that will serve the repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from triton_lite.config.backends import TRITON_DIRECTORY


@dataclass(frozen=True)
class CheckOptions:
    """Options of a check, named as those of `triton-lite serve`.

    model_namespacing: models of different repositories may have the same name. gpus: ids of the GPUs of the machine
    that will serve; None means those of this one. open_files: load each model file, and compare its inputs and outputs
    with the configuration.
    """

    model_config_name: str = ""
    disable_auto_complete_config: bool = False
    model_namespacing: bool = False
    backend_config: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    backend_directory: str = TRITON_DIRECTORY
    gpus: frozenset[int] | None = None
    open_files: bool = True

    def settings_of(self, *backends: str) -> dict[str, str]:
        """Merge the settings of all backends and those of these, of which the last win."""
        settings = dict(self.backend_config.get("", {}))
        for backend in backends:
            settings.update(self.backend_config.get(backend, {}))
        return settings
