import io
import os
import stat
import tarfile
import zipfile

import pytest

from triton_lite.engine.model_processes.archive import unpack
from triton_lite.errors import TritonError


def tar(path, *members, mode="w:gz"):
    """members: (name, content) of a file, or a TarInfo."""
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mode, info.mtime = len(member[1]), 0o755, 1_600_000_000
                archive.addfile(info, io.BytesIO(member[1]))
    return str(path)


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def refused(archive, folder):
    folder.mkdir()
    with pytest.raises(TritonError) as caught:
        unpack(archive, str(folder))
    return caught.value.text


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_environment_is_unpacked_as_it_was(tmp_path, mode):
    archive = tar(
        tmp_path / "env",
        special("./", tarfile.DIRTYPE),
        ("./bin/python3.11", b"#!"),
        special("bin/python", tarfile.SYMTYPE, "python3.11"),
        special("bin/base", tarfile.SYMTYPE, "/usr/bin/python3"),
        special("lib/same", tarfile.LNKTYPE, "bin/python3.11"),
        special("pipe", tarfile.FIFOTYPE),
        mode=mode,
    )
    folder = tmp_path / "out"
    folder.mkdir()
    unpack(archive, str(folder))
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "bin",
        "bin/base",
        "bin/python",
        "bin/python3.11",
        "lib",
        "lib/same",
    ]
    assert (folder / "bin/python").read_bytes() == b"#!"
    assert os.readlink(folder / "bin/base") == "/usr/bin/python3"
    assert (folder / "lib/same").samefile(folder / "bin/python3.11")
    status = (folder / "bin/python3.11").stat()
    assert stat.S_IMODE(status.st_mode) == 0o755
    assert status.st_mtime == 1_600_000_000  # Compiled modules are good for sources of one time.


def test_a_zip_keeps_modes_and_links(tmp_path):
    archive = tmp_path / "env.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, content, mode in (("bin/python3", b"#!", 0o100755), ("bin/python", b"python3", 0o120777)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            zipped.writestr(info, content)
        zipped.writestr("lib/", b"")
    folder = tmp_path / "out"
    folder.mkdir()
    unpack(str(archive), str(folder))
    assert os.readlink(folder / "bin/python") == "python3"
    assert os.access(folder / "bin/python3", os.X_OK)
    assert (folder / "lib").is_dir()


@pytest.mark.parametrize(
    "members, text",
    [
        ([("../evil", b"")], "Path contains '..'"),
        ([("lib/../../evil", b"")], "Path contains '..'"),
        ([("/tmp/evil", b"")], "Path is absolute"),
        ([special("lib", tarfile.SYMTYPE, ".."), ("lib/evil", b"")], "Cannot extract through symlink lib"),
        ([special("evil", tarfile.LNKTYPE, "../secret")], "Path contains '..'"),
        ([special("evil", tarfile.LNKTYPE, "/etc/passwd")], "Path is absolute"),
        (
            [special("link", tarfile.SYMTYPE, "/etc/passwd"), special("evil", tarfile.LNKTYPE, "link")],
            "Hardlink 'link' leads out of the archive",
        ),
    ],
)
def test_nothing_is_written_outside(tmp_path, members, text):
    (tmp_path / "secret").write_text("")
    archive = tar(tmp_path / "env.tar.gz", *members)
    before = sorted(os.listdir(tmp_path))
    expected = f"archive_write_header() failed with error code = -25 error message is {text}"
    assert refused(archive, tmp_path / "out") == expected
    assert sorted(os.listdir(tmp_path)) == [*before[:1], "out", *before[1:]]


def test_a_link_is_replaced_and_not_written_through(tmp_path):
    (tmp_path / "secret").write_text("kept")
    archive = tar(
        tmp_path / "env.tar", special("file", tarfile.SYMTYPE, str(tmp_path / "secret")), ("file", b"new"), mode="w"
    )
    (tmp_path / "out").mkdir()
    unpack(archive, str(tmp_path / "out"))
    assert (tmp_path / "secret").read_text() == "kept"
    assert (tmp_path / "out/file").read_bytes() == b"new"


def test_what_is_no_archive(tmp_path):
    (tmp_path / "env.tar.gz").write_bytes(b"garbage")
    assert refused(str(tmp_path / "env.tar.gz"), tmp_path / "out") == "archive_read_open_filename() failed."
    cut = tar(tmp_path / "cut.tar.gz", ("lib/file", os.urandom(100_000)))
    with open(cut, "r+b") as file:
        file.truncate(50_000)
    assert "failed" in refused(cut, tmp_path / "out2")
