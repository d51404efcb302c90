"""Which model repositories a server has."""

from __future__ import annotations

import os
from pathlib import Path

from triton_lite.options import OptionError, Settings

_SHIPPED = Path(__file__).resolve().parent.parent / "examples_models"


def resolved_repositories(settings: Settings) -> tuple[str, ...]:
    """The repositories as absolute paths, each once. Raises OptionError if there is none.

    Without --model-repository: models/ in the working folder, else the examples that come with the package.
    """
    given: tuple[str, ...] = settings["model-repository"]
    if not given:
        given = (str(_default()),)
    return tuple(dict.fromkeys(path if "://" in path else os.path.abspath(path) for path in given))


def _default() -> Path:
    for folder in (Path("models"), _SHIPPED):
        if folder.is_dir():
            return folder
    raise OptionError("--model-repository must be specified: there is no folder models/ here")
