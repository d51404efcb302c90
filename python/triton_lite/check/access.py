"""Whether files and folders can be read by who runs the check, which should be who runs the server."""

from __future__ import annotations

import os

from triton_lite.check.finding import Findings, Severity

_EFFECTIVE = os.access in os.supports_effective_ids


def can_read(path: str) -> bool:
    """Tell whether a file can be read, or a folder listed and entered."""
    mode = os.R_OK | (os.X_OK if os.path.isdir(path) else 0)
    return os.access(path, mode, effective_ids=_EFFECTIVE)


def is_readable(path: str, severity: Severity, findings: Findings) -> bool:
    """Tell whether something that is there can be read without waiting for anybody; reports it if not."""
    if not (os.path.isfile(path) or os.path.isdir(path)):
        findings.of_file(
            path,
            "not a regular file",
            severity=severity,
            expected="a file, a folder or a link",
            write=f"rm {path}",
        )
        return False
    if not can_read(path):
        report_unreadable(path, severity, findings)
        return False
    return True


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
