import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading

import numpy as np
import pytest
from serving import CONFIG, VALUES, infer, reason, serving, write_model

from triton_lite.engine.model_processes.environments import Environments
from triton_lite.errors import TritonError
from triton_lite.proto import messages


@pytest.fixture
def environments(tmp_path):
    made = Environments(str(tmp_path / "runtime"))
    with contextlib.closing(made):
        yield made


def config(path):
    made = messages.ModelConfig()
    made.parameters["EXECUTION_ENV_PATH"].string_value = str(path)
    return made


def open_one(environments, path, model="/models/m"):
    return environments.open(config(path), model, f"{model}/1")


def pack(environment, archive):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(environment, ".")
    return archive


def value_of(program, code="import only_here; print(only_here.VALUE)"):
    run = subprocess.run([program.python, "-c", code], env=program.variables, capture_output=True, text=True)
    return run.stdout.strip() or run.stderr


def refused(environments, path):
    with pytest.raises(TritonError) as caught:
        open_one(environments, path)
    return caught.value.text


def test_without_one_the_servers_own_python_runs(environments):
    program = environments.open(messages.ModelConfig(), "/m", "/m/1").program
    assert program.python == sys.executable
    assert program.variables == dict(os.environ)


def test_a_folder_is_used_as_it_is(environments, environment, tmp_path, monkeypatch):
    package = os.path.dirname(os.path.dirname(sys.modules["triton_lite"].__file__))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, "/more/modules"]))
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("MY_ENV", "mine")
    program = open_one(environments, environment).program
    assert value_of(program) == "42"
    assert value_of(program, "import sys; print(sys.prefix)") == str(environment)
    assert program.variables["VIRTUAL_ENV"] == str(environment)
    assert program.variables["PATH"].startswith(f"{environment}/bin:")
    # Its modules may be for another Python than the server's.
    assert program.variables["PYTHONPATH"] == "/more/modules"
    assert program.variables["MY_ENV"] == "mine"
    assert "PYTHONHOME" not in program.variables
    assert not (tmp_path / "runtime").exists()


def test_paths_of_the_model_and_of_the_version(environments, environment, tmp_path):
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "env").symlink_to(environment)
    (tmp_path / "m" / "1" / "env").symlink_to(environment)
    for path in ("$$TRITON_MODEL_DIRECTORY/env", "$$TRITON_VERSION_DIRECTORY/env"):
        assert value_of(open_one(environments, path, str(tmp_path / "m")).program) == "42"


def test_an_archive_is_unpacked_once_and_again_when_it_changed(environments, environment, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "triton_lite")
    archive = pack(environment, tmp_path / "env.tar.gz")
    first = open_one(environments, archive)
    first.release()
    second = open_one(environments, archive)
    assert value_of(second.program) == "42"
    assert second.program.python == first.program.python
    assert caplog.text.count(f"Extracting Python execution env {archive}") == 1
    os.utime(archive, ns=(1, 1))
    third = open_one(environments, archive)
    assert third.program.python != second.program.python
    assert value_of(second.program) == value_of(third.program) == "42"
    assert caplog.text.count("Extracting Python execution env") == 2
    second.release()
    assert not os.path.exists(second.program.python)
    assert value_of(third.program) == "42"
    third.release()
    assert value_of(third.program) == "42"


