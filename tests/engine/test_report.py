"""What a starting engine tells its starter."""

from __future__ import annotations

import os

import pytest

from triton_lite.engine.progress import Progress
from triton_lite.engine.report import ModelState, Report, ReportWriter
from triton_lite.engine.start_report import report_start
from triton_lite.engine.state import ModelTable, Problem, State

MODELS = [ModelState("a", "1", "READY"), ModelState("b", "", "UNAVAILABLE", "no\nversion", "make a folder 1")]


def test_what_is_written_is_read_in_any_pieces() -> None:
    read_end, write_end = os.pipe()
    writer = ReportWriter(write_end)
    writer.listening()
    writer.progress(1, ["b"])
    writer.loaded(MODELS, "failed to load all models")
    report = Report()
    while piece := os.read(read_end, 7):
        report.feed(piece)
    os.close(read_end)
    assert report.listening
    assert (report.done, report.waiting) == (1, ["b"])
    assert report.models == MODELS
    assert report.loaded
    assert report.problem == "failed to load all models"


def test_nobody_has_to_listen() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    for writer in (ReportWriter(write_end), ReportWriter(None)):
        writer.listening()
        writer.loaded(MODELS, "")
        writer.close()
    with pytest.raises(OSError):
        os.fstat(write_end)


@pytest.mark.parametrize(
    "data", [b"x\n", b"[]\n", b"{}\n", b'{"event": "model", "name": "a"}\n', b'{"event": "progress"}\n']
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        Report().feed(data)


def test_the_outcome_of_the_start_is_the_table() -> None:
    table, progress = ModelTable(), Progress()
    table.advance("good", 2, State.LOADING)
    table.advance("good", 2, State.READY)
    table.advance("bad", 1, State.LOADING)
    table.advance("bad", 1, State.UNAVAILABLE, reason="broken", advice="mend it")
    table.set_problem("missing", Problem("not there", "make it"))
    progress.finish("failed to load all models")
    read_end, write_end = os.pipe()
    report_start(table, progress, ReportWriter(write_end))
    report = Report()
    report.feed(os.read(read_end, 65536))
    os.close(read_end)
    assert report.models == [
        ModelState("bad", "1", "UNAVAILABLE", "broken", "mend it"),
        ModelState("good", "2", "READY"),
        ModelState("missing", "", "UNAVAILABLE", "not there", "make it"),
    ]
    assert report.problem == "failed to load all models"
