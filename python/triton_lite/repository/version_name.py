"""Names of version folders, read as Triton reads them: by std::stoll, which stops at what is no digit."""

from __future__ import annotations

import re

LEADING_ZEROS = "which contains leading zeros in its directory name"
NO_NUMBER = "which fails to convert to integral number"

_NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_LIMIT = 1 << 63


def read_version(name: str) -> int | str:
    """Return the version that a folder stands for, or why it is ignored.

    `3x` and `1.0` stand for 3 and 1, whose files are then looked for in the folders `3` and `1`. Triton ends at once
    where a number is too large; here that is none.
    """
    if len(name) > 1 and name.startswith("0"):
        return LEADING_ZEROS
    found = _NUMBER.match(name)
    version = int(found[1]) if found is not None and len(found[1]) < 32 else _LIMIT
    return version if -_LIMIT <= version < _LIMIT else NO_NUMBER


def folder_of(version: int) -> str:
    """Name the folder that the files of a version are looked for in: backends take the number for an unsigned one."""
    return str(version % (2 * _LIMIT))
