"""Header names that no client may use for a parameter."""

from __future__ import annotations

_RESERVED = frozenset(
    ("sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "headers", "binary_data_output")
)


def is_reserved(name: str) -> bool:
    """Tell whether Triton keeps a parameter's name for itself."""
    return name in _RESERVED or name.startswith("triton_")
