"""One thing that is wrong with a repository, and the list in which they are gathered."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any, Literal

from triton_lite.config.error import ConfigError, field_name
from triton_lite.config.position import locate

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    severity: `error` when the server would not load the model, `warning` when it would, but hardly as it was meant.
    path: the file or folder. line, column: from 1, 0 where there is none. field: of the configuration, or empty.
    text: what the server says, or would say. expected, write: what has to be there, and what to write or do; either
    may be empty.
    """

    path: str
    line: int
    column: int
    field: str
    severity: Severity
    text: str
    expected: str = ""
    write: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Document:
    """A configuration file as it was read: what errors are placed in. Without a file, `path` is the model's folder."""

    path: str
    text: str = ""


class Findings:
    """Gathers findings, each once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str], Finding] = {}

    def add(self, finding: Finding) -> None:
        """Add one, unless it is known."""
        same = (finding.path, finding.line, finding.column, finding.text + finding.expected)
        self._found.setdefault(same, finding)

    def of_file(
        self, path: str, text: str, *, severity: Severity = "error", expected: str = "", write: str = "", line: int = 0
    ) -> None:
        """Add one about a file or a folder as a whole, or about one of its lines."""
        self.add(Finding(os.path.normpath(path), line, 1 if line else 0, "", severity, text, expected, write))

    def of_config(self, error: ConfigError, document: Document, *, severity: Severity = "error") -> None:
        """Add one about a configuration. Where its field stands is looked up, unless the error says so."""
        line, column = error.line, error.column
        if not line and document.text:
            line, column = locate(document.text, error.field) or (0, 0)
        name = field_name(error.field)
        self.add(Finding(document.path, line, column, name, severity, error.text, error.expected, error.write))

    def sorted(self) -> list[Finding]:
        """All findings, by file and line."""
        return sorted(self._found.values(), key=lambda finding: (finding.path, finding.line, finding.column))
