"""Reads a configuration file past its first error: what is misspelled is mended in memory, and reading goes on."""

from __future__ import annotations

import re

from triton_lite.check.finding import Document
from triton_lite.config import text
from triton_lite.config.error import ConfigError
from triton_lite.proto import messages

_MOST_ERRORS = 50
_WORD = re.compile(r"[-+.\w]+")
_CLOSING = {"{": "}", "<": ">", "[": "]"}

# What a value is made of, for the purpose of finding its end.
_PART = re.compile(r"""\s+|\#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[-+.\w/]+|.""", re.DOTALL)


def read(path: str) -> tuple[messages.ModelConfig | None, Document, list[ConfigError]]:
    """Read a configuration file.

    Returns the configuration, with misspelled names as they were probably meant (None when it cannot be read to its
    end), the text as it stands in the file, and all errors.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = file.read()
    except (OSError, UnicodeDecodeError):
        try:
            text.read(path)
        except ConfigError as error:
            return None, Document(path), [error]
        raise
    config, errors = parse(content, path)
    return config, Document(path, content), errors


def parse(content: str, path: str) -> tuple[messages.ModelConfig | None, list[ConfigError]]:
    """Parse the text of a configuration file. Returns as `read` does."""
    errors: list[ConfigError] = []
    while len(errors) < _MOST_ERRORS:
        try:
            return text.parse(content, path), errors
        except ConfigError as error:
            errors.append(error)
            mended = _mended(content, error)
            if mended is None or mended == content:
                break
            content = mended
        except ValueError as error:  # protobuf's, of a number that no type holds: it says not where.
            refusal = ConfigError(f"failed to read text proto from {path}", expected=f"numbers in range ({error})")
            refusal.path = path
            errors.append(refusal)
            break
    return None, errors


def _mended(content: str, error: ConfigError) -> str | None:
    """Return the text without the error, in the same lines; None when there is no telling what was meant."""
    start = _offset(content, error.line, error.column)
    word = _WORD.match(content, start)
    if word is None:
        return None
    reason = str(error.__cause__)
    suggestion = error.write if re.fullmatch(r"\w+", error.write) else ""
    if "has no field named" in reason:
        if suggestion:
            return content[:start] + suggestion + content[word.end() :]
        return _blanked(content, start, _end_of_field(content, word.end()))
    if "has no value named" in reason and suggestion:
        return content[:start] + suggestion + content[word.end() :]
    if "Couldn't parse integer" in reason:
        return content[:start] + "1".ljust(word.end() - start) + content[word.end() :]
    return None


def _offset(content: str, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = content.index("\n", start) + 1
    return start + max(column - 1, 0)


def _blanked(content: str, start: int, end: int) -> str:
    return content[:start] + re.sub(r"[^\n]", " ", content[start:end]) + content[end:]


def _end_of_field(content: str, after_name: int) -> int:
    """Find the end of the value whose field's name ends at `after_name`."""
    open_marks: list[str] = []
    for part in _PART.finditer(content, after_name):
        token = part.group()
        if token.isspace() or token == ":" or token.startswith("#"):
            continue
        if token in _CLOSING:
            open_marks.append(_CLOSING[token])
        elif open_marks and token == open_marks[-1]:
            open_marks.pop()
        if not open_marks:
            return part.end()
    return len(content)
