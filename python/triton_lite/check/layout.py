"""Checks what lies in a model's folder: configuration, versions, links, and what lies in the wrong place."""

from __future__ import annotations

import difflib
import os

from triton_lite.check.access import is_readable
from triton_lite.check.finding import Findings, Severity
from triton_lite.check.model import Checked
from triton_lite.repository.version_name import LEADING_ZEROS, folder_of, read_version

CONFIG_FILE = "config.pbtxt"

# Folders beside the versions that mean something.
_KNOWN_FOLDERS = {"warmup", "initial_state", "configs"}
_MODEL_SUFFIXES = (".onnx", ".plan", ".pt", ".graphdef", ".savedmodel", ".xml")
_MODEL_FILES = ("model.py",)


def looks_like_model(name: str) -> bool:
    """Tell whether a file's name is one that a model's file has."""
    return name.endswith(_MODEL_SUFFIXES) or name in _MODEL_FILES


def check_folder(model: Checked, config_name: str, findings: Findings) -> None:
    """Check a model's folder, not the contents of its files."""
    directory = model.source.directory
    entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    if not any(entry.name == CONFIG_FILE for entry in entries):
        _check_config_name(directory, [entry.name for entry in entries], findings)
    for entry in entries:
        if entry.is_dir():
            _check_subfolder(entry, findings)
        elif looks_like_model(entry.name) and not entry.name.startswith("."):
            findings.of_file(
                entry.path,
                f"'{entry.name}' lies beside the versions, where it is not served",
                severity="warning",
                expected="model files in a version's folder",
                write=f"mkdir -p {directory}/1 && mv {entry.path} {directory}/1/",
            )
    check_links(directory, model.source.repository, findings)
    if config_name:
        _check_named_config(directory, config_name, findings)


def _check_config_name(directory: str, names: list[str], findings: Findings) -> None:
    """Find a configuration that has another name than the one that is read."""
    for name in names:
        stem = name.lower()
        if difflib.SequenceMatcher(None, stem, CONFIG_FILE).ratio() > 0.75 or stem in ("config.json", "config.yaml"):
            path = os.path.join(directory, name)
            findings.of_file(
                path,
                f"'{name}' is not read",
                severity="warning",
                expected=f"a configuration in protobuf text format named {CONFIG_FILE}",
                write=f"mv {path} {directory}/{CONFIG_FILE}",
            )


def _check_subfolder(entry: os.DirEntry[str], findings: Findings) -> None:
    name = entry.name
    if name in _KNOWN_FOLDERS or name.startswith("."):
        return
    digits = "".join(letter for letter in name if letter.isdigit())
    proper = digits.lstrip("0") or "1"
    means = read_version(name)
    if name.isascii() and name.isdecimal():
        if means == LEADING_ZEROS:
            _odd_version(entry, f"ignore version directory '{name}' {LEADING_ZEROS}", proper, findings)
        elif not isinstance(means, int):
            _odd_version(entry, f"ignore version directory '{name}' which is too large for a version", "1", findings)
    elif isinstance(means, int):
        what = f"version directory '{name}' stands for version {means}, whose files are not looked for in it"
        missing = not os.path.exists(os.path.join(os.path.dirname(entry.path), folder_of(means)))
        _odd_version(entry, what, str(max(means, 1)), findings, "error" if missing else "warning")
    elif _holds_model(entry.path) or (digits and name.strip(" vV-_.0123456789") in ("", "ersion")):
        _odd_version(entry, f"ignore version directory '{name}' {means}", proper, findings)


def _odd_version(
    entry: os.DirEntry[str], text: str, proper: str, findings: Findings, severity: Severity = "warning"
) -> None:
    findings.of_file(
        entry.path,
        text,
        severity=severity,
        expected="a whole number without leading zeros as the name of a version",
        write=f"mv {entry.path} {os.path.dirname(entry.path)}/{proper}",
    )


def _holds_model(directory: str) -> bool:
    try:
        return any(looks_like_model(name) for name in os.listdir(directory))
    except OSError:
        return False


def check_links(directory: str, repository: str, findings: Findings) -> None:
    """Check every link and every file below a folder: links lead somewhere, files can be read."""
    inside = os.path.realpath(repository) + os.sep
    for folder, folders, files in os.walk(directory):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                _check_link(path, inside, findings)
            else:
                is_readable(path, "warning", findings)
        folders[:] = [name for name in folders if not (name.startswith(".") or _is_environment(f"{folder}/{name}"))]


def _is_environment(path: str) -> bool:
    """Tell whether a folder is a Python environment, whose links lead to the Python that it was made from."""
    return os.path.exists(f"{path}/pyvenv.cfg") or os.path.isdir(f"{path}/conda-meta")


def _check_link(path: str, inside: str, findings: Findings) -> None:
    if not os.path.exists(path):
        report_dead_link(path, "warning", findings)
    elif not os.path.realpath(path).startswith(inside):
        findings.of_file(
            path,
            f"the link leads out of the repository, to '{os.path.realpath(path)}'",
            severity="warning",
            expected="a repository that can be copied or mounted as a whole",
            write=f"cp --remove-destination {os.path.realpath(path)} {path}",
        )


def report_dead_link(path: str, severity: Severity, findings: Findings) -> None:
    """Report a link that leads nowhere."""
    findings.of_file(
        path,
        f"the link leads to '{os.readlink(path)}', which is not there",
        severity=severity,
        expected="a file or folder at its end",
        write=f"cp FILE {path}, or rm {path}",
    )


def _check_named_config(directory: str, config_name: str, findings: Findings) -> None:
    """Check the folder of --model-config-name."""
    folder = os.path.join(directory, "configs")
    if not os.path.isdir(folder):
        return
    names = sorted(os.listdir(folder))
    if f"{config_name}.pbtxt" not in names:
        near = difflib.get_close_matches(f"{config_name}.pbtxt", names, 1)
        findings.of_file(
            folder,
            f"there is no configuration named '{config_name}': {CONFIG_FILE} is served instead",
            severity="warning",
            expected=f"{folder}/{config_name}.pbtxt",
            write=f"mv {folder}/{near[0]} {folder}/{config_name}.pbtxt" if near else f"{folder}/{config_name}.pbtxt",
        )
