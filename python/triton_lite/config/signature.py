"""What a model's own file says of its tensors, as the data plane reports it (`_native.ModelSignature`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SignatureTensor(Protocol):
    """One input or output of the file: all its dimensions, -1 for a variable one."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def datatype(self) -> int: ...  # noqa: D102
    @property
    def dims(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def optional(self) -> bool: ...  # noqa: D102
    @property
    def is_tensor(self) -> bool: ...  # noqa: D102


class Signature(Protocol):
    """Inputs and outputs of the file; `known` is False for backends whose files state none."""

    @property
    def inputs(self) -> Sequence[SignatureTensor]: ...  # noqa: D102
    @property
    def outputs(self) -> Sequence[SignatureTensor]: ...  # noqa: D102
    @property
    def known(self) -> bool: ...  # noqa: D102


def shape_text(shape: Sequence[int]) -> str:
    """Spell a shape as Triton does: [-1,16]."""
    return "[" + ",".join(str(size) for size in shape) + "]"
