"""The help and docs/options.md are made from the declaration."""

from __future__ import annotations

from pathlib import Path

from triton_lite.options import OPTIONS
from triton_lite.options.help import markdown, usage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "options.md"


def test_page_is_true() -> None:
    assert PAGE.read_text() == markdown(), "write it again: triton-lite options --markdown > docs/options.md"


def test_help_has_every_option_once() -> None:
    lines = [line.strip().split(",")[0].split("=")[0] for line in usage().splitlines() if line.startswith("  --")]
    assert lines == [f"--{option.name}" for option in OPTIONS]
