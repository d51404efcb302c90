"""The options as text: for `--help`, and as the page docs/options.md."""

from __future__ import annotations

import textwrap

from triton_lite.options.catalog import OPTIONS
from triton_lite.options.option import Option, Support

_MEANING = {
    Support.SAME: "as in tritonserver",
    Support.OWN: "not in tritonserver",
    Support.MACHINERY: "accepted; other machinery does this here",
    Support.PENDING: "accepted with a warning; not built yet",
    Support.NO_EFFECT: "accepted with a warning; no effect",
    Support.REFUSED: "refused",
}


def groups() -> dict[str, list[Option]]:
    """The options by group, in the order of their declaration."""
    result: dict[str, list[Option]] = {}
    for option in OPTIONS:
        result.setdefault(option.group, []).append(option)
    return result


def _flag(name: str, option: Option) -> str:
    return f"--{name}={option.value}" if option.takes_value else f"--{name}"


def _default(option: Option) -> str:
    if option.default is None or option.default in ("", ()) or not option.takes_value:
        return ""
    return str(option.default).lower() if isinstance(option.default, bool) else str(option.default)


def _remarks(option: Option) -> str:
    """What the help says beside the meaning: default, repetition, and how far it is like Triton's."""
    remarks = []
    if _default(option):
        remarks.append(f"Default: {_default(option)}.")
    if option.repeatable:
        remarks.append("May be repeated.")
    if option.note:
        remarks.append(f"({_MEANING[option.support].capitalize()}. {option.note})")
    if option.replacement:
        remarks.append(f"Write --{option.replacement} instead.")
    return " ".join(remarks)


def usage(width: int = 100) -> str:
    """All options by group, as `--help` prints them."""
    lines = []
    for group, options in groups().items():
        lines.append(f"\n{group}:")
        for option in options:
            lines.append("  " + ", ".join(_flag(name, option) for name in (option.name, *option.aliases)))
            lines += textwrap.wrap(
                f"{option.help} {_remarks(option)}", width, initial_indent=" " * 8, subsequent_indent=" " * 8
            )
    return "\n".join(lines)


_INTRODUCTION = """# Options

This page is made from the declaration of the options: `triton-lite options --markdown > docs/options.md`.

They are tritonserver's own, for `triton-lite serve`; the front ends that are started by hand take the same.
Write `--name=value` or `--name value`; booleans are `true`, `false`, `1` or `0`. What the command line leaves out
comes from the environment (`TRITON_LITE_HTTP_PORT=8000`; of an option that may be repeated, one value a line, and
repositories also as in `PATH`), then from the file that `--options-file` names (`http-port=8000`, one a line, `#`
starts a comment). An option that does not exist is refused with the nearest that does.
"""


def markdown() -> str:
    """The page docs/options.md."""
    parts = [_INTRODUCTION]
    for group, options in groups().items():
        parts.append(f"\n## {group}\n\n| option | default | meaning | here |\n|---|---|---|---|\n")
        parts += [_row(option) for option in options]
    return "".join(parts)


def _row(option: Option) -> str:
    names = ", ".join(f"`{_flag(name, option)}`" for name in (option.name, *option.aliases))
    since = f" Newer than Triton 2.51 (release {option.since})." if option.since else ""
    repeated = " May be repeated." if option.repeatable else ""
    here = _MEANING[option.support] + (f": {option.note}" if option.note else "")
    if option.replacement:
        here = f"deprecated: write `--{option.replacement}`"
    default = f"`{_default(option)}`" if _default(option) else "–"
    cells = (names, default, f"{option.help}{repeated}{since}", here)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
