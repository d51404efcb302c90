"""What is logged and how."""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("default", "ISO8601", "json")
_MAX_VERBOSE = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class LogSettings:
    """info, warning, error: which levels are written. verbose: 0 for none, 1 and more for ever more detail.

    format: one of FORMATS.
    """

    info: bool = True
    warning: bool = True
    error: bool = True
    verbose: int = 0
    format: str = "default"

    def word(self) -> int:
        """All of it as a number of 64 bits, never 0 (csrc/log/log_settings.h has the layout)."""
        verbose = min(max(self.verbose, 0), _MAX_VERBOSE)
        levels = self.info << 1 | self.warning << 2 | self.error << 3
        return 1 | levels | FORMATS.index(self.format) << 4 | verbose << 32

    @classmethod
    def from_word(cls, word: int) -> LogSettings:
        """The settings that a number stands for."""
        number = word >> 4 & 3
        return cls(
            info=bool(word & 2),
            warning=bool(word & 4),
            error=bool(word & 8),
            verbose=word >> 32 & _MAX_VERBOSE,
            format=FORMATS[number] if number < len(FORMATS) else FORMATS[0],
        )
