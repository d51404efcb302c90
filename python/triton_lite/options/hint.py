"""What a user who wrote an unknown option may have meant."""

from __future__ import annotations

from triton_lite.options.catalog import OPTIONS


def did_you_mean(name: str) -> str:
    """Return "; did you mean --x?" for the option nearest to `name`, or nothing if none is near."""
    import difflib  # Only needed when something is wrong: start-up stays short.

    names = [each for option in OPTIONS for each in (option.name, *option.aliases)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean --{near[0]}?" if near else "; see triton-lite serve --help"
