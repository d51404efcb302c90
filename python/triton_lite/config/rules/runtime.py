"""What a model runs on: a backend of this server's own, or one that is written in Python."""

from __future__ import annotations

import os
from collections.abc import Sequence

from triton_lite.config.backends import (
    OWN,
    PYTHON_RUNTIME,
    TRITON_DIRECTORY,
    backend_folder,
    is_python_based,
    library_of,
)
from triton_lite.config.error import ConfigError
from triton_lite.errors import Code
from triton_lite.proto import messages


def runtime_is_here(
    config: messages.ModelConfig, folders: Sequence[str] = (), backend_directory: str = TRITON_DIRECTORY
) -> None:
    """`runtime` names what a backend is made of: its own library, of which each backend here has one, or `model.py` in
    the folder of a backend that is written in Python.

    folders: of the version and of the model, where Triton looks for libraries first. See `find_python_based`, which
    comes before.
    """
    if is_python_based(config):
        _check_python_based(config, backend_directory)
        return
    library = library_of(config.backend)
    runtime = config.runtime or library
    if runtime == library and config.backend in OWN:
        return
    searched = [*folders, os.path.join(backend_directory, config.backend)]
    found = next((path for path in searched if os.path.exists(os.path.join(path, runtime))), None)
    if found is None and not config.runtime:
        return  # Said where the backend is looked for.
    code = Code.INVALID_ARGUMENT
    expected, write = "the backend's own library", "no runtime"
    if found is None and (folders or "/" not in runtime):
        places = "".join(f"'{path}' " for path in searched)
        text = f"unable to find backend library '{runtime}' for model '{config.name}', searched: {places}"
    elif found is None or not _is_inside(os.path.join(found, runtime), found):
        text = (
            f"backend library name '{runtime}' escapes backend directory '{found or config.backend}', for model"
            f" '{config.name}', check model config runtime field"
        )
    else:
        text = f"backend library '{os.path.join(found, runtime)}' of model '{config.name}' cannot be loaded"
        code = Code.UNIMPLEMENTED
        if config.backend not in OWN:
            expected = "a backend of this server, or one that is written in Python"
            write = f'runtime: "{PYTHON_RUNTIME}", if the backend has one'
    raise ConfigError(text, code=code, field=("runtime",), expected=expected, write=write)


def _check_python_based(config: messages.ModelConfig, backend_directory: str) -> None:
    folder = backend_folder(config.backend, backend_directory)
    path = os.path.join(folder or os.path.join(backend_directory, config.backend), PYTHON_RUNTIME)
    if folder is None or not os.path.exists(path):
        raise ConfigError(
            f"unable to find Python backend based backend library '{PYTHON_RUNTIME}' for model '{config.name}',"
            f" searched: '{path}'",
            field=("runtime",),
            expected="a backend that is written in Python, in the folder of --backend-directory",
            write="no runtime" if config.backend in OWN else f"cp FILE {path}",
        )


def _is_inside(path: str, directory: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{os.path.realpath(directory)}/")
