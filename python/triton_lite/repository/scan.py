"""Finds the models of several repositories. A repository is a folder of models, or one ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from triton_lite.errors import Code, TritonError
from triton_lite.repository.source import ModelSource

_BARE_SUFFIX = ".onnx"

EMPTY_NAME = "Model name cannot be empty. Please enter a valid name to deploy."

NOT_UNIQUE = "model appears in two or more repositories"
"""What the repository index says of a model whose name stands in more than one place."""


def check_repositories(repositories: Sequence[str]) -> None:
    """Check that every repository is there. Raises TritonError that names the one that is not."""
    for repository in repositories:
        if not os.path.isdir(repository) and not is_bare_file(repository):
            raise TritonError(
                Code.INVALID_ARGUMENT,
                f"repository path is not a valid directory: '{repository}'; expected a folder of models"
                " (MODEL/1/model.onnx), a folder of .onnx files, or one .onnx file",
            )


def scan(repositories: Sequence[str]) -> dict[str, list[ModelSource]]:
    """Find all models, by name in their order. More than one source of a name is a conflict."""
    found: dict[str, list[ModelSource]] = {}
    for repository in repositories:
        for source in _models_of(os.path.abspath(repository)):
            found.setdefault(source.name, []).append(source)
    return dict(sorted(found.items()))


def find(repositories: Sequence[str], name: str) -> list[ModelSource]:
    """Find the sources of one model without reading the rest of the repositories.

    Raises TritonError(INVALID_ARGUMENT) for a name that is no name of a folder.
    """
    check_name(name)
    found = []
    for repository in map(os.path.abspath, repositories):
        if is_bare_file(repository):
            found += [source for source in _models_of(repository) if source.name == name]
            continue
        directory = os.path.join(repository, name)
        if os.path.isdir(directory):
            found.append(ModelSource(name, repository, directory))
        bare_file = directory + _BARE_SUFFIX
        if is_bare_file(bare_file):
            found.append(ModelSource(name, repository, repository, bare_file))
    return found


def check_name(name: str) -> None:
    """Check that a name cannot lead out of the repository. Raises TritonError(INVALID_ARGUMENT)."""
    trimmed = name.strip()
    if not trimmed:
        raise TritonError(Code.INVALID_ARGUMENT, EMPTY_NAME)
    if trimmed in (".", "..") or "/" in trimmed or "\0" in trimmed:
        raise TritonError(
            Code.INVALID_ARGUMENT,
            f"invalid model name '{name}', model name must not contain path traversal characters",
        )


def is_bare_file(path: str) -> bool:
    """Tell whether a path is an ONNX file that is served by itself."""
    return path.endswith(_BARE_SUFFIX) and os.path.isfile(path)


def _models_of(repository: str) -> list[ModelSource]:
    if is_bare_file(repository):
        return [_bare(repository)]
    models = []
    try:
        with os.scandir(repository) as entries:
            for entry in entries:
                # Folders of tools (.git, .ipynb_checkpoints) are no models.
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    models.append(ModelSource(entry.name, repository, entry.path))
                elif is_bare_file(entry.path):
                    models.append(_bare(entry.path))
    except OSError as error:
        raise TritonError(Code.INTERNAL, f"failed to open directory {repository}: {error.strerror}") from error
    return sorted(models, key=lambda source: source.name)


def _bare(path: str) -> ModelSource:
    directory, filename = os.path.split(path)
    return ModelSource(filename.removesuffix(_BARE_SUFFIX), directory, directory, path)
