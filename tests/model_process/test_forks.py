"""Models that fork: children ask through their parent, and disturb nothing of its."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from model_process.model_files import write_model
from model_process.records import Asked, Reply, Value
from model_process.whole_process import ModelProcess

POOL = """
import multiprocessing
import numpy as np
import triton_python_backend_utils as pb_utils


def double(number):
    request = pb_utils.InferenceRequest(
        model_name="double", inputs=[pb_utils.Tensor("IN", np.full(20000, number))], requested_output_names=["OUT"],
        parameters={"a": 1})
    pb_utils.Logger.log_info(f"child {number}")
    assert pb_utils.is_model_ready("double")
    streamed = sum(len(one.output_tensors()) for one in request.exec(decoupled=True))
    missing = pb_utils.InferenceRequest(model_name="missing", inputs=[], requested_output_names=[]).exec().error()
    assert (missing.message(), missing.code()) == ("not there", pb_utils.TritonError.NOT_FOUND)
    return int(request.exec().output_tensors()[0].as_numpy()[0]) + streamed


class TritonPythonModel:
    def execute(self, requests):
        with multiprocessing.get_context("fork").Pool(4) as pool:
            values = pool.map(double, range(10))
        kept = requests[0].inputs()[0].as_numpy()
        outputs = [pb_utils.Tensor("OUT", np.array(values)), pb_utils.Tensor("KEPT", kept)]
        return [pb_utils.InferenceResponse(outputs)]
"""


def test_a_pool_of_processes_infers(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, POOL)) as model:
        model.answer = lambda call: (call["method"] == "is_model_ready", None)
        model.engine.infer = lambda inference: (
            [Reply(error="not there", code=5)]
            if inference.model == "missing"
            else [
                Reply([Value.of("OUT", inference.inputs[0].array * 2)], last=not inference.decoupled),
                *([Reply(empty=True)] if inference.decoupled else []),
            ]
        )
        kept = np.arange(100000)
        for _ in range(2):
            answer = model.engine.ask(IN=kept)
            assert answer.error == ""
            assert answer.output("OUT").tolist() == [2 * number + 1 for number in range(10)]
            np.testing.assert_array_equal(answer.output("KEPT"), kept)
        assert model.engine.execute.arena.wait_until_empty() and model.engine.calls.arena.wait_until_empty()
        assert model.finalize()["error"] is None
        assert sorted(log["message"] for log in model.logs) == sorted(2 * [f"child {number}" for number in range(10)])


FORK = """
import gc, os
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        array = requests[0].inputs()[0].as_numpy()
        sender = requests[0].get_response_sender()
        child = os.fork()
        if child == 0:
            try:
                sender.send(pb_utils.InferenceResponse())
            except pb_utils.TritonModelException as error:
                print(error, flush=True)
            del array, sender
            requests.clear()
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", array)])]
"""


def test_what_a_child_drops_stays_with_its_parent(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, FORK)) as model:
        for _ in range(3):
            answer = model.engine.ask(IN=np.ones(100000))
            assert answer.flags == 5 and set(answer.output("OUT")) == {1.0}
        assert model.engine.execute.arena.wait_until_empty()
        model.engine.run(Asked([Value.of("IN", np.ones(1))]))
        model.finalize()
        assert model.output() == "An error occurred while sending a response.\n" * 4


def test_children_end_with_the_model(tmp_path: Path) -> None:
    source = """
import os, time
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        if os.fork() == 0:
            print("child", flush=True)
            time.sleep(1000)
        return [pb_utils.InferenceResponse()]
"""
    with ModelProcess(write_model(tmp_path, source)) as model:
        model.engine.run(Asked([]))
        assert model.process.stdout is not None
        assert model.process.stdout.readline() == "child\n"
        model.process.kill()
        assert model.process.stdout.read() == "", "the end of the stream: nobody has it open any longer"
