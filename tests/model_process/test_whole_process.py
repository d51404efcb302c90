"""A model's process from its start to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
from model_process.model_files import HEAD, IDENTITY, write_model
from model_process.records import Asked, Reply, Value
from model_process.whole_process import ModelProcess


@pytest.mark.parametrize("read_memory", [True, False])
def test_identity(tmp_path: Path, read_memory: bool) -> None:
    with ModelProcess(write_model(tmp_path, IDENTITY), read_memory=read_memory) as model:
        assert model.initialized == {"op": "initialized", "has_is_ready": False, "coroutine": False}
        for array in (np.arange(256, dtype=np.float32), np.arange(1 << 18, dtype=np.float32), np.zeros((0, 3))):
            answer = model.engine.ask(INPUT0=array)
            assert answer.flags == 5
            np.testing.assert_array_equal(answer.output("OUTPUT0"), array)
        assert model.engine.execute.arena.wait_until_empty()
        assert model.finalize() == {"op": "finalized", "error": None}


def test_what_initialize_is_given(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
import json, sys

class TritonPythonModel:
    def initialize(self, args):
        print(json.dumps([args, __name__, pb_utils.get_model_dir(), sys.argv]))
        sys.stderr.write("on the other stream\\n")

    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.zeros(1))])]
"""
    )
    with ModelProcess(write_model(tmp_path, source), name="given", config={"name": "given", "ä": 1}) as model:
        lines = model.process.stdout
        assert lines is not None
        # Line by line, while the process lives.
        arguments, module, folder, command = json.loads(lines.readline())
        assert lines.readline() == "on the other stream\n"
        assert json.loads(arguments.pop("model_config")) == {"name": "given", "ä": 1}
        assert arguments == {
            "model_instance_kind": "CPU",
            "model_instance_name": "given_0",
            "model_instance_device_id": "0",
            "model_repository": str(tmp_path),
            "model_version": "1",
            "model_name": "given",
        }
        assert (module, folder, command) == ("1.model", str(tmp_path / "1"), [""])


def test_a_model_finds_its_own_modules_first(tmp_path: Path) -> None:
    """Beside it and in the model's folder, whatever this side calls its own."""
    write_model(tmp_path, "NAME = 'beside'\n", file="beside.py")
    write_model(tmp_path, "NAME = 'instance of the model'\n", file="instance.py")
    write_model(tmp_path, "NAME = 'relative'\n", file="relative.py")
    (tmp_path / "above.py").write_text("NAME = 'above'\n")
    source = """
import above, beside, instance
from . import relative

class TritonPythonModel:
    def initialize(self, args):
        print(above.NAME, beside.NAME, instance.NAME, relative.NAME)
"""
    with ModelProcess(write_model(tmp_path, source, file="other_name.py"), model_file="other_name.py") as model:
        assert model.initialized["op"] == "initialized"
        model.finalize()
        assert model.output() == "above beside instance of the model relative\n"


def test_the_file_of_a_backend(tmp_path: Path) -> None:
    backend = write_model(tmp_path / "backends", IDENTITY.replace("OUTPUT0", "OUT"), version="identity")
    (tmp_path / "model" / "1").mkdir(parents=True)
    file = str(backend / "identity" / "model.py")
    with ModelProcess(tmp_path / "model", model_file=file) as model:
        assert model.engine.ask(INPUT0=np.ones(1)).output("OUT")[0] == 1


READY = """
class TritonPythonModel:
    def is_ready(self):
        {body}

    def execute(self, requests):
        return []
"""


@pytest.mark.parametrize(
    ("body", "value", "error"),
    [
        ("return True", True, None),
        ("return False", False, None),
        ("return 1", False, "is_ready() must return a boolean value"),
        ("raise ValueError('no')", False, "ValueError: no\n\nAt:\n  {file}(4): is_ready\n"),
        ("import triton_python_backend_utils as u; return u.is_model_ready('other', '3')", True, None),
    ],
)
def test_is_ready(tmp_path: Path, body: str, value: bool, error: str | None) -> None:
    with ModelProcess(write_model(tmp_path, READY.format(body=body))) as model:
        model.answer = lambda call: (
            (call["method"], call["name"], call["version"]) == ("is_model_ready", "other", "3"),
            None,
        )
        assert model.initialized["has_is_ready"] is True
        answer = model.is_ready()
        text = error and error.format(file=tmp_path / "1" / "model.py")
        assert (answer["value"], answer["error"]) == (value, text)


