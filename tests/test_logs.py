"""Log lines have Triton's forms, and no text can forge one."""

import logging
import re

import pytest

from triton_lite import logs


def line(message, level=logging.INFO, **options):
    record = logging.LogRecord("triton_lite", level, "/a/file.py", 12, message, (), None)
    return logs.TritonFormatter(**options).format(record)


def test_default_form():
    assert re.fullmatch(r'I\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ file\.py:12\] "text"', line("text"))
    assert line("text", logging.WARNING).startswith("W")
    assert line("text", logging.ERROR).startswith("E")


def test_iso_form():
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ file\.py:12\] "text"', line("text", iso8601=True))


def test_escapes():
    assert line('a\nE1124 "b" \\ \x1b é').endswith(r'"a\nE1124 \"b\" \\ \u001b é"')


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["info", "warning", "error"]),
        ({"info": False}, ["warning", "error"]),
        ({"error": False, "warning": False}, ["info"]),
        ({"verbose": 1, "info": False}, ["verbose", "warning", "error"]),
    ],
)
def test_levels(tmp_path, options, expected):
    root = logging.getLogger("triton_lite")
    before = (root.handlers[:], root.propagate, root.level)
    try:
        logs.configure(file=str(tmp_path / "log"), **options)
        log = logging.getLogger("triton_lite.test")
        log.debug("verbose")
        log.info("info")
        log.warning("warning")
        log.error("error")
    finally:
        root.handlers[:], root.propagate, root.level = before
    assert re.findall(r'"(\w+)"', (tmp_path / "log").read_text()) == expected
