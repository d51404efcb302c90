"""One model while it is checked: where it lies, and each configuration that it has."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass, field

from triton_lite.check import syntax
from triton_lite.check.access import is_readable
from triton_lite.check.finding import Document, Findings
from triton_lite.config import backends, text
from triton_lite.config.error import ConfigError, FieldPath
from triton_lite.proto import messages
from triton_lite.repository.source import ModelSource


@dataclass
class Candidate:
    """One configuration of a model: of its config.pbtxt, of configs/NAME.pbtxt, or of no file.

    config: None where the file cannot be read to its end. effective: whether this is the one that is served.
    backend_known: False where nothing says which backend the model belongs to. complete: completed from the model's
    file, without an error that would keep it from being loaded. completes_itself: by code that is not run here. faulty:
    the fields in which errors were found. versions: those that the policy serves.
    """

    source: ModelSource
    document: Document
    config: messages.ModelConfig | None
    effective: bool
    backend_known: bool = True
    complete: bool = False
    completes_itself: bool = False
    faulty: set[FieldPath] = field(default_factory=set)
    versions: list[int] = field(default_factory=list)

    @property
    def provided(self) -> bool:
        """Whether there is a file."""
        return bool(self.document.text)

    def is_ensemble(self) -> bool:
        """Tell whether the model is made of others."""
        config = self.config
        return config is not None and (config.platform == backends.ENSEMBLE or config.HasField("ensemble_scheduling"))

    def add(self, error: ConfigError, findings: Findings) -> None:
        """Add an error about this configuration."""
        self.faulty.add(error.field)
        findings.of_config(error, self.document)


@dataclass
class Checked:
    """A model and what is known of it. candidates: the configuration that is served comes first."""

    source: ModelSource
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def served(self) -> Candidate:
        """The configuration with which the model is served."""
        return self.candidates[0]


def read_model(source: ModelSource, config_name: str, findings: Findings) -> Checked:
    """Read every configuration of a model, and complete what needs no look into its file."""
    model = Checked(source)
    if source.bare_file:
        config = messages.ModelConfig(default_model_filename=os.path.basename(source.bare_file), backend="onnxruntime")
        model.candidates = [Candidate(source, Document(source.bare_file), config, effective=True)]
    else:
        served = text.config_path(source.directory, config_name)
        others = sorted(glob.glob(os.path.join(glob.escape(source.directory), "configs", "*.pbtxt")))
        paths = [served, *(path for path in others if path != served)]
        model.candidates = [_read(source, path, path == served, findings) for path in paths]
    for candidate in model.candidates:
        _complete(candidate, findings)
    return model


def _read(source: ModelSource, path: str, effective: bool, findings: Findings) -> Candidate:
    if not os.path.exists(path):
        return Candidate(source, Document(source.directory), messages.ModelConfig(), effective)
    if not os.path.isdir(path) and not is_readable(path, "error", findings):
        return Candidate(source, Document(path), None, effective)
    config, document, errors = syntax.read(path)
    candidate = Candidate(source, document, config, effective)
    for error in errors:
        candidate.add(error, findings)
    return candidate


def _complete(candidate: Candidate, findings: Findings) -> None:
    config = candidate.config
    if config is None:
        return
    try:
        backends.fill(config, candidate.source.name, candidate.source.first_version_directory)
    except ConfigError as error:
        candidate.backend_known = False
        candidate.add(error, findings)
