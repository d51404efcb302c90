"""Unpacks an archive of a Python environment: tar (compressed or not) or zip, as conda-pack and tar make them."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from typing import IO

from triton_lite.errors import Code, TritonError

_SYMLINK_BYTE_SIZE = 4096


def unpack(archive: str, folder: str) -> None:
    """Unpack an archive into an empty folder. Raises TritonError; nothing is written outside of the folder.

    Symbolic links may point anywhere, as the interpreter of a virtual environment does; nothing is written through one.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                _unpack_zip(zipped, folder)
            return
        with tarfile.open(archive) as tar:
            _unpack_tar(tar, folder)
    except tarfile.ReadError as error:
        raise TritonError(Code.INTERNAL, "archive_read_open_filename() failed.") from error
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise TritonError(Code.INTERNAL, f"archive_write_data_block() failed: {error}") from error


def _unpack_tar(tar: tarfile.TarFile, folder: str) -> None:
    folders = []
    for member in tar:
        path = _place(folder, member.name)
        if path is None:
            continue
        if member.isdir():
            os.makedirs(path, exist_ok=True)
            folders.append((path, member.mode, member.mtime))
        elif member.issym():
            _make_room(path)
            os.symlink(member.linkname, path)
        elif member.islnk():
            target = _place(folder, member.linkname)
            if target is None or os.path.islink(target):
                raise _unsafe(f"Hardlink '{member.linkname}' leads out of the archive")
            _make_room(path)
            os.link(target, path)
        elif member.isreg():
            content = tar.extractfile(member)
            assert content is not None
            with content:
                _write(path, content, member.mode)
            os.utime(path, (member.mtime, member.mtime))
        # Devices and pipes are no part of a Python environment.
    for path, mode, mtime in reversed(folders):
        os.chmod(path, stat.S_IMODE(mode) | stat.S_IRWXU)
        os.utime(path, (mtime, mtime))


def _unpack_zip(zipped: zipfile.ZipFile, folder: str) -> None:
    for member in zipped.infolist():
        path = _place(folder, member.filename)
        if path is None:
            continue
        mode = member.external_attr >> 16
        if member.is_dir():
            os.makedirs(path, exist_ok=True)
        elif stat.S_ISLNK(mode):
            if member.file_size > _SYMLINK_BYTE_SIZE:
                raise _unsafe(f"Symbolic link '{member.filename}' is too long")
            _make_room(path)
            os.symlink(os.fsdecode(zipped.read(member)), path)
        else:
            with zipped.open(member) as content:
                # Archives made elsewhere than on Unix say nothing of modes.
                _write(path, content, mode or 0o755)


def _place(folder: str, name: str) -> str | None:
    """Return where a member goes, its folder made; None for the folder itself. Raises TritonError for one outside."""
    if name.startswith("/"):
        raise _unsafe("Path is absolute")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _unsafe("Path contains '..'")
    if not parts:
        return None
    path = folder
    for part in parts[:-1]:
        path = os.path.join(path, part)
        if os.path.islink(path):
            raise _unsafe(f"Cannot extract through symlink {os.path.relpath(path, folder)}")
        os.makedirs(path, exist_ok=True)
    return os.path.join(path, parts[-1])


def _make_room(path: str) -> None:
    """Remove what an earlier member of the same name left: the last one counts."""
    if os.path.lexists(path):
        os.unlink(path)


def _write(path: str, content: IO[bytes], mode: int) -> None:
    _make_room(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file)
        os.fchmod(file.fileno(), (stat.S_IMODE(mode) | stat.S_IRUSR | stat.S_IWUSR) & 0o777)


def _unsafe(text: str) -> TritonError:
    return TritonError(Code.INTERNAL, f"archive_write_header() failed with error code = -25 error message is {text}")
