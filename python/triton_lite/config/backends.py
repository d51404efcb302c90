"""Which backend a model belongs to: fills platform, backend and default_model_filename from what is there."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triton_lite.config.error import ConfigError
from triton_lite.proto import messages

TRITON_DIRECTORY = "/opt/tritonserver/backends"
"""Where backends lie unless it is said otherwise: here those that are written in Python, in Triton all."""

ENSEMBLE = "ensemble"
ONNXRUNTIME = "onnxruntime"
ONNX_PLATFORM = "onnxruntime_onnx"
IDENTITY = "identity"
PYTHON = "python"
TENSORRT_PLATFORM = "tensorrt_plan"
OWN = frozenset({ONNXRUNTIME, IDENTITY, PYTHON})
"""The backends that are part of this server."""

PYTHON_RUNTIME = "model.py"
"""`runtime` of a model whose backend is written in Python: the file in the backend's folder."""

_ENVIRONMENT_PARAMETER = "EXECUTION_ENV_PATH"
_ENVIRONMENT_FILE = f"pb_exec_env_{PYTHON_RUNTIME}.tar.gz"


@dataclass(frozen=True)
class KnownBackend:
    """A backend that Triton recognizes by platform or by the name of the model's file."""

    backend: str
    platform: str
    filename: str
    folder: bool | None  # What `filename` has to be: a folder, a file, or either (None).
    shows_platform: bool = True  # Fills `platform` when only the backend is given.


# In the order in which Triton looks.
KNOWN = (
    KnownBackend("tensorflow", "tensorflow_savedmodel", "model.savedmodel", True),
    KnownBackend("tensorflow", "tensorflow_graphdef", "model.graphdef", False),
    KnownBackend("tensorrt", TENSORRT_PLATFORM, "model.plan", False),
    KnownBackend(ONNXRUNTIME, ONNX_PLATFORM, "model.onnx", None),
    KnownBackend("openvino", "", "model.xml", None, shows_platform=False),
    KnownBackend("pytorch", "pytorch_libtorch", "model.pt", False),
    KnownBackend(PYTHON, "", "model.py", None, shows_platform=False),
)

# Backends and the only platforms they go with.
PLATFORMS_OF = {
    "tensorflow": {"tensorflow_savedmodel", "tensorflow_graphdef"},
    "tensorrt": {TENSORRT_PLATFORM},
    ONNXRUNTIME: {ONNX_PLATFORM},
    "pytorch": {"pytorch_libtorch"},
}


FindFolder = Callable[[], str | None]


def fill(config: messages.ModelConfig, name: str, find_version_directory: FindFolder) -> None:
    """Fill name, platform, backend and default_model_filename where they are missing.

    find_version_directory: finds the first of the model's version folders, if it has one; asked only where the
    configuration leaves it to the files. Raises ConfigError when nothing says which backend the model belongs to.
    """
    if not config.name:
        config.name = name
    known = _recognize(config, functools.cache(find_version_directory))
    if known is not None:
        config.backend = config.backend or known.backend
        if known.shows_platform and not config.platform:
            config.platform = known.platform
        if not config.default_model_filename:
            config.default_model_filename = known.filename
        return
    if config.backend or config.platform or config.default_model_filename:
        return
    _fill_from_name(config, name)


def _recognize(config: messages.ModelConfig, find_version_directory: FindFolder) -> KnownBackend | None:
    """Find the known backend that the configuration names, or that the files of the version suggest."""
    for known in KNOWN:
        if config.backend:
            if config.backend == known.backend and _fits(config, known, find_version_directory):
                return known
            continue
        if known.platform and config.platform == known.platform:
            return known
        if config.default_model_filename == known.filename and not (known.backend == "tensorflow" and config.platform):
            return known
        if not config.platform and not config.default_model_filename and _holds(find_version_directory, known):
            return known
    return None


def _fits(config: messages.ModelConfig, known: KnownBackend, find_version_directory: FindFolder) -> bool:
    """Tell whether a backend that is named is meant this way: TensorFlow has two platforms, which files tell apart."""
    if config.platform or known.backend != "tensorflow":
        return config.platform in ("", known.platform)
    if config.default_model_filename:
        return bool(config.default_model_filename == known.filename)
    return _holds(find_version_directory, known)


def _holds(find_version_directory: FindFolder, known: KnownBackend) -> bool:
    version_directory = find_version_directory()
    if version_directory is None:
        return False
    path = os.path.join(version_directory, known.filename)
    if known.folder is None:
        return os.path.exists(path)
    return os.path.isdir(path) if known.folder else os.path.isfile(path)


def _fill_from_name(config: messages.ModelConfig, name: str) -> None:
    """Take the backend from a model name of the form `model.<backend_name>`."""
    _, delimiter, backend = name.partition(".")
    if not delimiter:
        raise ConfigError(
            f"Invalid model name: Could not determine backend for model '{name}' with no backend in model"
            " configuration. Expected model name of the form 'model.<backend_name>'.",
            field=("backend",),
            expected="a model file that is known (1/model.onnx), or a configuration that names the backend",
            write='backend: "onnxruntime" (or another backend) in config.pbtxt',
        )
    config.backend = backend
    config.default_model_filename = f"model.{backend}"


def library_of(backend: str) -> str:
    """Name the library that a backend of Triton's consists of."""
    return f"libtriton_{backend}.so"


def backend_folder(backend: str, backend_directory: str) -> str | None:
    """Return the folder of a backend; None for a name that would lead out of the folder of all of them."""
    if not backend or backend in (os.curdir, os.pardir) or os.path.basename(backend) != backend:
        return None
    return os.path.join(backend_directory, backend)


def is_python_based(config: messages.ModelConfig) -> bool:
    """Tell whether a model's backend is written in Python, once `find_python_based` has looked."""
    return bool(config.runtime == PYTHON_RUNTIME)


def find_python_based(config: messages.ModelConfig, folders: Sequence[str], backend_directory: str) -> None:
    """Fill `runtime` where the model's backend is written in Python, and the environment that the backend brings.

    As in Triton a library goes before. folders: of the version and of the model, where one may lie, too.
    """
    folder = backend_folder(config.backend, backend_directory)
    if folder is None:
        return
    if not config.runtime and config.backend not in OWN:
        library = library_of(config.backend)
        has_library = any(os.path.exists(os.path.join(path, library)) for path in (*folders, folder))
        if not has_library and os.path.exists(os.path.join(folder, PYTHON_RUNTIME)):
            config.runtime = PYTHON_RUNTIME
    if is_python_based(config) and _ENVIRONMENT_PARAMETER not in config.parameters:
        archive = os.path.join(folder, _ENVIRONMENT_FILE)
        if os.path.exists(archive):
            config.parameters[_ENVIRONMENT_PARAMETER].string_value = archive


def settings_of(config: messages.ModelConfig) -> tuple[str, ...]:
    """Name the backends whose settings a model goes by, those that win last.

    As in Triton, those of `python` count for a backend that is written in Python; here its own do, too.
    """
    return (PYTHON, config.backend) if is_python_based(config) else (config.backend,)
