"""Reads config.pbtxt: protobuf text format into a ModelConfig of the private pool."""

from __future__ import annotations

import os
import re
from typing import Any, cast

from triton_lite.config import quick_text
from triton_lite.config.error import ConfigError
from triton_lite.config.position import locate, strange
from triton_lite.config.regular_file import read_text
from triton_lite.errors import Code
from triton_lite.proto import messages, pool

_UNKNOWN_FIELD = re.compile(r'Message type "(?P<type>[\w.]+)" has no field named "(?P<name>\w+)"')
_UNKNOWN_VALUE = re.compile(r'Enum type "(?P<type>[\w.]+)" has no value named (?P<name>\w+)')
_NO_INTEGER = re.compile(r"Couldn't parse integer: (?P<found>.*?)\.?$")

# protobuf quotes the whole line, which may be long.
_QUOTED_LINE = re.compile(r"^'.*': ", re.DOTALL)

_MOST_QUOTED = 40

# Names that other tools use for the same thing.
_FAMILIAR = {
    "FLOAT": "TYPE_FP32",
    "FLOAT32": "TYPE_FP32",
    "FLOAT16": "TYPE_FP16",
    "HALF": "TYPE_FP16",
    "DOUBLE": "TYPE_FP64",
    "FLOAT64": "TYPE_FP64",
    "BFLOAT16": "TYPE_BF16",
    "INT": "TYPE_INT32",
    "LONG": "TYPE_INT64",
    "BYTES": "TYPE_STRING",
}


def read(path: str) -> tuple[messages.ModelConfig, str]:
    """Read a configuration file. Returns the configuration and the text, for `locate`.

    Raises ConfigError, with Triton's text and with the place and the reason for the file's author.
    """
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        refusal = ConfigError(
            f"failed to read text proto from {path}",
            code=Code.INTERNAL,
            expected=f"a readable text file in UTF-8 ({error})",
        )
        refusal.path = path
        raise refusal from error
    return parse(text, path), text


def parse(text: str, path: str) -> messages.ModelConfig:
    """Parse the text of the configuration file `path`. Raises ConfigError."""
    quick = quick_text.parse(text)
    if quick is not None:
        return quick
    from google.protobuf import text_format

    found = strange(text)
    if found is not None:
        refusal = ConfigError(
            f"failed to read text proto from {path}",
            code=Code.INTERNAL,
            expected=f"numbers of digits only and known escapes, found {found[1][:_MOST_QUOTED]}",
            write="the number without + and _, or the character without \\",
        )
        refusal.path = path
        refusal.line, refusal.column = found[0]
        raise refusal
    config = messages.ModelConfig()
    try:
        text_format.Parse(text, cast(Any, config), descriptor_pool=pool.get())
    except (text_format.ParseError, ValueError) as error:  # ValueError: a number that no enum can hold.
        raise _refusal(error, path) from error
    return config


def placed(error: ConfigError, path: str, text: str) -> ConfigError:
    """Add to an error where its field stands in the file it was read from."""
    error.path = path
    position = locate(text, error.field)
    if position is not None:
        error.line, error.column = position
    return error


def _refusal(error: Exception, path: str) -> ConfigError:
    reason = _QUOTED_LINE.sub("", re.sub(r"^\d+:\d+ : ", "", str(error)))
    expected, write = _advice(reason)
    refusal = ConfigError(
        f"failed to read text proto from {path}",
        code=Code.INTERNAL,
        expected=expected,
        write=write,
    )
    refusal.path = path
    refusal.line = getattr(error, "GetLine", lambda: 0)() or 0
    refusal.column = getattr(error, "GetColumn", lambda: 0)() or 0
    return refusal


def _advice(reason: str) -> tuple[str, str]:
    """Turn protobuf's reason into what was expected and what to write."""
    import difflib

    found = _UNKNOWN_FIELD.search(reason)
    if found:
        kind = found["type"].removeprefix("inference.")
        names = [field.name for field in pool.get().FindMessageTypeByName(found["type"]).fields]
        near = difflib.get_close_matches(found["name"], names, 1)
        expected = f"a field of {kind}, which has no {found['name']}"
        return expected, (near[0] if near else "one of " + ", ".join(names))
    found = _UNKNOWN_VALUE.search(reason)
    if found:
        names = [value.name for value in pool.get().FindEnumTypeByName(found["type"]).values]
        familiar = _FAMILIAR.get(found["name"].upper().removeprefix("TYPE_"))
        near = [familiar] if familiar in names else difflib.get_close_matches(found["name"], names, 1)
        expected = f"a value of {found['type'].removeprefix('inference.')}, found {found['name']}"
        return expected, (near[0] if near and near[0] else "one of " + ", ".join(names))
    found = _NO_INTEGER.search(reason)
    if found:
        return f"an integer, found {found['found']}", "digits, as in 8"
    return f"valid protobuf text format ({reason})", ""


def config_path(model_directory: str, config_name: str) -> str:
    """Return the path of a model's configuration file: configs/NAME.pbtxt where it exists, else config.pbtxt."""
    if config_name:
        named = os.path.join(model_directory, "configs", f"{config_name}.pbtxt")
        if os.path.isfile(named):
            return named
    return os.path.join(model_directory, "config.pbtxt")
