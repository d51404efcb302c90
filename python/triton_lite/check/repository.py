"""Checks repositories: finds their models, checks each, and then how they fit together."""

from __future__ import annotations

import os
from collections.abc import Sequence

from triton_lite.check.access import can_read, report_unreadable
from triton_lite.check.configuration import check_configuration, check_instances, check_serving, check_tensors
from triton_lite.check.data_files import check_data_files
from triton_lite.check.ensembles import check_ensembles
from triton_lite.check.faults import copy_of
from triton_lite.check.finding import Document, Finding, Findings
from triton_lite.check.labels import check_labels
from triton_lite.check.layout import CONFIG_FILE, check_folder, looks_like_model, report_dead_link
from triton_lite.check.model import Candidate, Checked, read_model
from triton_lite.check.model_files import ModelFiles
from triton_lite.check.options import CheckOptions
from triton_lite.check.versions import files_of, served_versions
from triton_lite.config.error import ConfigError
from triton_lite.engine.devices import find_gpus
from triton_lite.errors import TritonError
from triton_lite.repository import scan
from triton_lite.repository.source import ModelSource


def check_repository(paths: Sequence[str], options: CheckOptions | None = None) -> list[Finding]:
    """Check model repositories as one server would serve them together.

    paths: folders of models, or ONNX files. Nothing is written. Returns everything that is wrong, by file and line.
    """
    return _Check(options or CheckOptions()).run([os.path.abspath(path) for path in paths])


class _Check:
    """One check."""

    def __init__(self, options: CheckOptions) -> None:
        self._options = options
        self._findings = Findings()
        self._files = ModelFiles(options) if options.open_files else None
        self._gpus = find_gpus() if options.gpus is None else options.gpus

    def run(self, paths: Sequence[str]) -> list[Finding]:
        usable = [path for path in paths if self._is_repository(path)]
        models: list[Checked] = []
        for path in usable:
            models += [self._check_model(source) for sources in scan.scan([path]).values() for source in sources]
        self._check_together(models)
        return self._findings.sorted()

    def _check_together(self, models: Sequence[Checked]) -> None:
        """Check names and ensembles, whose steps see their own repository first."""
        groups = [list(models)]
        if self._options.model_namespacing:
            repositories = dict.fromkeys(model.source.repository for model in models)
            groups = [[model for model in models if model.source.repository == path] for path in repositories]
        known = [self._unique(group, report=True) for group in groups]
        everywhere = self._unique([model for group in known for model in group.values()], report=False)
        for own in known:
            repository = next((model.source.repository for model in own.values()), "")
            check_ensembles(everywhere | own, repository if len(groups) > 1 else None, self._findings)

    def _unique(self, models: Sequence[Checked], *, report: bool) -> dict[str, Checked]:
        """Give the models whose name no other has, by name."""
        by_name: dict[str, list[Checked]] = {}
        for model in models:
            by_name.setdefault(model.source.name, []).append(model)
        for name, same in by_name.items():
            if report and len(same) > 1:
                self._report_conflict(name, [model.source for model in same])
        return {name: same[0] for name, same in by_name.items() if len(same) == 1}

    def _is_repository(self, path: str) -> bool:
        """Check that a path is a repository, and what lies in it beside the models."""
        try:
            scan.check_repositories([path])
        except TritonError as error:
            text, _, expected = error.text.partition("; expected ")
            self._findings.of_file(path, text, expected=expected, write="the path of a folder that is there")
            return False
        if scan.is_bare_file(path):
            return True
        if not can_read(path):
            report_unreadable(path, "error", self._findings)
            return False
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        if any(entry.name == CONFIG_FILE for entry in entries):
            self._findings.of_file(
                path,
                f"a {CONFIG_FILE} lies in the repository itself: this looks like a model, not like a repository",
                expected="the folder around the models' folders",
                write=f"triton-lite model check {os.path.dirname(path)}",
            )
            return False
        for entry in entries:
            self._check_entry(entry)
        if not any(entry.is_dir() or entry.name.endswith(".onnx") for entry in entries):
            self._findings.of_file(
                path,
                "the repository is empty",
                severity="warning",
                expected="a folder for each model",
                write=f"triton-lite model new NAME --from model.onnx --repository {path}",
            )
        return True

    def _check_entry(self, entry: os.DirEntry[str]) -> None:
        if entry.is_symlink() and not os.path.exists(entry.path):
            report_dead_link(entry.path, "warning", self._findings)
        elif entry.is_file() and looks_like_model(entry.name) and not entry.name.endswith(".onnx"):
            stem = entry.name.partition(".")[0]
            self._findings.of_file(
                entry.path,
                f"'{entry.name}' lies in the repository itself, where only .onnx files are served",
                severity="warning",
                expected="a model's file in the folder of a version",
                write=f"mkdir -p {os.path.dirname(entry.path)}/{stem}/1 and mv {entry.path} there",
            )

    def _report_conflict(self, name: str, found: Sequence[ModelSource]) -> None:
        for source in found:
            others = ", ".join(_place(other) for other in found if other is not source)
            self._findings.of_file(
                _place(source),
                f"failed to poll model '{name}': not unique across all model repositories",
                expected=f"one model of this name; the other is {others}",
                write="another name for one of them, or --model-namespacing=true",
            )

    def _check_model(self, source: ModelSource) -> Checked:
        if not source.bare_file and not can_read(source.directory):
            report_unreadable(source.directory, "error", self._findings)
            return Checked(source, [Candidate(source, Document(source.directory), None, effective=True)])
        model = read_model(source, self._options.model_config_name, self._findings)
        try:
            scan.check_name(source.name)
        except TritonError as error:
            self._findings.of_file(source.directory, error.text, write="another name of the folder")
        for candidate in model.candidates:
            self._check_candidate(candidate)
        if not source.bare_file:  # Last: what keeps the model from being loaded is known, and worse.
            check_folder(model, self._options.model_config_name, self._findings)
        return model

    def _check_candidate(self, candidate: Candidate) -> None:
        if self._options.disable_auto_complete_config and not candidate.provided and not candidate.source.bare_file:
            self._report_no_config(candidate)
            return
        check_configuration(candidate, self._options.backend_directory, self._findings)
        wanted = served_versions(candidate, self._findings)
        candidate.versions = wanted
        alone = candidate.config
        for version in wanted:
            candidate.config = copy_of(alone) if alone is not None else None  # Each version completes its own.
            files = files_of(candidate, version, self._findings)
            if files is not None and self._files is not None:
                self._files.complete(candidate, files, self._findings)
        check_tensors(candidate, self._findings)
        check_instances(candidate, self._gpus, self._findings)
        check_serving(candidate, self._findings)
        check_labels(candidate, self._findings)
        check_data_files(candidate, self._findings)
        candidate.complete = candidate.config is not None and not candidate.faulty and bool(wanted)
        if candidate.completes_itself and not self._options.disable_auto_complete_config:
            candidate.complete &= bool(candidate.config and candidate.config.input and candidate.config.output)

    def _report_no_config(self, candidate: Candidate) -> None:
        directory = candidate.source.directory
        error = ConfigError(
            f"failed to open text file for read {directory}/{CONFIG_FILE}: No such file or directory",
            expected="a complete configuration, since auto-completion is switched off",
            write=f"triton-lite model new writes one: {CONFIG_FILE}",
        )
        candidate.add(error, self._findings)


def _place(source: ModelSource) -> str:
    return source.bare_file or source.directory