def test_models_that_load_together_share_it(environments, environment, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "triton_lite")
    archive = pack(environment, tmp_path / "env.tar.gz")
    pythons = set()
    threads = [
        threading.Thread(target=lambda: pythons.add(open_one(environments, archive).program.python)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pythons) == 1
    assert caplog.text.count("Extracting Python execution env") == 1


def test_nothing_is_left(environments, environment, tmp_path):
    left = Environments(str(tmp_path / "runtime"))
    archive = pack(environment, tmp_path / "env.tar.gz")
    open_one(left, archive)
    assert len(list((tmp_path / "runtime").iterdir())) == 1
    # As if its process had been killed: the kernel gives the lock back.
    os.close(left._root_lock)
    left._root_lock = os.open("/dev/null", os.O_RDONLY)
    mine = open_one(environments, archive)
    (root,) = (tmp_path / "runtime").iterdir()
    assert mine.program.python.startswith(str(root))
    # That of a server that lives is left alone.
    other = Environments(str(tmp_path / "runtime"))
    open_one(other, archive)
    assert value_of(mine.program) == "42"
    other.close()
    environments.close()
    assert list((tmp_path / "runtime").iterdir()) == []
    left.close()


def test_refused_environments_have_tritons_texts(environments, tmp_path):
    missing = tmp_path / "none.tar.gz"
    assert refused(environments, missing) == f"Failed to get the canonical path for {missing}."
    empty = tmp_path / "empty"
    empty.mkdir()
    without = f"Path {empty}/bin/activate does not exist. The Python environment should contain an 'activate' script."
    assert refused(environments, empty) == without
    garbage = tmp_path / "env.tar.gz"
    garbage.write_bytes(b"garbage")
    assert refused(environments, garbage) == "archive_read_open_filename() failed."
    with tarfile.open(garbage, "w:gz") as tar:
        tar.add(empty, "empty")
    assert "/bin/activate does not exist." in refused(environments, garbage)
    # What could not be unpacked is gone.
    (root,) = (tmp_path / "runtime").iterdir()
    assert sorted(os.listdir(root)) == ["1", "lock"]


def serve_from(tmp_path, path):
    """What a model says of the Python that it runs on, which it imports a module of."""
    where = f'parameters {{ key: "EXECUTION_ENV_PATH" value {{ string_value: "{path}" }} }}'
    methods = f"""
    def initialize(self, args):
        import only_here
        open({str(tmp_path / "said")!r}, "w").write(f"{{only_here.VALUE}} {{sys.prefix}}")
    """
    write_model(tmp_path / "models", methods=methods, config=CONFIG + where)
    with serving(tmp_path / "models") as server:
        assert np.array_equal(infer(server), VALUES), reason(server)
    value, prefix = (tmp_path / "said").read_text().split()
    assert value == "42"
    return prefix


def test_models_run_in_their_environment(environment_with_numpy, tmp_path):
    assert serve_from(tmp_path, environment_with_numpy) == str(environment_with_numpy)


def test_models_run_in_an_archive(environment_with_numpy, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "models" / "m").mkdir(parents=True)
    pack(environment_with_numpy, tmp_path / "models" / "m" / "env.tar.gz")
    prefix = serve_from(tmp_path, "$$TRITON_MODEL_DIRECTORY/env.tar.gz")
    assert prefix.startswith(f"{tmp_path}/environments-")
    assert not os.path.exists(prefix)


@pytest.mark.parametrize("minor", range(9, 15))
def test_models_run_on_another_python(tmp_path, minor):
    program = shutil.which(f"python3.{minor}")
    if program is None or subprocess.run([program, "-c", "import numpy"], capture_output=True, cwd="/").returncode:
        pytest.skip(f"no python3.{minor} with numpy on the path")
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
    python.chmod(0o700)
    where = f'parameters {{ key: "EXECUTION_ENV_PATH" value {{ string_value: "{tmp_path}/env" }} }}'
    said = tmp_path / "said"
    methods = f"""
    @staticmethod
    def auto_complete_config(config):
        config.add_input({{"name": "IN", "data_type": "TYPE_FP32", "dims": [4]}})
        config.add_output({{"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]}})
        return config

    def initialize(self, args):
        open({str(said)!r}, "w").write(f"{{sys.version_info[1]}}")

    def is_ready(self):
        return True

    def finalize(self):
        open({str(said)!r}, "a").write(" finalized")
    """
    write_model(tmp_path / "models", methods=methods, config=f'backend: "python" {where}')
    with serving(tmp_path / "models") as server:
        assert np.array_equal(infer(server), VALUES), reason(server)
        assert server.model("m").ready()
    assert said.read_text() == f"{minor} finalized"
