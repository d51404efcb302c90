"""What a load call gives in place of the repository's files: a configuration, and a model's whole content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from triton_lite.config.error import ConfigError
from triton_lite.config.json_input import from_json
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages

FILE_PREFIX = "file:"


@dataclass(frozen=True)
class Override:
    """config: a ModelConfig as JSON, or None. files: content by path within the model's folder."""

    config: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)

    def read_config(self) -> messages.ModelConfig | None:
        """Parse the configuration. Raises TritonError(INVALID_ARGUMENT)."""
        if self.config is None:
            return None
        try:
            return from_json(self.config)
        except TritonError as error:
            raise ConfigError(f"Invalid config override: {error.text}") from error


class Scratch:
    """A temporary model folder, removed with `remove`. directory: one that another process left; else a new one."""

    def __init__(self, directory: str = "") -> None:
        self.directory = directory or _new_folder()

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files. Raises TritonError(INVALID_ARGUMENT) for a path that leads out of the folder."""
        for name, content in files.items():
            path = os.path.normpath(os.path.join(self.directory, name.lstrip("/")))
            if not path.startswith(self.directory + os.sep):
                raise TritonError(
                    Code.INVALID_ARGUMENT,
                    f"Invalid file parameter '{FILE_PREFIX}{name}' with normalized path '{path}' must stay within model"
                    " directory.",
                )
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(content)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise TritonError(
                    Code.INVALID_ARGUMENT,
                    f"Invalid file parameter '{FILE_PREFIX}{name}', directory has been created as a file",
                ) from error
            except (OSError, ValueError) as error:
                raise TritonError(Code.INTERNAL, f"failed to write file parameter '{name}': {error}") from error

    def remove(self) -> None:
        """Remove the folder and all in it."""
        import shutil

        shutil.rmtree(self.directory, ignore_errors=True)


def _new_folder() -> str:
    import tempfile

    return os.path.realpath(tempfile.mkdtemp(prefix="triton_lite_model_"))


def write_files(override: Override) -> Scratch:
    """Write the files of an override into a folder of their own. Raises TritonError, and leaves nothing behind."""
    if override.config is None:
        raise TritonError(Code.INVALID_ARGUMENT, "Load parameter 'config' must be specified for model file override")
    try:
        scratch = Scratch()
    except OSError as error:
        raise TritonError(Code.INTERNAL, f"failed to create a temporary folder: {error}") from error
    try:
        scratch.write(override.files)
    except TritonError:
        scratch.remove()
        raise
    return scratch
