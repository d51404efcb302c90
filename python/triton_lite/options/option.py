"""What is known about one option."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Scope(enum.Enum):
    """The process that an option is for. Two engines differ exactly if options of ENGINE differ."""

    ENGINE = "engine"
    HTTP = "http"
    GRPC = "grpc"
    METRICS = "metrics"
    SERVER = "server"


class Support(enum.Enum):
    """What an option does here, compared with tritonserver."""

    SAME = "same"
    OWN = "own"
    MACHINERY = "other machinery"
    PENDING = "not built yet"
    NO_EFFECT = "no effect"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `--name=value`, TRITON_LITE_NAME in the environment, `name=value` in an options file.

    parse: text to value; raises ValueError with the reason, in Triton's words where they are known.
    default: the value when it is not given; of a repeatable option, always the empty tuple.
    value: what stands for the value in the help; empty for an option that takes none.
    pending: whether a value asks for what is not built yet (PENDING only; default: every value but the default).
    note: what a user must know of SUPPORT, in one sentence. replacement: what to write instead, if deprecated.
    """

    name: str
    group: str
    scope: Scope
    parse: Callable[[str], Any]
    default: Any
    value: str
    help: str
    support: Support = Support.SAME
    aliases: tuple[str, ...] = ()
    repeatable: bool = False
    note: str = ""
    pending: Callable[[Any], bool] | None = None
    replacement: str = ""
    since: str = ""

    @property
    def takes_value(self) -> bool:
        """Whether the command line must give a value."""
        return bool(self.value)

    @property
    def variable(self) -> str:
        """The environment variable that gives the option."""
        return "TRITON_LITE_" + self.name.replace("-", "_").upper()

    def asks_for_missing(self, value: Any) -> bool:
        """Whether `value` needs machinery that is not built yet."""
        if self.support is not Support.PENDING:
            return False
        return self.pending(value) if self.pending else value != self.default
