"""What a process writes, where, and as the settings say."""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from triton_lite import logs
from triton_lite.logs import log as module
from triton_lite.logs.board import Board

_log = logging.getLogger("triton_lite.test")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    package = logging.getLogger("triton_lite")
    before = (package.handlers[:], package.propagate, package.level, vars(module._log).copy())
    yield
    package.handlers[:], package.propagate, package.level = before[:3]
    vars(module._log).update(before[3])


def write_all() -> None:
    _log.debug("verbose")
    _log.debug("very", extra={"verbosity": 2})
    _log.info("info")
    _log.warning("warning")
    _log.error("error")


def words(path: Path) -> list[str]:
    return re.findall(r'"(\w+)"\n', path.read_text())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["info", "warning", "error"]),
        ({"info": False}, ["warning", "error"]),
        ({"error": False, "warning": False}, ["info"]),
        ({"verbose": 1, "info": False}, ["verbose", "warning", "error"]),
        ({"verbose": 2}, ["verbose", "very", "info", "warning", "error"]),
    ],
)
def test_levels(tmp_path: Path, options: dict[str, Any], expected: list[str]) -> None:
    logs.configure(logs.LogSettings(**options), file=str(tmp_path / "log"), redirect=False)
    write_all()
    assert words(tmp_path / "log") == expected


def test_changes_at_run_time(tmp_path: Path) -> None:
    board = tmp_path / "board"
    logs.configure(file=str(tmp_path / "log"), board=board, redirect=False)
    assert not logs.verbose()
    Board(board).settings_word = logs.LogSettings(info=False, verbose=2, format="ISO8601").word()
    assert logs.verbose(2) and not logs.verbose(3)
    write_all()
    assert words(tmp_path / "log") == ["verbose", "very", "warning", "error"]
    assert all(line[4] == "-" for line in (tmp_path / "log").read_text().splitlines())
    logs.change(logs.LogSettings(verbose=1))
    assert logs.LogSettings.from_word(Board(board).settings_word) == logs.settings() == logs.LogSettings(verbose=1)


def test_a_moved_file_is_opened_anew(tmp_path: Path) -> None:
    path, moved = tmp_path / "log", tmp_path / "log.1"
    logs.configure(file=str(path), board=tmp_path / "board", redirect=False)
    _log.info("first")
    path.rename(moved)
    logs.request_reopening()
    _log.info("second")
    assert words(moved) == ["first"] and words(path) == ["second"]
    os.truncate(path, 0)
    _log.info("third")
    assert words(path) == ["third"]


def test_it_is_seen_without_being_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    logs.configure(file=str(path), redirect=False)
    _log.info("first")
    path.unlink()
    monkeypatch.setattr("triton_lite.logs.sink.time.monotonic", lambda: 1e12)
    _log.info("second")
    assert words(path) == ["second"]


def test_another_folder_is_not_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logs.configure(file="log", board=tmp_path / "board", redirect=False)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    (tmp_path / "log").unlink()
    logs.request_reopening()
    _log.info("here")
    assert words(tmp_path / "log") == ["here"] and not (tmp_path / "sub" / "log").exists()


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        logs.configure(file=str(tmp_path / "missing" / "log"))


def test_a_front_end_takes_over_the_board_of_its_engine(tmp_path: Path) -> None:
    logs.configure(file=str(tmp_path / "log"), board=tmp_path / "mine", redirect=False)
    socket = tmp_path / "engine.sock"
    Board(logs.board_path(socket)).settings_word = logs.LogSettings(info=False).word()
    logs.follow(socket, {})
    write_all()
    assert words(tmp_path / "log") == ["warning", "error"]


def test_a_log_of_somebody_else_stays_theirs(tmp_path: Path) -> None:
    handler = logging.NullHandler()
    package = logging.getLogger("triton_lite")
    package.handlers[:] = [handler]
    module._log.sink = None
    logs.follow(tmp_path / "engine.sock", {})
    assert package.handlers == [handler]
