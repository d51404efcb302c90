"""A model's process from its start to its end."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_process.engine_side import MODEL_PROCESS, Asked, ModelProcess, Reply, Value, write_model

HEAD = """
import triton_python_backend_utils as pb_utils
import numpy as np

"""
IDENTITY = (
    HEAD
    + """
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "INPUT0")
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", tensor.as_numpy())]))
        return responses
"""
)


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


def failure(tmp_path: Path, source: str, **how: Any) -> str:
    with ModelProcess(write_model(tmp_path, source), **how) as model:
        assert model.initialized["op"] == "failed"
        assert model.wait() == 1
        text: str = model.initialized["message"]
        return text


def test_initialize_that_raises(tmp_path: Path) -> None:
    source = """
def fail():
    raise RuntimeError("not\\ntoday")

class TritonPythonModel:
    def initialize(self, args):
        fail()
"""
    file = tmp_path / "1" / "model.py"
    assert failure(tmp_path, source) == (
        f"RuntimeError: not\ntoday\n\nAt:\n  {file}(3): fail\n  {file}(7): initialize\n"
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import sys\nsys.exit('early')\n", "SystemExit: early\n\nAt:\n"),
        ("def broken(:\n", "SyntaxError: invalid syntax (model.py, line 1)"),
        ("VALUE = 1\n", "AttributeError: module '1.model' has no attribute 'TritonPythonModel'"),
        ("import not_there\n", "ModuleNotFoundError: No module named 'not_there'\n\nAt:\n"),
        ("class TritonPythonModel:\n    def __init__(self):\n        1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
def test_files_that_cannot_be_imported(tmp_path: Path, source: str, text: str) -> None:
    message = failure(tmp_path, source)
    assert message.startswith(text) and str(MODEL_PROCESS) not in message
    assert message == text or "model.py(" in message


def test_files_that_are_missing_or_no_python(tmp_path: Path) -> None:
    with ModelProcess(tmp_path) as model:
        assert model.initialized["message"] == f"Python model file not found in '{tmp_path}/1/model.py'"
    with ModelProcess(write_model(tmp_path, "", file="model.txt"), model_file="model.txt") as model:
        assert model.initialized["message"] == "Model name must end with '.py'. Model name is \"model.txt\"."


COMPLETES = (
    HEAD
    + """
class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        assert pb_utils.get_model_dir().endswith("/1")
        config.add_input({"name": "IN", "data_type": "TYPE_FP32", "dims": [4]})
        config.add_output({"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]})
        config.set_max_batch_size(8)
        config.set_dynamic_batching()
        config.set_model_transaction_policy({"decoupled": True})
        return config
"""
)
BARE = {"name": "m", "max_batch_size": 0, "input": [], "output": []}


def test_auto_complete(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, COMPLETES), initialize=False) as model:
        assert model.auto_complete(BARE) == {
            "op": "auto_completed",
            "config": {
                "name": "m",
                "max_batch_size": 8,
                "input": [{"name": "IN", "data_type": "TYPE_FP32", "dims": [4]}],
                "output": [{"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]}],
                "dynamic_batching": {},
                "model_transaction_policy": {"decoupled": True},
            },
        }
        assert model.wait() == 0


def test_auto_complete_of_a_model_without(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, IDENTITY), initialize=False) as model:
        assert model.auto_complete(BARE) == {"op": "auto_completed", "config": BARE}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("return 5", "auto_complete_config function in model 'm' must return a valid pb.ModelConfig object."),
        ("raise ValueError('no')", "ValueError: no\n\nAt:\n  {file}(4): auto_complete_config\n"),
    ],
)
def test_auto_complete_that_fails(tmp_path: Path, body: str, text: str) -> None:
    source = f"class TritonPythonModel:\n    @staticmethod\n    def auto_complete_config(config):\n        {body}\n"
    with ModelProcess(write_model(tmp_path, source), initialize=False) as model:
        answer = model.auto_complete(BARE)
        assert answer == {"op": "failed", "message": text.format(file=tmp_path / "1" / "model.py")}
        assert model.wait() == 1


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


LOGS = (
    HEAD
    + """
class TritonPythonModel:
    def initialize(self, args):
        pb_utils.Logger.log_info("coming up")

    def execute(self, requests):
        logger = pb_utils.Logger
        logger.log("ä plain")
        logger.log("of a level", logger.WARNING)
        logger.log_warn("warn")
        logger.log_error("error")
        logger.log_verbose("verbose")
        return [pb_utils.InferenceResponse()]
"""
)


def test_logs(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, LOGS)) as model:
        model.engine.run(Asked([]))
        model.order(op="log_verbose", level=1)
        assert model.finalize()["error"] is None
        seen = [(log["level"], log["message"], log["line"]) for log in model.logs]
        assert seen == [
            ("INFO", "coming up", 8),
            ("INFO", "ä plain", 12),
            ("WARNING", "of a level", 13),
            ("WARNING", "warn", 14),
            ("ERROR", "error", 15),
        ]
        assert {log["file"] for log in model.logs} == {str(tmp_path / "1" / "model.py")}
    with ModelProcess(write_model(tmp_path, LOGS), log_verbose=1) as model:
        model.engine.run(Asked([]))
        model.finalize()
        assert model.logs[-1]["level"] == "VERBOSE"


METRICS = (
    HEAD
    + """
def refusal(function):
    try:
        function()
    except pb_utils.TritonModelException as error:
        return str(error)

class TritonPythonModel:
    def execute(self, requests):
        family = pb_utils.MetricFamily(name="n", description="d", kind=pb_utils.MetricFamily.COUNTER)
        metric = family.Metric(labels={"a": "b"})
        metric.increment(2)
        metric.increment(np.float32(0.5))
        value = metric.value()
        texts = [refusal(lambda: metric.set(1)), refusal(lambda: family.Metric(labels={"a": 5}))]
        texts += [refusal(lambda: family.Metric(labels=5)), refusal(lambda: family.Metric(buckets=[1]))]
        bare = family.Metric()
        del bare
        del family
        texts.append(refusal(lambda: metric.increment(1)))
        histogram = pb_utils.MetricFamily("h", "d", pb_utils.MetricFamily.HISTOGRAM)
        texts += [refusal(lambda: histogram.Metric()), refusal(lambda: histogram.Metric(buckets=5))]
        histogram.Metric(buckets=[1, 2.5]).observe(2)
        texts = np.array(texts, object)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("T", texts), pb_utils.Tensor("V", np.array([value]))])]
