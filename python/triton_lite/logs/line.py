"""How a line of the log looks (csrc/log/log_line.cc writes the same)."""

from __future__ import annotations

import json
import logging
import os
import re
import time

_LETTERS = {logging.ERROR: "E", logging.CRITICAL: "E", logging.WARNING: "W"}
_NAMES = {logging.ERROR: "error", logging.CRITICAL: "error", logging.WARNING: "warning", logging.DEBUG: "verbose"}
# Beside JSON's own, every control character that a terminal might obey, and what some take for the end of a line.
_MORE_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")
_UNENCODABLE = re.compile("[\ud800-\udfff]")


def escape(text: str) -> str:
    r"""Escape quotes, backslashes and control characters as JSON does: a line feed becomes \n."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return _MORE_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04X}", escaped)


def format_record(record: logging.LogRecord, form: str, *, escaped: bool = True) -> str:
    """Make a record's line (with a traceback or a table: lines) for a format, line feed included.

    What the record may have beside the usual: `request_id`, of a line about a request (empty: the client gave none);
    `block`, a table of our own that stands below the line.
    """
    text = _encodable(record.getMessage())
    request_id: str | None = getattr(record, "request_id", None)
    if request_id is not None:
        request_id = _encodable(request_id)
    block = getattr(record, "block", "")
    if record.exc_info:
        block += ("\n" if block else "") + _traceback(record)
    if form == "json":
        return _json_line(record, request_id, f"{text}\n{block}" if block and text else text or block)
    if request_id is not None:
        text = f"[request id: {request_id or '<id_unknown>'}] {text}"
    quoted = "" if block and not text else f'"{escape(text)}"' if escaped else text
    head = f"{_stamp(record, form)} {os.getpid()} {record.filename}:{record.lineno}] "
    return f"{head}{quoted}\n" + (f"{block}\n" if block else "")


def _json_line(record: logging.LogRecord, request_id: str | None, message: str) -> str:
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{_microseconds(record):06d}Z",
        "level": _NAMES.get(record.levelno, "info"),
        "pid": os.getpid(),
        "source": f"{record.filename}:{record.lineno}",
        **({} if request_id is None else {"request_id": request_id}),
        "message": message,
    }
    written = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    return _MORE_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04X}", written) + "\n"


def _stamp(record: logging.LogRecord, form: str) -> str:
    """Level and time, UTC."""
    at, letter = time.gmtime(record.created), _LETTERS.get(record.levelno, "I")
    if form == "ISO8601":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", at) + f" {letter}"
    return letter + time.strftime("%m%d %H:%M:%S", at) + f".{_microseconds(record):06d}"


def _microseconds(record: logging.LogRecord) -> int:
    return int(record.created % 1 * 1_000_000)


def _encodable(text: str) -> str:
    return _UNENCODABLE.sub("\ufffd", text)


def _traceback(record: logging.LogRecord) -> str:
    """The traceback of a record, indented: the text of an error may be a client's, and must not look like a line."""
    assert record.exc_info is not None
    text = _encodable(logging.Formatter().formatException(record.exc_info))
    return "\n".join("  " + escape(line) for line in re.split("\r?\n", text))
