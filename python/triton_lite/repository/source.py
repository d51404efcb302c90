"""Where one model comes from: a folder in Triton's layout, or a bare ONNX file."""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import dataclass

from triton_lite.config import text
from triton_lite.config.error import ConfigError
from triton_lite.config.spec import VersionFiles
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages
from triton_lite.repository.version_name import folder_of, read_version

_log = logging.getLogger(__name__)

# Folders beside the versions that are no versions.
_NO_VERSIONS = {"warmup", "initial_state", "configs"}


@dataclass(frozen=True)
class ReadConfig:
    """A configuration as it was found: `text` and `path` are empty where there is no file. given: with a load call."""

    config: messages.ModelConfig
    path: str = ""
    text: str = ""
    given: bool = False

    @property
    def provided(self) -> bool:
        """Whether the model has a configuration of its own."""
        return bool(self.path) or self.given

    def placed(self, error: ConfigError) -> ConfigError:
        """Add to an error where its field stands in the file."""
        return text.placed(error, self.path, self.text) if self.path else error


@dataclass(frozen=True)
class ModelSource:
    """A model of a repository. Paths are absolute.

    directory: the model's folder (of a bare file: the folder that holds it). bare_file: the ONNX file that is all
    there is, as version 1, or empty.
    """

    name: str
    repository: str
    directory: str
    bare_file: str = ""

    def read_config(self, config_name: str = "") -> ReadConfig:
        """Read the configuration, if there is one. Raises ConfigError."""
        if self.bare_file:
            config = messages.ModelConfig(default_model_filename=os.path.basename(self.bare_file))
            config.backend = "onnxruntime"
            return ReadConfig(config)
        path = text.config_path(self.directory, config_name)
        if not os.path.exists(path):
            return ReadConfig(messages.ModelConfig())
        config, content = text.read(path)
        return ReadConfig(config, path, content)

    def versions(self) -> list[int]:
        """List the versions that are there, ascending."""
        if self.bare_file:
            return [1]
        found = set()
        for name in _folders(self.directory):
            if name in _NO_VERSIONS:
                continue
            version = read_version(name)
            if isinstance(version, int):
                found.add(version)
            else:
                _log.warning("ignore version directory '%s' %s", name, version)
        return sorted(found)

    def first_version_directory(self) -> str | None:
        """Return the first subfolder, whose files tell the backend of a model without configuration."""
        if self.bare_file:
            return None
        folders = _folders(self.directory)
        return os.path.join(self.directory, folders[0]) if folders else None

    def files(self, version: int, filename: str) -> VersionFiles:
        """Name the files of a version. Raises TritonError when `filename` leads out of the version's folder."""
        if self.bare_file:
            return VersionFiles(version, self.directory, self.bare_file)
        directory = os.path.join(self.directory, folder_of(version))
        if not filename:
            return VersionFiles(version, directory, directory)
        path = inside(directory, filename)
        if path is None:
            raise TritonError(
                Code.INVALID_ARGUMENT,
                f"model file path '{directory}/{filename}' of model '{self.name}' is outside model directory",
            )
        return VersionFiles(version, directory, path)


def check_kind(path: str, model: str) -> int:
    """Refuse to open what is neither a file nor a folder: a pipe would hold the load up. Returns its size.

    Raises TritonError.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return 0  # Whoever opens it says so.
    mode = status.st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise TritonError(
            Code.INVALID_ARGUMENT, f"model file path '{path}' of model '{model}' is neither a file nor a folder"
        )
    return status.st_size


def inside(directory: str, name: str) -> str | None:
    """Join a folder and a name that a configuration gives; None when the name leads out of the folder.

    Links that the repository's owner made are followed: only what the name itself says is judged.
    """
    path = os.path.normpath(f"{directory}/{name}")
    return path if path.startswith(os.path.normpath(directory) + os.sep) else None


def _folders(directory: str) -> list[str]:
    """List the subfolders of a folder by name; links to folders count."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []
