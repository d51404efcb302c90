"""What the process as a whole offers to models: its control connection and its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import TritonModelException

if TYPE_CHECKING:
    from .control import Control

model_directory = ""

_control: list[Control] = []


def set_control(control: Control | None) -> None:
    """Make a connection that of the process."""
    _control[:] = [] if control is None else [control]


def find_control() -> Control | None:
    """Return the connection, None outside of a model's process."""
    return _control[0] if _control else None


def control() -> Control:
    """Return the connection, or refuse."""
    found = find_control()
    if found is None:
        raise TritonModelException("This is only available in the process of a model.")
    return found


def get_model_dir() -> str:
    """Return the folder of the model's version."""
    return model_directory
