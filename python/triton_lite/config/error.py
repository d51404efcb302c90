"""What is wrong with a model's configuration: Triton's text for clients, and where and what for its author."""

from __future__ import annotations

from triton_lite.errors import Code, TritonError

FieldPath = tuple[str | int, ...]
"""Names of fields and, after a repeated one, an index: ("input", 0, "dims")."""


class ConfigError(TritonError):
    """A configuration that cannot be used.

    text: exactly what Triton says, which clients see. field: where in the configuration. expected: what the field
    has to be. write: what its author may write instead. path, line and column (from 1) are known when the
    configuration was read from a file.
    """

    def __init__(
        self,
        text: str,
        *,
        code: Code = Code.INVALID_ARGUMENT,
        field: FieldPath = (),
        expected: str = "",
        write: str = "",
    ) -> None:
        super().__init__(code, text)
        self.field = field
        self.expected = expected
        self.write = write
        self.path = ""
        self.line = 0
        self.column = 0

    def advice(self) -> str:
        """Tell the author of the file where the error is, what was expected and what to write; may be empty."""
        where = [self.path] if self.path else []
        if self.line:
            where.append(f"line {self.line}, column {self.column}")
        if self.field:
            where.append(f"field {field_name(self.field)}")
        parts = ["at " + ", ".join(where)] if where else []
        if self.expected:
            parts.append("expected " + self.expected)
        if self.write:
            parts.append("write " + self.write)
        return "; ".join(parts)


def advice_of(error: TritonError) -> str:
    """Return the advice that an error carries, if it is one about a configuration."""
    return error.advice() if isinstance(error, ConfigError) else ""


def explain(error: TritonError) -> str:
    """Join the text of an error and its advice, for the log."""
    return "; ".join(part for part in (error.text, advice_of(error)) if part)


def field_name(field: FieldPath) -> str:
    """Spell a field as one would in code: input[0].dims."""
    name = ""
    for part in field:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part}" if name else part
    return name
