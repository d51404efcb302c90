"""Reads JSON as leniently as Triton reads a configuration: bare and single-quoted keys, trailing commas.

Protocol: model repository extension, load, parameter `config`. The texts are those of the JSON parser of protobuf
that Triton 2.51 holds, and show the 20 bytes around the place, or what is left of the text where it ended.
"""

from __future__ import annotations

import math
import re
from typing import NoReturn, TypeAlias

from triton_lite.config.error import ConfigError


class Members(list["tuple[str, Value]"]):
    """An object: its members in the order of the text, names that occur twice included."""


Value: TypeAlias = "Members | list[Value] | str | int | float | bool | None"

# Of objects, as in protobuf; and of lists, which protobuf does not count, for the sake of our stack.
_MAX_DEPTH = 100
_CONTEXT = 20  # Bytes.

_BLANK = re.compile(r"[ \t\n\r\v\f]*")
_NUMBER = re.compile(r"[-0-9.eE+x]*")
_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_PLAIN = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_KEYWORDS: tuple[tuple[str, bool | None], ...] = (("true", True), ("false", False), ("null", None))
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

# An unknown word that is shorter may be the start of one.
_LONGEST_KEYWORD = len("false")
_UNICODE_ESCAPE = 6


def parse(text: str) -> Value:
    """Parse a whole text. Raises ConfigError at the first fault of its syntax."""
    reader = _Reader(text)
    reader.check_encoding()
    value = reader.value("Expected a value.")
    reader.end()
    return value


