"""A terminal that is written over again and again, by the control sequences that all terminals know."""

from __future__ import annotations

import contextlib
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from typing import TextIO

_ENTER = "\x1b[?1049h\x1b[?25l"  # The other screen, without a cursor.
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H"
_END_OF_LINE = "\x1b[K\r\n"
_REST = "\x1b[J"


class Screen:
    """Shows one text at a time. Made by `screen`."""

    def __init__(self, output: TextIO, keyboard: TextIO | None) -> None:
        self._output = output
        self._keyboard = keyboard

    def show(self, text: str) -> None:
        """Put a text in the place of the one before. Not longer than the terminal is high."""
        self._output.write(_HOME + text.replace("\n", _END_OF_LINE) + _REST)
        self._output.flush()

    def wait(self, seconds: float) -> bool:
        """Wait; False when somebody pressed q."""
        if self._keyboard is None:
            select.select([], [], [], seconds)
            return True
        readable, _, _ = select.select([self._keyboard], [], [], seconds)
        return not readable or self._keyboard.read(1) not in ("q", "Q", "")


@contextlib.contextmanager
def screen(output: TextIO = sys.stdout, keyboard: TextIO = sys.stdin) -> Iterator[Screen]:
    """Take over the terminal for the block, and give it back as it was."""
    with _single_keys(keyboard) as readable:
        output.write(_ENTER)
        try:
            yield Screen(output, keyboard if readable else None)
        finally:
            output.write(_LEAVE)
            output.flush()


@contextlib.contextmanager
def _single_keys(keyboard: TextIO) -> Iterator[bool]:
    """Let keys be read as they are pressed; False where there is no keyboard."""
    restore: Callable[[], None] | None = None
    with contextlib.suppress(termios.error, OSError, ValueError):
        descriptor = keyboard.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)

        def restore() -> None:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)

    try:
        yield restore is not None
    finally:
        if restore is not None:
            restore()
