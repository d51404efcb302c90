"""Finds the line of a field in a protobuf text file, so that an error can name it."""

from __future__ import annotations

import re

from triton_lite.config.error import FieldPath

# A field's name, a string, a number or name, or one character of punctuation; comments and blanks fall out.
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<word>[-+.\w/]+)|(?P<mark>.)""", re.DOTALL
)
_OPEN = {"{": "}", "<": ">"}

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
    found: dict[FieldPath, Position] = {}
    counts: dict[FieldPath, int] = {}
    messages: list[FieldPath] = [()]  # Paths of the messages around the token.
    in_list: list[bool] = [False]
    name: FieldPath = ()  # The field whose value comes next.
    line, line_start = 1, 0
    expects_value = False

    def occurs(at: Position) -> FieldPath:
        index = counts.get(name, 0)
        counts[name] = index + 1
        found.setdefault((*name, index), at)
        return (*name, index)

    for token in _TOKEN.finditer(text):
        at = (line, token.start() - line_start + 1)
        newlines = token.group().count("\n")
        if newlines:
            line += newlines
            line_start = token.start() + token.group().rindex("\n") + 1
        mark = token.group("mark")
        if mark in _OPEN and name:
            messages.append(occurs(at))
            in_list.append(False)
            expects_value = False
        elif mark in ("}", ">"):
            if len(messages) > 1:
                name = messages.pop()[:-1]
                in_list.pop()
        elif mark == "[":
            in_list[-1] = True
        elif mark == "]":
            in_list[-1] = False
        elif mark == ":":
            expects_value = True
        elif token.group("string") is not None or token.group("word") is not None:
            if expects_value or in_list[-1]:
                if name:
                    occurs(at)
                expects_value = False
            elif token.group("word") is not None:
                name = (*messages[-1], token.group("word"))
    return found
