"""Where options come from: the command line, else TRITON_LITE_... in the environment, else the options file."""

from __future__ import annotations

import getopt
import os
import re
from collections.abc import Mapping, Sequence

from triton_lite.options.catalog import OPTIONS, find
from triton_lite.options.error import OptionError
from triton_lite.options.hint import did_you_mean
from triton_lite.options.option import Option
from triton_lite.options.rules import check, replace_deprecated, warnings_of
from triton_lite.options.settings import ENVIRONMENT_PREFIX, Given, Settings, parse_given

# Variables below our prefix that are no options: they concern the package itself.
_OTHER_VARIABLES = frozenset(
    {
        "TRITON_LITE_DESCRIPTORS",
        "TRITON_LITE_SUPERVISED",
        "TRITON_LITE_READY_FD",
        "TRITON_LITE_HTTP_SOCKET",
        "TRITON_LITE_OTHERS_READY_FD",
        "TRITON_LITE_API_KEY",
    }
)
# Kubernetes sets such variables for each Service; one named triton-lite-http would otherwise give --http-port.
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")
_PATH_SEPARATOR = re.compile(re.escape(os.pathsep) + r"(?!//)")


def load(arguments: Sequence[str] = (), environment: Mapping[str, str] = os.environ) -> tuple[Settings, list[str]]:
    """Return the settings and what on the command line is no option. Raises OptionError.

    arguments: `--name=value`, `--name value`; a name may be shortened as long as it stays unique.
    """
    command_line, rest = from_command_line(arguments)
    variables, warnings = from_environment(environment)
    given = {**variables, **command_line}
    if "options-file" in given:
        given = {**from_file(given["options-file"].texts[-1]), **given}
    given, replaced = replace_deprecated(given)
    values = parse_given(given)
    check(values)
    return Settings(values, given, (*warnings, *replaced, *warnings_of(values))), rest


def from_command_line(arguments: Sequence[str]) -> tuple[dict[str, Given], list[str]]:
    """Read `--name=value`, `--name value` and, for options without a value, `--name`."""
    names = [
        name + ("=" if option.takes_value else "") for option in OPTIONS for name in (option.name, *option.aliases)
    ]
    try:
        pairs, rest = getopt.gnu_getopt(list(arguments), "", names)
    except getopt.GetoptError as error:
        hint = did_you_mean(error.opt) if "not recognized" in error.msg else ""
        raise OptionError(f"{error.msg}{hint}") from None
    texts: dict[str, list[str]] = {}
    for flag, text in pairs:
        option = find(flag[2:])
        assert option is not None
        texts.setdefault(option.name, []).append(text if option.takes_value else "true")
    return {name: Given(tuple(each)) for name, each in texts.items()}, rest


def from_environment(environment: Mapping[str, str]) -> tuple[dict[str, Given], list[str]]:
    """Read TRITON_LITE_NAME; a variable that gives no option only earns a warning, since platforms set their own."""
    given: dict[str, Given] = {}
    warnings = []
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", "-")
        option = find(name)
        if option is None or _SERVICE_LINK.match(text):
            why = "is no option" + did_you_mean(name) if option is None else "names a service of the platform, no value"
            warnings.append(f"the environment variable {variable} {why}")
        elif text:
            given[option.name] = Given(_split(option, text), variable)
    return given, warnings


def _split(option: Option, text: str) -> tuple[str, ...]:
    """One value a line; paths may also stand as in PATH."""
    if not option.repeatable:
        return (text,)
    lines = text.splitlines()
    if option.name == "model-repository" and "\n" not in text:
        lines = _PATH_SEPARATOR.split(text)
    return tuple(line for line in lines if line)


def from_file(path: str) -> dict[str, Given]:
    """Read an options file: one `name=value` a line, # starts a comment line, repeatable options stand repeatedly."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f'Bad option: "--options-file".\n{path} cannot be read: {error}') from None
    texts: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, text = (part.strip() for part in stripped.removeprefix("--").partition("="))
        option = find(name)
        if option is None:
            raise OptionError(f"{path}, line {number}: option --{name} not recognized{did_you_mean(name)}")
        if not equals and option.takes_value:
            raise OptionError(f"{path}, line {number}: write {name}={option.value}")
        texts.setdefault(option.name, []).append(text if equals else "true")
        places[option.name] = f"{path}, line {number}"
    return {name: Given(tuple(each), places[name]) for name, each in texts.items()}
