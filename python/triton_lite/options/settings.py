"""The options of one server: what was given, and the defaults of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from triton_lite.options.catalog import OPTIONS, find
from triton_lite.options.error import OptionError
from triton_lite.options.option import Option, Scope

ENVIRONMENT_PREFIX = "TRITON_LITE_"


@dataclass(frozen=True)
class Given:
    """An option's texts, and where they were given (empty: on the command line)."""

    texts: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True)
class Settings:
    """Values by option name. `settings["http-port"]` is the parsed value, or the default; `given` the texts.

    warnings: what the user should be told once, by the process that starts the server.
    """

    values: Mapping[str, Any]
    given: Mapping[str, Given] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def texts(self, name: str) -> tuple[str, ...]:
        """What was given for an option, unparsed; empty if nothing was."""
        return self.given[name].texts if name in self.given else ()

    def scoped(self, scope: Scope) -> dict[str, Any]:
        """The options of one process that differ from their default, by name."""
        return {
            option.name: self.values[option.name]
            for option in OPTIONS
            if option.scope is scope and self.values[option.name] != option.default
        }

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return `base` with exactly these options: a process that reads them from there has the same settings."""
        environment = {name: value for name, value in base.items() if not _gives_option(name)}
        for name, given in self.given.items():
            option = find(name)
            assert option is not None
            environment[option.variable] = join_texts(option, given.texts)
        return environment

    def replaced(self, **texts: str | Sequence[str]) -> Settings:
        """Return settings with other texts for some options (underscores for dashes). Raises OptionError."""
        given = dict(self.given)
        for key, text in texts.items():
            given[key.replace("_", "-")] = Given((text,) if isinstance(text, str) else tuple(text))
        return Settings(parse_given(given), given, self.warnings)


def _gives_option(variable: str) -> bool:
    name = variable.removeprefix(ENVIRONMENT_PREFIX)
    return name != variable and find(name.lower().replace("_", "-")) is not None


def join_texts(option: Option, texts: Sequence[str]) -> str:
    """Write an option's texts into one environment variable: the values of a repeatable option as lines."""
    return "".join(f"{text}\n" for text in texts) if option.repeatable else texts[-1]


def parse_given(given: Mapping[str, Given]) -> dict[str, Any]:
    """Parse what was given and add the defaults. Raises OptionError in Triton's words."""
    values: dict[str, Any] = {option.name: option.default for option in OPTIONS}
    for name, entry in given.items():
        option = find(name)
        assert option is not None
        parsed = [parse_text(option, text, entry.source) for text in entry.texts]
        values[name] = tuple(parsed) if option.repeatable else parsed[-1]
    return values


def parse_text(option: Option, text: str, source: str) -> Any:
    """Parse one text. Raises OptionError that names the option and the place."""
    try:
        return option.parse(text)
    except ValueError as error:
        place = f" ({source})" if source else ""
        raise OptionError(f'Bad option: "--{option.name}"{place}.\n{error}') from None
