"""Checks the label files of a model's outputs: that they are there, and have a label for each class."""

from __future__ import annotations

import os
from math import prod

from triton_lite.check.access import is_readable
from triton_lite.check.finding import Findings
from triton_lite.check.model import Candidate
from triton_lite.config.error import ConfigError
from triton_lite.proto import messages
from triton_lite.repository.source import inside


def check_labels(candidate: Candidate, findings: Findings) -> None:
    """Check the label file of each output that names one."""
    if candidate.config is None:
        return
    directory = candidate.source.directory
    for index, output in enumerate(candidate.config.output):
        if not output.label_filename:
            continue
        field = ("output", index, "label_filename")
        path = inside(directory, output.label_filename)
        if path is None:
            error = ConfigError(
                f"label file path '{directory}/{output.label_filename}' for output '{output.name}' in model"
                f" '{candidate.config.name}' is outside model directory",
                field=field,
                expected="a file in the model's folder",
                write=f'label_filename: "{os.path.basename(output.label_filename)}"',
            )
            candidate.add(error, findings)
            continue
        if os.path.exists(path) and not is_readable(path, "error", findings):
            candidate.faulty.add(field)
            continue
        try:
            with open(path, "rb") as file:
                content = file.read()
        except (OSError, ValueError) as reason:
            error = ConfigError(
                f"failed to open text file for read {path}: {getattr(reason, 'strerror', reason)}",
                field=field,
                expected="a text file with one label a line",
                write=_nearest(directory) or f"no label_filename, or a label a line in {path}",
            )
            candidate.add(error, findings)
            continue
        _check_content(path, content, output, findings)


def _nearest(directory: str) -> str:
    names = sorted(name for name in os.listdir(directory) if name.endswith(".txt"))
    return f'label_filename: "{names[0]}"' if names else ""


def _check_content(path: str, content: bytes, output: messages.Message, findings: Findings) -> None:
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    for number, line in enumerate(lines, 1):
        try:
            line.decode()
        except UnicodeDecodeError:
            findings.of_file(
                path,
                f"the label in line {number} is not UTF-8",
                severity="warning",
                line=number,
                expected="a text file in UTF-8",
                write=f"iconv -f latin1 -t utf-8 {path}",
            )
            break
    classes = prod(output.dims) if output.dims and min(output.dims) > 0 else None
    if classes is not None and len(lines) != classes:
        findings.of_file(
            path,
            f"{len(lines)} labels for output '{output.name}', which has {classes} values",
            severity="warning",
            line=min(len(lines), classes + 1) or 1,
            expected=f"{classes} lines, one label each",
            write=f"{classes - len(lines)} more" if len(lines) < classes else f"{len(lines) - classes} fewer",
        )