"""
)


def test_metrics(tmp_path: Path) -> None:
    def answer(call: dict[str, Any]) -> tuple[Any, str | None]:
        if call["method"] == "metric_set":
            return None, "not of a counter"
        return (7 if call["method"] == "metric_value" else None), None

    with ModelProcess(write_model(tmp_path, METRICS)) as model:
        model.answer = answer
        (record,) = model.engine.run(Asked([]))
        assert record.error == ""
        assert record.output("V")[0] == 7
        assert [text.decode() for text in record.output("T")] == [
            "Failed to set metric value: not of a counter",
            "Error when creating Metric: Failed to process the request for model 'model_0', message: attempt to access "
            "JSON non-string as string",
            "Failed to create metric. Labels must be a dictionary.",
            "Failed to create metric. Unexpected buckets found.",
            "Failed to increment metric value: Invalid metric operation as the corresponding 'MetricFamily' has been "
            "deleted. The 'MetricFamily' object should be deleted AFTER its corresponding 'Metric' objects have been "
            "deleted.",
            "Failed to create metric. Missing required buckets.",
            "Failed to create metric. Buckets must be a list.",
        ]
        model.finalize()
        seen = [{key: value for key, value in call.items() if key not in ("op", "id")} for call in model.calls]
        assert len({call["id"] for call in model.calls}) == len(model.calls)
    family, metric, bare, histogram, observed = 1, 2, 3, 4, 5
    assert seen == [
        {"method": "metric_family", "family": family, "name": "n", "description": "d", "kind": "counter"},
        {"method": "metric", "family": family, "metric": metric, "labels": {"a": "b"}, "buckets": None},
        {"method": "metric_add", "metric": metric, "value": 2.0},
        {"method": "metric_add", "metric": metric, "value": 0.5},
        {"method": "metric_value", "metric": metric},
        {"method": "metric_set", "metric": metric, "value": 1.0},
        {"method": "metric", "family": family, "metric": bare, "labels": {}, "buckets": None},
        {"method": "metric_drop", "metric": bare},
        {"method": "metric_drop", "metric": metric},
        {"method": "metric_family_drop", "family": family},
        {"method": "metric_family", "family": histogram, "name": "h", "description": "d", "kind": "histogram"},
        {"method": "metric", "family": histogram, "metric": observed, "labels": {}, "buckets": [1.0, 2.5]},
        {"method": "metric_observe", "metric": observed, "value": 2.0},
        {"method": "metric_drop", "metric": observed},
        {"method": "metric_family_drop", "family": histogram},
    ]


MODELS = (
    HEAD
    + """
class TritonPythonModel:
    def initialize(self, args):
        if not pb_utils.is_model_ready(model_name="other", model_version="1"):
            pb_utils.load_model(model_name="other")
            pb_utils.load_model("other", config="{}", files={"file:1/model.py": b"\\xff\\x00"})

    def execute(self, requests):
        pb_utils.unload_model(model_name="other", unload_dependents=True)
        return [pb_utils.InferenceResponse()]
"""
)


def test_models_are_loaded_and_unloaded(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, MODELS), initialize=False) as model:
        model.answer = lambda call: (False if call["method"] == "is_model_ready" else None, None)
        assert model.initialize()["op"] == "initialized"
        model.answer = lambda call: (None, "Failed to process the request for model 'model_0', message: not now")
        (answer,) = model.engine.run(Asked([]))
        assert (
            "TritonModelException: Failed to unload model: Failed to process the request for model 'model_0', "
            "message: not now\n"
        ) in answer.error
        seen = [{key: value for key, value in call.items() if key not in ("op", "id")} for call in model.calls]
    assert seen == [
        {"method": "is_model_ready", "name": "other", "version": "1"},
        {"method": "load_model", "name": "other", "files": None, "config": None},
        {"method": "load_model", "name": "other", "files": {"file:1/model.py": "/wA="}, "config": "{}"},
        {"method": "unload_model", "name": "other", "unload_dependents": True},
    ]


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
