"""How much a tensor holds: the rules that every shape in a configuration obeys before memory is taken for it."""

from __future__ import annotations

from collections.abc import Sequence

from triton_lite.config import datatypes
from triton_lite.config.error import ConfigError
from triton_lite.config.signature import shape_text

VARIABLE = -1
_LARGEST = (1 << 63) - 1

_ELEMENT_BYTE_SIZES = {
    "BOOL": 1,
    "UINT8": 1,
    "INT8": 1,
    "UINT16": 2,
    "INT16": 2,
    "FP16": 2,
    "BF16": 2,
    "UINT32": 4,
    "INT32": 4,
    "FP32": 4,
    "UINT64": 8,
    "INT64": 8,
    "FP64": 8,
    "BYTES": 4,  # Of an empty string: its length.
}


def element_count(dims: Sequence[int], name: str) -> int:
    """Count the elements of a shape, or return VARIABLE. Raises ConfigError when they are too many to count."""
    count = _product(dims)
    if count is None:
        raise ConfigError(f"tensor '{name}' contains an invalid dimension in shape {shape_text(dims)}")
    if count > _LARGEST:
        raise ConfigError(f"element count for tensor '{name}' exceeds maximum size of {_LARGEST}")
    return count


def byte_size(datatype: int, dims: Sequence[int], name: str) -> int:
    """Return the bytes that a tensor takes, or VARIABLE. Raises ConfigError when they are too many to count."""
    kind = datatypes.protocol_name(datatype)
    size = _ELEMENT_BYTE_SIZES.get(kind)
    if size is None:
        return VARIABLE
    count = element_count(dims, name) if kind == "BYTES" else _product(dims)
    if count is None:
        raise ConfigError(f"tensor '{name}' contains an invalid dimension {shape_text(dims)}")
    if count == VARIABLE:
        return VARIABLE
    if count * size > _LARGEST:
        raise ConfigError(f"byte size for tensor '{name}' exceeds maximum size of {_LARGEST}")
    return count * size


def _product(dims: Sequence[int]) -> int | None:
    """Multiply sizes up to the first variable one (then VARIABLE) or negative one (then None)."""
    count = 1 if dims else 0
    for size in dims:
        if size < 0 or count > _LARGEST:
            return count if count > _LARGEST else VARIABLE if size == VARIABLE else None
        count *= size
    return count
