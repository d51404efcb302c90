"""Backends that are written in Python: one file of code for all of their models."""

import logging
import os
import re
import signal
import tarfile

import numpy as np
import pytest
from serving import (
    CONFIG,
    ECHO,
    VALUES,
    infer,
    note_pid,
    pids,
    python_backend,
    reason,
    serving,
    wait_until,
    write_code,
    write_model,
)

from triton_lite.errors import TritonError

MINE = CONFIG.replace('"python"', '"mine"')


@pytest.fixture
def places(tmp_path):
    """A repository with two models of the backend "mine", and the folder of all backends."""
    repository = tmp_path / "models"
    for name in ("first", "second"):
        (repository / name / "1").mkdir(parents=True)
        (repository / name / "config.pbtxt").write_text(MINE)
    return repository, tmp_path / "backends"


def write_backend(backends, methods="", execute=ECHO):
    return write_code(backends / "mine" / "model.py", methods, execute)


def served(places, *names, **options):
    repository, backends = places
    return serving(repository, *names, backend_directory=str(backends), **options)


def test_all_models_of_a_backend_run_its_code(places):
    repository, backends = places
    scale = 'float(open(os.path.join(pb.get_model_dir(), "scale")).read())'
    execute = ECHO.replace(".as_numpy())", f".as_numpy() * {scale})")
    write_backend(backends, execute=execute)
    (repository / "first" / "1" / "scale").write_text("2")
    (repository / "second" / "1" / "scale").write_text("3")
    with served(places) as server:
        assert np.array_equal(infer(server, "first"), VALUES * 2)
        assert np.array_equal(infer(server, "second"), VALUES * 3)
        assert server.model("first").config().runtime == "model.py"


def test_a_folder_that_is_given_from_here(places, monkeypatch):
    repository, backends = places
    write_backend(backends)
    monkeypatch.chdir(backends.parent)
    with serving(repository, backend_directory=backends.name) as server:
        assert np.array_equal(infer(server, "first"), VALUES)


def test_the_code_completes_configurations(places):
    repository, backends = places
    complete = """
    @staticmethod
    def auto_complete_config(config):
        config.add_input({"name": "IN", "data_type": "TYPE_FP32", "dims": [4]})
        config.add_output({"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]})
        return config
    """
    write_backend(backends, complete)
    (repository / "first" / "config.pbtxt").write_text('backend: "mine"\n')
    with served(places) as server:
        assert np.array_equal(infer(server, "first"), VALUES)
        assert server.model("first").config().runtime == "model.py"
    with served(places, disable_auto_complete_config=True) as server:
        assert not server.model("first").config().input
        assert np.array_equal(infer(server, "second"), VALUES)


def test_a_backend_that_is_not_there(places):
    with served(places) as server:
        assert reason(server, "first") == (
            "Invalid argument: unable to find backend library for backend 'mine', try specifying runtime on the model"
            " configuration."
        )
        # It is looked for again with every load.
        write_backend(places[1])
        server.load("first")
        assert np.array_equal(infer(server, "first"), VALUES)


def test_code_that_cannot_be_loaded(places):
    (places[1] / "mine").mkdir(parents=True)
    (places[1] / "mine" / "model.py").write_text("class TritonPythonModel:\n    def execute(self\n")
    with served(places) as server:
        assert "SyntaxError: '(' was never closed (model.py, line 2)" in reason(server, "first")
    write_backend(places[1], "def initialize(self, args):\n    raise ValueError('not on ' + args['model_name'])")
    with served(places) as server:
        assert "ValueError: not on second" in reason(server, "second")
        assert f"{places[1]}/mine/model.py(" in reason(server, "second")


def test_settings_are_those_of_python_and_its_own(places):
    write_backend(places[1], "def initialize(self, args):\n    time.sleep(1000)")
    settings = python_backend(initialize_timeout_seconds=1000) | {"mine": {"initialize-timeout-seconds": "0.2"}}
    with served(places, "first", backend_config=settings) as server:
        assert "is not healthy." in reason(server, "first")
    with served(places, "first", backend_config=python_backend(initialize_timeout_seconds=0.2)) as server:
        assert "is not healthy." in reason(server, "first")
    with served(places, "first", backend_config=python_backend(thread_pool_size=0)) as server:
        assert "thread-pool-size can't be less than 1." in reason(server, "first")


def test_a_process_that_dies_concerns_its_model_alone(places):
    methods = f"def initialize(self, args):\n    if args['model_name'] == 'first':\n        {note_pid(places[0])}"
    write_backend(places[1], methods)
    with served(places, backend_config=python_backend(restart_delay_seconds=1000)) as server:
        os.kill(pids(places[0])[0], signal.SIGKILL)
        wait_until(lambda: not server.model("first").ready())
        with pytest.raises(TritonError, match=re.escape("Stub process 'first_0' is not healthy.")):
            infer(server, "first")
        assert server.model("second").ready()
        assert np.array_equal(infer(server, "second"), VALUES)


def test_the_environment_that_a_backend_brings(places, environment_with_numpy, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_backend(places[1], "def initialize(self, args):\n    import only_here\n    assert only_here.VALUE == 42")
    archive = places[1] / "mine" / "pb_exec_env_model.py.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(environment_with_numpy, ".")
    with served(places) as server:
        assert np.array_equal(infer(server, "first"), VALUES)
        parameters = server.model("first").config().parameters
        assert parameters["EXECUTION_ENV_PATH"].string_value == str(archive)
    assert f"Using Python execution env {archive}" in caplog.messages
    archive.unlink()
    with served(places) as server:
        assert "No module named 'only_here'" in reason(server, "first")


def test_instances_can_be_added_while_it_is_served(places):
    methods = f"def initialize(self, args):\n    if args['model_name'] == 'first':\n        {note_pid(places[0])}"
    write_backend(places[1], methods)
    with served(places) as server:
        (pid,) = pids(places[0])
        config = places[0] / "first" / "config.pbtxt"
        config.write_text(MINE + "instance_group { count: 2 kind: KIND_CPU }\n")
        server.load("first")
        assert len(pids(places[0])) == 2 and pids(places[0])[0] == pid
        assert np.array_equal(infer(server, "first"), VALUES)


def test_a_model_of_python_beside_one(places):
    write_backend(places[1])
    write_model(places[0], "plain")
    with served(places) as server:
        for name in ("first", "plain"):
            assert np.array_equal(infer(server, name), VALUES)
        assert server.model("plain").config().runtime == ""
