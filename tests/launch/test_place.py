"""Which engine belongs to which options, and where it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from triton_lite.launch.engine_settings import engine_options
from triton_lite.launch.place import fingerprint, place_of
from triton_lite.launch.repositories import resolved_repositories
from triton_lite.launch.runtime_folder import runtime_folder
from triton_lite.options import OptionError, Settings, load


def settings(*arguments: str) -> Settings:
    return load(arguments, {})[0]


def test_front_end_options_do_not_change_the_engine(tmp_path: Path) -> None:
    repository = f"--model-repository={tmp_path}"
    base = fingerprint(settings(repository))
    assert fingerprint(settings(repository, "--http-port=1", "--grpc-processes=3", "--log-verbose=1")) == base
    assert fingerprint(settings(repository, "--model-control-mode=none")) == base


@pytest.mark.parametrize("argument", ["--model-control-mode=explicit", "--id=x", "--cache-config=local,size=1"])
def test_engine_options_name_another_engine(tmp_path: Path, argument: str) -> None:
    repository = f"--model-repository={tmp_path}"
    assert fingerprint(settings(repository, argument)) != fingerprint(settings(repository))


def test_a_repository_has_one_engine_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "link").symlink_to("models")
    monkeypatch.chdir(tmp_path)
    names = {
        fingerprint(settings(*args)) for args in ([], ["--model-store=link"], [f"--model-store={tmp_path}/models/"])
    }
    assert len(names) == 1


def test_repositories_are_absolute_but_keep_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "blob").write_text("")
    (tmp_path / "net.onnx").symlink_to("blob")
    assert resolved_repositories(settings("--model-store=net.onnx", "--model-store=net.onnx")) == (
        f"{tmp_path}/net.onnx",
    )


def test_engine_options_are_what_the_engine_reads(tmp_path: Path) -> None:
    given = engine_options(
        settings(
            f"--model-repository={tmp_path}",
            "--model-control-mode=explicit",
            "--load-model=a",
            "--exit-timeout-secs=5",
            "--backend-config=onnxruntime,a=b",
            "--backend-config=c=d",
            "--disable-auto-complete-config",
        )
    )
    assert given == type(given).from_json(given.to_json())
    assert given.model_repository == [str(tmp_path)]
    assert (given.model_control_mode, given.load_model, given.exit_timeout_secs) == ("explicit", ["a"], 5)
    assert given.backend_config == {"onnxruntime": {"a": "b"}, "": {"c": "d"}}
    assert given.disable_auto_complete_config


def test_socket_is_in_the_runtime_folder(tmp_path: Path) -> None:
    place = place_of(settings(f"--runtime-dir={tmp_path}/run", f"--model-repository={tmp_path}"))
    assert place.socket.parent == tmp_path / "run"
    assert os.stat(place.socket.parent).st_mode & 0o777 == 0o700


def test_engine_names_its_socket(tmp_path: Path) -> None:
    assert place_of(settings(f"--engine={tmp_path}/e")).socket == tmp_path / "e"


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--runtime-dir"):
        place_of(settings(f"--engine={tmp_path}/{'x' * 108}"))


def test_session_folder_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_folder(settings()) == tmp_path / "triton-lite"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert runtime_folder(settings()) == tmp_path / f"triton-lite-{os.geteuid()}"


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    with pytest.raises(OptionError, match="can be written by others"):
        runtime_folder(settings(f"--runtime-dir={tmp_path}/run"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    os.chown(tmp_path / "run", 65534, 65534)
    with pytest.raises(OptionError, match="belongs to user 65534"):
        runtime_folder(settings(f"--runtime-dir={tmp_path}/run"))


def test_a_link_in_the_folder_for_temporary_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"triton-lite-{os.geteuid()}").symlink_to("elsewhere")
    with pytest.raises(OptionError, match="is not a folder"):
        runtime_folder(settings())
