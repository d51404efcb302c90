"""The model's side in other interpreters than the engine's: each that is on the path and has numpy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from model_process.model_files import write_model
from model_process.records import Asked, Reply, Value
from model_process.whole_process import ModelProcess

MODEL = """
import asyncio
import threading
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        pb_utils.Logger.log_info("up")
        self.count = 0

    def execute(self, requests):
        responses = []
        for request in requests:
            how = request.request_id()
            if how == "raise":
                raise ValueError("bad")
            if how == "infer":
                asked = pb_utils.InferenceRequest(
                    model_name="m", inputs=request.inputs(), requested_output_names=["OUT"], correlation_id="c")
                responses.append(pb_utils.InferenceResponse(asked.exec().output_tensors()))
            elif how == "stream":
                asked = pb_utils.InferenceRequest(model_name="m", inputs=[], requested_output_names=[])
                count = sum(1 for _ in asked.exec(decoupled=True))
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([count]))]))
            elif how == "sender":
                sender = request.get_response_sender()
                thread = threading.Thread(target=self.answer, args=(sender,))
                thread.start()
                responses.append(None)
            elif how == "dlpack":
                tensor = pb_utils.Tensor.from_dlpack("OUT", request.inputs()[0].to_dlpack())
                responses.append(pb_utils.InferenceResponse([tensor]))
            elif how == "own":
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.full(1 << 18, 5.0))]))
            elif how == "kept":
                self.kept = np.full(1 << 18, 6.0)
                responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", self.kept)]))
            else:
                outputs = [pb_utils.Tensor("OUT_" + one.name(), one.as_numpy()) for one in request.inputs()]
                responses.append(pb_utils.InferenceResponse(outputs, parameters={"a": 1}))
        return responses

    def answer(self, sender):
        response = pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.zeros(1))])
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    async def is_ready(self):
        await asyncio.sleep(0)
        return True

    def finalize(self):
        print("down")
"""

COROUTINES = """
import asyncio
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    async def execute(self, requests):
        request = pb_utils.InferenceRequest(model_name="m", inputs=requests[0].inputs(), requested_output_names=["OUT"])
        first, second = await asyncio.gather(request.async_exec(), request.async_exec())
        return [pb_utils.InferenceResponse(first.output_tensors())]
"""


@pytest.fixture(params=["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def python(request: pytest.FixtureRequest) -> str:
    path = shutil.which(f"python{request.param}")
    if path is None:
        pytest.skip(f"no python{request.param} on the path")
    if subprocess.run([path, "-c", "import numpy"], capture_output=True, cwd="/").returncode:
        pytest.skip(f"python{request.param} has no numpy")
    return path


def test_all_that_a_model_does(python: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with ModelProcess(write_model(tmp_path, MODEL), python=python, environment=environment) as model:
        assert model.initialized["op"] == "initialized", model.initialized
        engine = model.engine
        engine.infer = lambda inference: [
            Reply([Value.of("OUT", one.array) for one in inference.inputs], last=not inference.decoupled),
            *([Reply(empty=True)] if inference.decoupled else []),
        ]
        big = np.arange(1 << 18, dtype=np.float32)
        texts = np.array([[b"a", b""], [b"\xff" * 9, b"b"]], object)
        inputs = [Value.of("big", big), Value.of("texts", texts), Value.of("empty", np.zeros((0, 2), bool))]
        wanted = '["OUT_big", "OUT_texts", "OUT_empty"]'
        for _ in range(3):
            (answer,) = engine.run(Asked(inputs, parameters='{"p": "q"}', outputs=wanted))
            assert [(one.shape, one.data) for one in answer.outputs] == [(one.shape, one.data) for one in inputs]
            assert answer.outputs[0].where == 2, "given back by place"
        (answer,) = engine.run(Asked([Value.of("IN", big)], id="infer"))
        np.testing.assert_array_equal(answer.output("OUT"), big)
        assert engine.run(Asked([], id="stream"))[0].output("OUT")[0] == 2
        (answer,) = engine.run(Asked([Value.of("IN", big)], id="dlpack"))
        np.testing.assert_array_equal(answer.output("OUT"), big)
        (answer,) = engine.run(Asked([], id="raise"))
        assert answer.error.startswith("Failed to process the request(s) for model 'model_0', message: ValueError: bad")
        assert f"{tmp_path}/1/model.py(18): execute\n" in answer.error
        for id, value in (("own", 5), ("kept", 6)):
            (answer,) = engine.run(Asked([], id=id))
            assert answer.outputs[0].where == 1 and set(answer.output("OUT")) == {value}
        engine.send(Asked([], id="sender"))
        assert sorted(answers[0].flags for _, _, answers in (engine.next(), engine.next())) == [0, 5]
        assert model.is_ready()["value"] is True
        assert engine.execute.arena.wait_until_empty() and engine.calls.arena.wait_until_empty()
        assert model.finalize()["error"] is None
        assert [log["message"] for log in model.logs if log["level"] == "INFO"] == ["up"]
        assert model.output() == "down\n"


def test_files_in_place_of_memory(python: str, tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, MODEL), python=python, read_memory=False) as model:
        (answer,) = model.engine.run(Asked([], id="own"))
        assert set(answer.output("OUT")) == {5.0}


def test_coroutines(python: str, tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, COROUTINES), python=python) as model:
        model.engine.infer = lambda inference: [Reply([Value.of("OUT", one.array) for one in inference.inputs])]
        array = np.arange(100000)
        for _ in range(5):
            (answer,) = model.engine.run(Asked([Value.of("IN", array)]))
            np.testing.assert_array_equal(answer.output("OUT"), array)
        model.finalize()
