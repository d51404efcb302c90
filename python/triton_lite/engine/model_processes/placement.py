"""Where the instances of a model run: as the data plane places them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from triton_lite.errors import Code, TritonError

_KINDS = {0: "AUTO", 1: "GPU", 2: "CPU", 3: "MODEL"}
_INVALID = frozenset(";|&$`<>()[]{}\\\"'*?~#!")


@dataclass(frozen=True)
class Placement:
    """One instance. kind: in the word that models are told, "CPU" or "GPU"."""

    name: str
    kind: str
    device_id: int


def place(native: Any, spec: Any) -> list[Placement]:
    """Ask the data plane for the instances of a model. Raises TritonError for names that Triton refuses."""
    placements = []
    for one in native.place_instances(spec):
        check_name(one.name)
        kind = one.kind if isinstance(one.kind, str) else _KINDS.get(int(one.kind), "CPU")
        placements.append(Placement(one.name, kind.removeprefix("KIND_"), max(0, one.device_id)))
    return placements


def check_name(name: str) -> None:
    """Check the name of a process as Triton does. Raises TritonError."""
    if not name or not _INVALID.isdisjoint(name):
        raise TritonError(Code.INVALID_ARGUMENT, "Invalid stub name: contains invalid characters")
