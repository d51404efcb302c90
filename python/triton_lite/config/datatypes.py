"""Names of tensor element types: in configurations (TYPE_FP32), in the protocol (FP32), as numbers."""

from __future__ import annotations

_NAMES = (
    "<invalid>",
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
    "BF16",
)


def protocol_name(datatype: int) -> str:
    """Return the protocol's name of a DataType number: "FP32", "BYTES", …"""
    return _NAMES[datatype] if 0 <= datatype < len(_NAMES) else _NAMES[0]


def config_name(datatype: int) -> str:
    """Return the configuration's name of a DataType number: "TYPE_FP32", "TYPE_STRING", …"""
    name = protocol_name(datatype)
    if name == "<invalid>":
        return "TYPE_INVALID"
    return "TYPE_STRING" if name == "BYTES" else f"TYPE_{name}"


def number(name: str) -> int:
    """Return the DataType number of a configuration's name. Raises ValueError for an unknown one."""
    return _NAMES.index("BYTES" if name == "TYPE_STRING" else name.removeprefix("TYPE_"))
