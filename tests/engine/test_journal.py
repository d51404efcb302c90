"""engine/journal.py: what outlives an engine that is killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from triton_lite.engine import journal
from triton_lite.engine.journal import Journal, RecordedModel, journal_path, read


def test_what_is_recorded_is_read_by_the_next(tmp_path: Path) -> None:
    path = journal_path(tmp_path / "engine.sock")
    first = Journal(path)
    assert first.take_over() is None
    first.record_models([RecordedModel("one"), RecordedModel("two", False, "{}", "/tmp/two")])
    first.record_cuda_region("gpu", b"\0\1handle", 1, 64)
    first.record_cuda_region("refused", b"other", 0, 1)
    first.record_regions([("in", "/key", 8, 16)], ["gpu"])
    first.record_trace("", {"trace_rate": 5})
    first.record_trace("one", {"trace_level": 1, "trace_count": 3})
    first.record_trace("one", {"trace_count": None})
    first.begin_loading("/tmp/three")

    record = Journal(path).take_over()
    assert record is not None
    assert record.models == [RecordedModel("one"), RecordedModel("two", False, "{}", "/tmp/two")]
    assert record.system_regions == [("in", "/key", 8, 16)]
    assert {name: (one.raw_handle, one.device_id, one.byte_size) for name, one in record.cuda_regions.items()} == {
        "gpu": (b"\0\1handle", 1, 64)
    }
    assert record.traces == {"": {"trace_rate": 5}, "one": {"trace_level": 1, "trace_count": None}}
    assert record.folders == ["/tmp/two", "/tmp/three"]
    assert [path.name for path in tmp_path.iterdir()] == [path.name], "no half-written file stays"


def test_what_was_taken_over_goes_on_to_count(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path).record_trace("", {"trace_rate": 5})
    second = Journal(path)
    second.take_over()
    second.record_models([RecordedModel("one")])
    record = read(path)
    assert record is not None
    assert (record.models, record.traces) == ([RecordedModel("one")], {"": {"trace_rate": 5}})


def test_it_ends_with_the_boot_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, boot = tmp_path / "journal", tmp_path / "boot"
    boot.write_text("one\n")
    monkeypatch.setattr(journal, "_BOOT_ID", boot)
    Journal(path).record_models([])
    assert read(path) is not None
    boot.write_text("another\n")
    assert read(path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"boot": 1}', '{"models": [{"nme": 1}]}'])
def test_nonsense_is_no_journal(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal"
    Journal(path).record_models([])
    known = json.loads(path.read_text())
    path.write_text(text.replace('{"models"', json.dumps(known)[:-1] + ', "models"'))
    assert read(path) is None


def test_removed_it_stays_away(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    kept = Journal(path)
    kept.record_models([])
    kept.remove()
    kept.record_models([RecordedModel("late")])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_error_of_the_call(tmp_path: Path) -> None:
    Journal(tmp_path / "missing" / "journal").record_models([])