def test_is_ready_while_execute_runs(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
import threading
class TritonPythonModel:
    def initialize(self, args):
        self.asked = threading.Event()

    def is_ready(self):
        self.asked.set()
        return True

    def execute(self, requests):
        assert self.asked.wait(20)
        return [pb_utils.InferenceResponse()]
"""
    )
    with ModelProcess(write_model(tmp_path, source)) as model:
        model.engine.send(Asked([]))
        assert model.is_ready()["value"] is True
        assert model.engine.next()[2][0].flags == 5


def test_finalize(tmp_path: Path) -> None:
    source = "class TritonPythonModel:\n    def finalize(self):\n        {}\n"
    with ModelProcess(write_model(tmp_path, source.format("print('cleaned up')"))) as model:
        assert model.finalize()["error"] is None
        assert model.output() == "cleaned up\n"
    with ModelProcess(write_model(tmp_path, source.format("raise ValueError('late')"))) as model:
        file = tmp_path / "1" / "model.py"
        assert model.finalize()["error"] == f"ValueError: late\n\nAt:\n  {file}(3): finalize\n"


EXITS = (
    HEAD
    + """
import os, sys
class TritonPythonModel:
    def execute(self, requests):
        how = requests[0].request_id()
        if how == "sys.exit":
            sys.exit(3)
        if how == "os._exit":
            os._exit(4)
        return [pb_utils.InferenceResponse()]
"""
)


def test_exits_of_the_model(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, EXITS)) as model:
        (answer,) = model.engine.run(Asked([], id="sys.exit"))
        file = tmp_path / "1" / "model.py"
        text = "Failed to process the request(s) for model 'model_0', message: SystemExit: 3\n\nAt:\n"
        assert answer.error == f"{text}  {file}(11): execute\n"
        log = model.next_log()
        assert (log["level"], log["message"]) == ("ERROR", answer.error)
        assert model.engine.run(Asked([]))[0].flags == 5
        model.engine.send(Asked([], id="os._exit"))
        assert model.wait() == 4


def test_signals_to_the_group_do_not_end_it(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, EXITS)) as model:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(model.process.pid, number)
            assert model.engine.run(Asked([]))[0].flags == 5


def test_the_process_ends_with_the_engine(tmp_path: Path) -> None:
    source = "import time\nclass TritonPythonModel:\n    def execute(self, requests):\n        time.sleep(1000)\n"
    with ModelProcess(write_model(tmp_path, source)) as model:
        model.engine.send(Asked([]))
        model.control.shutdown(socket.SHUT_RDWR)
        assert model.wait() == 1


@pytest.mark.parametrize("method", ["initialize", "finalize"])
def test_no_inferences_while_the_model_comes_and_goes(tmp_path: Path, method: str) -> None:
    arguments = "self, args" if method == "initialize" else "self"
    source = f"""{HEAD}
class TritonPythonModel:
    def {method}({arguments}):
        try:
            pb_utils.InferenceRequest(model_name="m", inputs=[], requested_output_names=[]).exec()
        except pb_utils.TritonModelException as error:
            print(error)
"""
    with ModelProcess(write_model(tmp_path, source)) as model:
        model.finalize()
        assert model.output() == "BLS is only supported during the 'execute' function.\n"


THREADS = (
    HEAD
    + """
import threading
class TritonPythonModel:
    def execute(self, requests):
        outputs = []
        def ask(number):
            request = pb_utils.InferenceRequest(
                model_name="m", inputs=[pb_utils.Tensor("IN", np.full(20000, number))], requested_output_names=[])
            outputs.append(int(request.exec().output_tensors()[0].as_numpy()[0]))
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array(sorted(outputs)))])]
"""
)


def test_inferences_of_threads(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, THREADS)) as model:
        model.engine.infer = lambda inference: [Reply([Value.of("OUT", inference.inputs[0].array)])]
        assert model.engine.run(Asked([]))[0].output("OUT").tolist() == list(range(8))
        assert model.engine.calls.arena.wait_until_empty()
