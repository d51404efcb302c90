"""guard/key_file.py: the keys follow the file, and stay when it cannot be read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from triton_lite.guard import api_keys, key_file
from triton_lite.guard.key_file import KeyFile


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "_LOOK_SECONDS", 0.0)


def write(path: Path, *keys: str) -> None:
    """Replace the file as an editor does."""
    new = path.with_suffix(".new")
    new.write_text("".join(f"{key} {api_keys.hash_of(key)} *\n" for key in keys))
    os.replace(new, path)


def test_follows_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, "alice")
    file = KeyFile(str(path))
    assert file.keys.find("alice") is not None
    write(path, "bob")
    assert file.keys.find("alice") is None
    assert file.keys.find("bob") is not None


def test_follows_a_link_that_is_moved(tmp_path: Path) -> None:
    """As Kubernetes changes mounted secrets."""
    for name in ("alice", "bob"):
        write(tmp_path / name, name)
    path = tmp_path / "keys"
    path.symlink_to("alice")
    file = KeyFile(str(path))
    (tmp_path / "next").symlink_to("bob")
    os.replace(tmp_path / "next", path)
    assert file.keys.find("bob") is not None


@pytest.mark.parametrize("damage", ["garbage", "gone", "writable"])
def test_keeps_the_keys_and_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    path = tmp_path / "keys"
    write(path, "alice")
    file = KeyFile(str(path))
    with caplog.at_level(logging.ERROR):
        if damage == "gone":
            path.unlink()
        else:
            path.write_text("alice nonsense")
            path.chmod(0o666 if damage == "writable" else 0o600)
        for _ in range(3):
            assert file.keys.find("alice") is not None
    assert len(caplog.records) == 1
    assert str(path) in caplog.text
    write(path, "bob")
    assert file.keys.find("bob") is not None


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * (4 << 20) + b"y"])
def test_what_cannot_be_read_is_no_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=str(path)):
        KeyFile(str(path))


def test_a_file_that_others_can_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    write(path, "alice")
    path.chmod(0o664)
    with pytest.raises(ValueError, match="chmod go-w"):
        KeyFile(str(path))
