"""Checks the versions of a model: that there are some, that the policy serves them, and that each has its file."""

from __future__ import annotations

import difflib
import os

from triton_lite.check.access import is_readable
from triton_lite.check.finding import Findings
from triton_lite.check.layout import looks_like_model, report_dead_link
from triton_lite.check.model import Candidate
from triton_lite.config import backends
from triton_lite.config.error import ConfigError
from triton_lite.config.spec import VersionFiles
from triton_lite.errors import TritonError
from triton_lite.repository.versions import select


def served_versions(candidate: Candidate, findings: Findings) -> list[int]:
    """Return the versions that the policy serves; reports what it asks for and cannot have."""
    source, config = candidate.source, candidate.config
    there = source.versions()
    text = f"at least one version must be available under the version policy of model '{source.name}'"
    if not there:
        findings.of_file(
            source.directory,
            text,
            expected=f"a folder with a number for each version, as {source.directory}/1",
            write=f"mkdir {source.directory}/1" + ("" if candidate.is_ensemble() else " and put the model's file in"),
        )
        return []
    if config is None:
        return there
    wanted = select(config, there)
    known = ", ".join(str(version) for version in there)
    if not wanted:
        error = ConfigError(
            text,
            field=("version_policy",),
            expected=f"a version_policy that allows one of {known}",
            write=f"version_policy: {{ specific: {{ versions: [ {there[-1]} ] }} }}",
        )
        candidate.add(error, findings)
    elif config.version_policy.WhichOneof("policy_choice") == "specific":
        for index, version in enumerate(config.version_policy.specific.versions):
            if version not in there:
                error = ConfigError(
                    f"version {version} is specified for model '{source.name}', but the version directory is not"
                    " present",
                    field=("version_policy", "specific", "versions", index),
                    expected=f"versions among {known}",
                    write=f"mkdir {source.directory}/{version} and put the model's file in, or no {version}",
                )
                findings.of_config(error, candidate.document, severity="warning")
    return wanted


def files_of(candidate: Candidate, version: int, findings: Findings) -> VersionFiles | None:
    """Return the files of a version, or None after reporting that there are none to open."""
    source, config = candidate.source, candidate.config
    if config is None or candidate.is_ensemble():
        return None
    # The code of a backend that is written in Python lies with the backend.
    filename = "" if backends.is_python_based(config) else config.default_model_filename
    try:
        files = source.files(version, filename)
    except TritonError as error:
        refusal = ConfigError(
            error.text,
            field=("default_model_filename",),
            expected="a file in the folder of the version",
            write=f'default_model_filename: "{os.path.basename(config.default_model_filename)}"',
        )
        candidate.add(refusal, findings)
        return None
    there = source.bare_file or not filename or os.path.exists(files.model_file)
    if there:
        if is_readable(files.model_file, "error", findings):
            return files
    elif os.path.islink(files.model_file):
        report_dead_link(files.model_file, "error", findings)
    elif os.path.lexists(files.directory) and is_readable(files.directory, "error", findings):
        _report_missing(candidate, files, findings)
    candidate.faulty.add(("default_model_filename",))
    return None


def _report_missing(candidate: Candidate, files: VersionFiles, findings: Findings) -> None:
    assert candidate.config is not None
    filename = candidate.config.default_model_filename
    names = sorted(os.listdir(files.directory))
    near = difflib.get_close_matches(filename, names, 1) or [name for name in names if looks_like_model(name)]
    write = f"cp FILE {files.model_file}"
    if near:
        write = f'mv {files.directory}/{near[0]} {files.model_file}, or default_model_filename: "{near[0]}"'
    text = f"unable to find '{files.model_file}' for model instance '{candidate.source.name}'"
    expected = f"a file '{filename}' in the folder of version {files.version}" + ("" if names else ", which is empty")
    if candidate.document.text and f'"{filename}"' in candidate.document.text:
        error = ConfigError(text, field=("default_model_filename",), expected=expected, write=write)
        findings.of_config(error, candidate.document)
    else:
        findings.of_file(files.directory, text, expected=expected, write=write)


def is_known_backend(name: str) -> bool:
    """Tell whether a backend is one that Triton or this server brings."""
    return name in {known.backend for known in backends.KNOWN} | {backends.IDENTITY}
