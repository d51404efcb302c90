"""Label files: the names of a classifier's classes, one a line."""

from __future__ import annotations

from triton_lite.config.regular_file import read_text
from triton_lite.errors import Code, TritonError
from triton_lite.proto import messages
from triton_lite.repository.source import ModelSource, inside


def read_labels(config: messages.ModelConfig, source: ModelSource) -> dict[str, list[str]]:
    """Read the label files of a model's outputs, by name of the output.

    Raises TritonError when a file is missing or lies outside of the model's folder.
    """
    labels = {}
    for output in config.output:
        if not output.label_filename:
            continue
        path = inside(source.directory, output.label_filename)
        if path is None:
            raise TritonError(
                Code.UNIMPLEMENTED,
                f"label file path '{source.directory}/{output.label_filename}' for output '{output.name}' in model"
                f" '{config.name}' is outside model directory",
            )
        labels[output.name] = _read(path)
    return labels


def _read(path: str) -> list[str]:
    try:
        return read_text(path, errors="replace", newline="\n").removesuffix("\n").split("\n")
    except OSError as error:
        raise TritonError(Code.INTERNAL, f"failed to open text file for read {path}: {error.strerror}") from error
