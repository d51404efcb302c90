"""Parameters of requests and responses, as callers in process give and get them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triton_lite.errors import Code, TritonError

Parameter = bool | int | float | str


def set_parameters(target: Any, parameters: Mapping[str, Parameter]) -> None:
    """Set the parameters of a message. Raises TritonError(INVALID_ARGUMENT) for a value of another type."""
    for name, value in parameters.items():
        kinds = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}
        field = kinds.get(type(value))
        if field is None:
            raise TritonError(Code.INVALID_ARGUMENT, f"parameter '{name}' is a {type(value).__name__}")
        setattr(target[name], field, value)