class _Reader:
    """Reads values one after the other; `_at` is where the next one starts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        # Where the text that an error shows starts: the parser that we follow reads the text once, and what it
        # could not finish again, as a text of its own.
        self._shown_from = 0
        self._again = False

    def check_encoding(self) -> None:
        """Check that the text has no half of a surrogate pair, which protobuf's strings cannot hold."""
        try:
            self._text.encode()
        except UnicodeEncodeError as error:
            self._at = error.start
            self._text = self._text.encode(errors="replace").decode()
            self._read_again()
            self._fail("Encountered non UTF-8 code points.")

    def value(self, expected: str, key: str = "") -> Value:
        """Read a value. expected: what to say when there is none; key: its name, if it has one."""
        mark = self._next()
        if mark in ('"', "'"):
            return self._string()
        if mark == "-" or "0" <= mark <= "9":
            return self._number()
        for word, value in _KEYWORDS:
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return value
        if mark == "{":
            return self._object(key)
        if mark == "[":
            return self._list(key)
        if not (mark in ("}", "]", ":", ",") or _KEY.match(self._text, self._at)):
            self._fail_at_end(expected)
        if len(self._text) - self._at < _LONGEST_KEYWORD:
            self._read_again()
        self._fail("Unexpected token.")

    def end(self) -> None:
        """Check that nothing follows."""
        if self._next():
            self._fail("Parsing terminated before end of input.")

    def _object(self, key: str) -> Members:
        self._enter(key)
        members = Members()
        while (mark := self._next()) != "}":
            name = self._key(mark, "Expected an object key or }.")
            self._expect(":", "Expected : between key:value pair.")
            members.append((name, self.value("Expected a value.", name)))
            self._separator("}", "Expected , or } after key:value pair.")
        self._leave()
        return members

    def _list(self, key: str) -> list[Value]:
        self._enter(key)
        items: list[Value] = []
        while self._next() != "]":
            items.append(self.value("Expected a value or ] within an array."))
            self._separator("]", "Expected , or ] after array value.")
        self._leave()
        return items

    def _key(self, mark: str, expected: str) -> str:
        if mark in ('"', "'"):
            return self._string()
        found = _KEY.match(self._text, self._at)
        if found is None:
            if mark in ("{", "[", "]", ":", ",", "-") or "0" <= mark <= "9":
                self._fail(expected)
            self._fail_at_end(expected)
        if found.end() == len(self._text):
            self._read_again()
        self._at = found.end()
        if any(found.group() == word for word, _ in _KEYWORDS):
            self._fail(expected)
        return found.group()

    def _number(self) -> int | float:
        found = _NUMBER.match(self._text, self._at)
        digits = found.group() if found else ""
        if self._at + len(digits) == len(self._text):
            self._read_again()
        number: int | float | None = None
        if not re.search("[.eE]", digits):
            unsigned = digits.removeprefix("-")
            if len(unsigned) >= 2 and unsigned[0] == "0":
                self._fail("Octal/hex numbers are not valid JSON values.")
            number = _integer(digits)
        if number is None:
            try:
                number = float(digits)
            except ValueError:
                self._fail("Unable to parse number.")
            if math.isinf(number):
                self._fail("Number exceeds the range of double.")
        self._at += len(digits)
        return number

    def _string(self) -> str:
        quote = self._text[self._at]
        self._at += 1
        parts: list[str] = []
        while True:
            plain = _PLAIN[quote].match(self._text, self._at)
            parts.append(plain.group() if plain else "")
            self._at += len(parts[-1])
            mark = self._text[self._at : self._at + 1]
            if mark == quote:
                self._at += 1
                return "".join(parts)
            if len(self._text) - self._at < 2:
                self._read_again()
                self._fail("Closing quote expected in string.")
            escaped = self._text[self._at + 1]
            if escaped == "u":
                parts.append(self._code_point())
            else:
                parts.append(_ESCAPED.get(escaped, escaped))
                self._at += 2

    def _code_point(self) -> str:
        code = self._code_unit(self._at)
        length = _UNICODE_ESCAPE
        if 0xD800 <= code <= 0xDBFF:
            low_at = self._at + length
            if len(self._text) < low_at + length:
                self._read_again()
                self._fail("Missing low surrogate.")
            if self._text[low_at : low_at + 2] != "\\u":
                self._fail("Missing low surrogate.")
            low = self._code_unit(low_at)
            if not 0xDC00 <= low <= 0xDFFF:
                self._fail("Invalid low surrogate.")
            code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF)
            length *= 2
        elif 0xDC00 <= code <= 0xDFFF:
            self._fail("Invalid unicode code point.")
        self._at += length
        return chr(code)

    def _code_unit(self, at: int) -> int:
        digits = self._text[at + 2 : at + _UNICODE_ESCAPE]
        if len(self._text) < at + _UNICODE_ESCAPE:
            self._read_again()
            self._fail("Illegal hex string.")
        if not re.fullmatch("[0-9a-fA-F]{4}", digits):
            self._fail("Invalid escape sequence.")
        return int(digits, 16)

    def _next(self) -> str:
        """Skip blanks. Returns the character that follows, or "" at the end."""
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._text[self._at : self._at + 1]

    def _separator(self, end: str, expected: str) -> None:
        """Skip a comma, or stop before the end of the object or list."""
        if self._next() != end:
            self._expect(",", expected)

    def _expect(self, wanted: str, expected: str) -> None:
        mark = self._next()
        if mark == wanted:
            self._at += 1
        elif mark and (mark in "{}[]:,\"'-" or (mark.isascii() and mark.isdigit()) or _KEY.match(self._text, self._at)):
            self._fail(expected)
        else:
            self._fail_at_end(expected)

    def _enter(self, key: str) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ConfigError(f"Message too deep. Max recursion depth reached for key '{key}'")
        self._at += 1

    def _leave(self) -> None:
        self._depth -= 1
        self._at += 1

    def _read_again(self) -> None:
        if not self._again:
            self._again = True
            self._shown_from = self._at

    def _fail_at_end(self, expected: str) -> NoReturn:
        """Refuse what is no token at all, or nothing."""
        self._read_again()
        self._fail(expected if self._at < len(self._text) else f"Unexpected end of string. {expected}")

    def _fail(self, reason: str) -> NoReturn:
        before = self._text[max(self._at - _CONTEXT, self._shown_from) : self._at].encode()[-_CONTEXT:]
        after = self._text[self._at : self._at + _CONTEXT].encode()[:_CONTEXT]
        shown = (before + after).decode(errors="replace")
        raise ConfigError(f"{reason}\n{shown}\n{' ' * len(before)}^", expected="valid JSON")


def _integer(digits: str) -> int | None:
    """Return a number of 64 bits, or None for what is larger or none."""
    if not re.fullmatch("-?[0-9]{1,20}", digits):
        return None
    number = int(digits)
    return number if -(1 << 63) <= number < 1 << 64 else None
