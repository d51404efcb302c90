"""Which Python a model process runs, and with which variables."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from triton_lite.engine.model_processes.process import Program
from triton_lite.errors import Code, TritonError

_MINORS = range(9, 15)
# What would make another Python look for the modules of the server's own.
_OURS_ALONE = ("PYTHONHOME", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__")


def own_program() -> Program:
    """Run the Python that the server runs on, with the server's variables."""
    python = sys.executable
    if not python or not os.access(python, os.X_OK):  # Python inside another program.
        found = [os.path.join(folder, "bin", name) for folder in (sys.prefix, sys.base_prefix) for name in _names()]
        python = next((path for path in found if os.access(path, os.X_OK)), shutil.which("python3") or "python3")
    return Program(python, dict(os.environ))


def program_of(environment: str) -> Program:
    """Run the Python of an environment's folder, as if it were activated. Raises TritonError where there is none.

    The variables that its `activate` script sets are not asked for: what counts of them is set here, without a shell.
    """
    bin_folder = os.path.join(environment, "bin")
    paths = (os.path.join(bin_folder, name) for name in _names())
    python = next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)
    if python is None:
        if not os.path.exists(os.path.join(bin_folder, "activate")):
            raise TritonError(
                Code.INTERNAL,
                f"Path {bin_folder}/activate does not exist. The Python environment should contain an 'activate'"
                " script.",
            )
        raise TritonError(Code.INTERNAL, f"there is no Python in {bin_folder} that can be run")
    return Program(python, _variables(environment, os.environ))


def _variables(environment: str, ours: Mapping[str, str]) -> dict[str, str]:
    variables = {name: value for name, value in ours.items() if name not in _OURS_ALONE}
    bin_folder = os.path.join(environment, "bin")
    variables["PATH"] = os.pathsep.join(part for part in (bin_folder, ours.get("PATH", "")) if part)
    is_conda = os.path.isdir(os.path.join(environment, "conda-meta"))
    for name in ("CONDA_PREFIX", "VIRTUAL_ENV"):
        variables.pop(name, None)
    variables["CONDA_PREFIX" if is_conda else "VIRTUAL_ENV"] = environment
    # Paths into the server's own Python hold modules that are built for it.
    theirs = [path for path in ours.get("PYTHONPATH", "").split(os.pathsep) if path and not _is_ours(path)]
    variables.pop("PYTHONPATH", None)
    if theirs:
        variables["PYTHONPATH"] = os.pathsep.join(theirs)
    return variables


def _is_ours(path: str) -> bool:
    return os.path.isdir(os.path.join(path, "triton_lite"))


def _names() -> list[str]:
    return ["python", "python3", *(f"python3.{minor}" for minor in reversed(_MINORS))]
