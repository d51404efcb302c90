"""The page that processes share."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from triton_lite.logs.board import Board
from triton_lite.logs.settings import FORMATS, LogSettings


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("verbose", [0, 1, (1 << 31) - 1])
@pytest.mark.parametrize("changed", ["info", "warning", "error", ""])
def test_words(form: str, verbose: int, changed: str) -> None:
    settings = LogSettings(verbose=verbose, format=form)
    if changed:
        settings = dataclasses.replace(settings, **{changed: False})
    assert settings.word() % 2 == 1
    assert LogSettings.from_word(settings.word()) == settings


def test_other_processes_see_it(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    assert board.settings_word == 0 and board.reopenings == 0
    code = (
        "import pathlib, sys; from triton_lite.logs.board import Board; "
        "board = Board(pathlib.Path(sys.argv[1])); board.settings_word = 5; board.request_reopening()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "board")], check=True)
    assert board.settings_word == 5 and board.reopenings == 1


def test_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "board"
    board = Board(path)
    assert board.is_at(path)
    path.unlink()
    assert not board.is_at(path)
    assert not Board(path).is_at(tmp_path / "other")


@pytest.mark.parametrize("path", ["missing/board", "link"])
def test_without_a_file_it_is_the_process_own(tmp_path: Path, path: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    board = Board(tmp_path / path)
    board.settings_word = 7
    assert board.path is None and board.settings_word == 7
    assert not (tmp_path / "elsewhere").exists()
