"""What a function takes and returns, as its author declares it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triton_lite import tensors
from triton_lite.config import datatypes
from triton_lite.errors import Code, TritonError


@dataclass(frozen=True)
class Tensor:
    """One input or output of a function.

    name: INPUT_1, INPUT_2, … or OUTPUT_1, … in their order unless given. dtype: a numpy type (`bytes` for BYTES), or a
    datatype of the protocol ("FP32"). shape: without the batch dimension, -1 for dimensions of any size.
    optional: an input that requests may leave out; the function's default stands in.
    """

    name: str = ""
    dtype: Any = None
    shape: Sequence[int] | None = None
    optional: bool = False

    def number(self) -> int:
        """Return the datatype as ModelConfig has it. Raises TritonError(INVALID_ARGUMENT)."""
        if self.dtype is None:
            raise self._invalid("has no dtype")
        try:
            dtype = np.dtype(self.dtype)
        except TypeError:
            return self._named()
        try:
            name = tensors.datatype_of(np.empty(0, dtype))
        except TritonError as error:
            raise self._invalid(error.text) from None
        return datatypes.number(f"TYPE_{name}")

    def dims(self) -> list[int]:
        """Return the dimensions. Raises TritonError(INVALID_ARGUMENT)."""
        if self.shape is None:
            raise self._invalid("has no shape")
        try:
            dims = [int(size) for size in self.shape]
        except (TypeError, ValueError):
            raise self._invalid(f"has a shape that is no sequence of integers: {self.shape!r}") from None
        if not dims:
            raise self._invalid("has no dimension: (1,) stands for one number")
        if any(size < 1 and size != -1 for size in dims):
            raise self._invalid(f"has the shape {tuple(dims)}: dimensions are at least 1, or -1 for any size")
        return dims

    def _named(self) -> int:
        try:
            return datatypes.number(f"TYPE_{str(self.dtype).removeprefix('TYPE_')}")
        except ValueError:
            raise self._invalid(f"has a dtype that is neither numpy's nor the protocol's: {self.dtype!r}") from None

    def _invalid(self, what: str) -> TritonError:
        return TritonError(Code.INVALID_ARGUMENT, f"tensor '{self.name}' {what}")
