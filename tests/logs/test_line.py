"""Log lines have Triton's forms, and no text can forge one."""

import json
import logging
import re
import sys

import pytest

from triton_lite.logs.line import format_record

HOSTILE = 'x\nE1124 06:23:00.123456 1 a.py:1] "forged" \\ \x1b[31m \x7f \x9b \u2028 \ud800 é'


def line(message: str, form: str = "default", level: int = logging.INFO, escaped: bool = True, **extra: str) -> str:
    record = logging.LogRecord("triton_lite", level, "/a/file.py", 12, message, (), None)
    record.__dict__.update(extra)
    return format_record(record, form, escaped=escaped)


def test_default_form() -> None:
    assert re.fullmatch(r'I\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ file\.py:12\] "text"\n', line("text"))
    assert line("text", level=logging.WARNING).startswith("W")
    assert line("text", level=logging.ERROR).startswith("E")
    assert line("text", level=logging.DEBUG).startswith("I")


def test_iso_form() -> None:
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ file\.py:12\] "text"\n', line("text", "ISO8601"))


def test_json_form() -> None:
    found = json.loads(line("text", "json", level=logging.WARNING, request_id="one"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found.pop("time"))
    assert found.pop("pid") > 0
    assert found == {"level": "warning", "source": "file.py:12", "request_id": "one", "message": "text"}


def test_lines_about_requests() -> None:
    assert line("text", request_id="one").endswith('] "[request id: one] text"\n')
    assert line("text", request_id="").endswith('] "[request id: <id_unknown>] text"\n')


@pytest.mark.parametrize("form", ["default", "ISO8601", "json"])
def test_nothing_forges_a_line(form: str) -> None:
    written = line(HOSTILE, form, request_id=HOSTILE)
    assert written.count("\n") == 1 and written.endswith("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", written)
    assert "é" in written
    written.encode()


def test_escapes_as_json_does() -> None:
    assert line('a\nE1124 "b" \\ \x1b é').endswith(r'"a\nE1124 \"b\" \\ \u001b é"' + "\n")


def test_unescaped() -> None:
    assert line('a "b"', escaped=False).endswith('] a "b"\n')
    assert json.loads(line("a\nb", "json", escaped=False))["message"] == "a\nb"


@pytest.mark.parametrize("form", ["default", "ISO8601", "json"])
def test_nothing_in_a_traceback_forges_a_line(form: str) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        error = sys.exc_info()
    record = logging.LogRecord("triton_lite", logging.ERROR, "/a/file.py", 12, "text", (), error)
    written = format_record(record, form)
    assert "ValueError: x" in written
    assert all(line.startswith("  ") for line in written.splitlines()[1:])
    assert form != "json" or written.count("\n") == 1


def test_blocks() -> None:
    assert line("", block="+--+\n|  |").endswith("file.py:12] \n+--+\n|  |\n")
    assert line("head", block="+--+").endswith('] "head"\n+--+\n')
    assert json.loads(line("", "json", block="+--+\n|  |"))["message"] == "+--+\n|  |"
    assert json.loads(line("head", "json", block="+--+"))["message"] == "head\n+--+"
