"""Finds the line of a field in a protobuf text file, so that an error can name it."""

from __future__ import annotations

import re

from triton_lite.config.error import FieldPath

# A field's name, a string, a number or name, or one character of punctuation; comments and blanks fall out.
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<word>[-+.\w/]+)|(?P<mark>.)""", re.DOTALL
)

Position = tuple[int, int]
"""Line and column, both from 1."""


def locate(text: str, field: FieldPath) -> Position | None:
    """Return where `field` stands in `text`, or else the innermost message around it that is there."""
    if not field:
        return None
    found = _positions(text)
    path = _indexed(field)
    for length in range(len(path), 0, -1):
        position = found.get(path[:length])
        if position is not None:
            return position
    return None


def _indexed(field: FieldPath) -> FieldPath:
    """Give each name an index: a field that is not repeated is its own first occurrence."""
    path: list[str | int] = []
    for part in field:
        if isinstance(part, str) and path and isinstance(path[-1], str):
            path.append(0)
        path.append(part)
    if isinstance(path[-1], str):
        path.append(0)
    return tuple(path)


def _positions(text: str) -> dict[FieldPath, Position]:
    """Map every field of the text, with its index among its siblings of the same name, to its position."""
    scanner = _Scanner()
    line, line_start = 1, 0
    for token in _TOKEN.finditer(text):
        at = (line, token.start() - line_start + 1)
        newlines = token.group().count("\n")
        if newlines:
            line += newlines
            line_start = token.start() + token.group().rindex("\n") + 1
        if token.group("mark"):
            scanner.take_mark(token.group("mark"), at)
        elif token.group("word") or token.group("string"):
            scanner.take_word(token.group("word"), at)
    return scanner.found


# Numbers and escapes that Python's reader of the format takes and the one of Triton does not.
_STRANGE_NUMBER = re.compile(r"\+.*|[-.]*\d[\w.+-]*_.*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = frozenset("abfnrtv\\\"'?01234567xXuU")


def strange(text: str) -> tuple[Position, str] | None:
    """Find the first token that Triton's reader refuses though ours does not. Returns its place and what it is."""
    for token in _TOKEN.finditer(text):
        word, string = token.group("word") or "", token.group("string") or ""
        if _STRANGE_NUMBER.fullmatch(word) or any(code not in _ESCAPED for code in _ESCAPE.findall(string)):
            line_start = text.rfind("\n", 0, token.start()) + 1
            return (text.count("\n", 0, token.start()) + 1, token.start() - line_start + 1), word or string
    return None


class _Scanner:
    """Follows messages, lists and values through the tokens of a text."""

    def __init__(self) -> None:
        self.found: dict[FieldPath, Position] = {}
        self._counts: dict[FieldPath, int] = {}
        self._messages: list[FieldPath] = [()]  # Paths of the messages around the token.
        self._in_list: list[bool] = [False]  # One for each of them.
        self._name: FieldPath = ()  # The field whose value comes next.
        self._expects_value = False

    def take_mark(self, mark: str, at: Position) -> None:
        """Follow one character of punctuation."""
        if mark in "{<" and self._name:
            self._messages.append(self._occurs(at))
            self._in_list.append(False)
            self._expects_value = False
        elif mark in "}>" and len(self._messages) > 1:
            self._name = self._messages.pop()[:-1]
            self._in_list.pop()
        elif mark in "[]":
            self._in_list[-1] = mark == "["
            self._expects_value = False
        elif mark == ":":
            self._expects_value = True

    def take_word(self, word: str | None, at: Position) -> None:
        """Follow the name of a field, or a value; a string (None) is always a value."""
        if not self._expects_value and not self._in_list[-1] and word is not None:
            self._name = (*self._messages[-1], word)
        elif self._name:
            self._occurs(at)
            self._expects_value = False

    def _occurs(self, at: Position) -> FieldPath:
        """Enter one more occurrence of the field. Returns its path."""
        index = self._counts.get(self._name, 0)
        self._counts[self._name] = index + 1
        path = (*self._name, index)
        self.found[path] = at
        return path
