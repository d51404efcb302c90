"""A function in the place of a model's folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from triton_lite.config.spec import VersionFiles
from triton_lite.functions.kind import FunctionKind
from triton_lite.proto import messages
from triton_lite.repository.source import ModelSource, ReadConfig

if TYPE_CHECKING:
    from triton_lite.functions.model import ServedFunction

_REPOSITORY = "functions"


@dataclass(frozen=True)
class FunctionSource(ModelSource):
    """A function that is served as version 1 of a model. config: complete, but for what every model gets."""

    function: Callable[..., Any] = field(kw_only=True)
    kind: FunctionKind = field(kw_only=True)
    config: messages.ModelConfig = field(kw_only=True)

    def read_config(self, config_name: str = "") -> ReadConfig:
        """Return the configuration that was made of the declaration."""
        config = messages.ModelConfig()
        config.CopyFrom(self.config)
        return ReadConfig(config, given=True)

    def versions(self) -> list[int]:
        """There is the one version."""
        return [1]

    def first_version_directory(self) -> str | None:
        """There are no files."""
        return None

    def files(self, version: int, filename: str) -> VersionFiles:
        """There are no files."""
        return VersionFiles(version, "", "")

    def run(
        self,
        config: messages.ModelConfig,
        instances: Sequence[str],
        make_link: Callable[[str], Any],
        reads_memory: bool,
        on_gone: Callable[[ServedFunction], None],
    ) -> ServedFunction:
        """Start the threads of the instances of these names. config: complete."""
        from triton_lite.functions.model import ServedFunction  # With numpy, which the engine's process does without.

        return ServedFunction(self, config, instances, make_link, reads_memory, on_gone)


def source_of(
    name: str, function: Callable[..., Any], kind: FunctionKind, config: messages.ModelConfig
) -> FunctionSource:
    """Make the source of a function."""
    return FunctionSource(name, _REPOSITORY, "", function=function, kind=kind, config=config)
