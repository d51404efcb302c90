"""Whether files and folders can be read by who runs the check, which should be who runs the server."""

from __future__ import annotations

import os

from triton_lite.check.finding import Findings, Severity

_EFFECTIVE = os.access in os.supports_effective_ids


def can_read(path: str) -> bool:
    """Tell whether a file can be read, or a folder listed and entered."""
    mode = os.R_OK | (os.X_OK if os.path.isdir(path) else 0)
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def report_unreadable(path: str, severity: Severity, findings: Findings) -> None:
    """Report a file or a folder that cannot be read."""
    folder = os.path.isdir(path)
    findings.of_file(
        path,
        f"failed to open {'directory ' if folder else ''}{path}: Permission denied",
        severity=severity,
        expected=f"a {'folder' if folder else 'file'} that the server's user may read",
        write=f"chmod a+r{'x' if folder else ''} {path}",
    )
