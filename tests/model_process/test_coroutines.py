"""Models whose execute is a coroutine, in a thread's loop and in the loop of the thread that serves."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from model_process.model_files import write_model
from model_process.model_in_thread import InThread
from model_process.records import Asked, Reply, Value
from model_process.whole_process import ModelProcess

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def response(value: int = 0) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([value]))])


class Gate:
    """Answers a batch of "wait" when one of "open" has come: only batches that overlap get there."""

    def __init__(self) -> None:
        self.event: asyncio.Event | None = None

    async def execute(self, requests: list[Any]) -> list[Any]:
        self.event = self.event or asyncio.Event()
        if requests[0].request_id() == "wait":
            await self.event.wait()
        else:
            self.event.set()
        return [response(1) for _ in requests]


def test_batches_of_a_plain_model_overlap() -> None:
    with InThread(Gate()) as model:
        first = model.engine.send(Asked([], id="wait"), Asked([]))
        second = model.engine.send(Asked([], id="open"))
        assert [model.engine.next()[:2] for _ in range(2)] == [("executed", second), ("executed", first)]


GATE = """
import asyncio
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.event = None

    async def execute(self, requests):
        self.event = self.event or asyncio.Event()
        if requests[0].request_id() == "wait":
            await self.event.wait()
        elif requests[0].request_id() == "fail":
            await asyncio.sleep(0)
            raise ValueError("bad")
        else:
            self.event.set()
        return [pb_utils.InferenceResponse(request.inputs()) for request in requests]

    async def is_ready(self):
        await asyncio.sleep(0)
        return self.event is not None and self.event.is_set()

    def finalize(self):
        print("finalized")
"""


def test_batches_overlap_in_a_process(tmp_path: Path) -> None:
    with ModelProcess(write_model(tmp_path, GATE)) as model:
        assert model.initialized == {"op": "initialized", "has_is_ready": True, "coroutine": True}
        assert model.is_ready()["value"] is False
        inputs = [Value.of("IN", np.arange(100000))]
        first = model.engine.send(Asked(inputs, id="wait"))
        second = model.engine.send(Asked([], id="open"))
        assert model.engine.next()[:2] == ("executed", second)
        kind, number, answers = model.engine.next()
        assert (kind, number) == ("executed", first)
        assert answers[0].outputs[0].data == inputs[0].data
        (failed,) = model.engine.run(Asked([], id="fail"))
        assert failed.error.startswith("Failed to process the request(s) for model 'model_0', message: ValueError: bad")
        assert f"{tmp_path}/1/model.py(15): execute\n" in failed.error
        assert model.is_ready()["value"] is True
        for _ in range(300):
            model.engine.run(Asked(inputs))
        model.engine.run(Asked([]))
        assert model.engine.execute.arena.wait_until_empty()
        model.engine.send(Asked([], id="wait"))
        assert model.finalize()["error"] is None
        assert model.output() == "finalized\n"


def test_a_decoupled_coroutine_lets_the_next_batch_come_at_once() -> None:
    class Streams:
        def __init__(self) -> None:
            self.event: asyncio.Event | None = None

        async def execute(self, requests: list[Any]) -> None:
            self.event = self.event or asyncio.Event()
            sender = requests[0].get_response_sender()
            if requests[0].request_id() == "wait":
                await self.event.wait()
            self.event.set()
            sender.send(response(1))
            await asyncio.sleep(0)
            sender.send(flags=FINAL)

    with InThread(Streams(), decoupled=True) as model:
        waits = Asked([], id="wait")
        first = model.engine.send(waits)
        assert model.engine.next() == ("executed", first, [])
        opens = Asked([], id="open")
        model.engine.send(opens)
        flags: dict[int, list[int]] = {waits.key: [], opens.key: []}
        while sum(map(len, flags.values())) < 4:
            for answer in model.engine.next()[2]:
                flags[answer.key].append(answer.flags)
        assert flags == {waits.key: [1, 4], opens.key: [1, 4]}


def test_a_decoupled_coroutine_that_fails_ends_its_open_requests() -> None:
    class Fails:
        async def execute(self, requests: list[Any]) -> None:
            requests[0].get_response_sender().send(flags=FINAL)
            await asyncio.sleep(0)
            raise ValueError("bad")

    with InThread(Fails(), decoupled=True) as model:
        first, second = Asked([]), Asked([])
        model.engine.send(first, second)
        messages = [model.engine.next() for _ in range(3)]
        answers = [answer for _, _, answers in messages for answer in answers]
        assert [(answer.key, answer.flags) for answer in answers] == [(first.key, 4), (second.key, 22)]
        assert "ValueError: bad" in answers[1].error
        assert len(model.logged) == 1


def test_a_plain_function_may_return_a_coroutine() -> None:
    class Returns:
        def execute(self, requests: list[Any]) -> Any:
            return self.later(len(requests))

        async def later(self, count: int) -> list[Any]:
            await asyncio.sleep(0)
            return [response(count)] * count

    with InThread(Returns()) as model:
        assert [answer.output("OUT")[0] for answer in model.engine.run(Asked([]), Asked([]))] == [2, 2]


@pytest.mark.parametrize("count", [1, 20])
def test_inferences_awaited_together(count: int) -> None:
    """All are with the engine before the first is answered."""
    gathered = threading.Barrier(count)

    class Gathers:
        async def execute(self, requests: list[Any]) -> list[Any]:
            awaitables = [
                pb_utils.InferenceRequest(
                    model_name="other",
                    requested_output_names=["OUT"],
                    inputs=[pb_utils.Tensor("IN", np.full(20000, number))],
                ).async_exec()
                for number in range(count)
            ]
            responses = await asyncio.gather(*awaitables)
            total = sum(int(one.output_tensors()[0].as_numpy()[0]) for one in responses)
            return [response(total)]

    def infer(inference: Any) -> list[Reply]:
        gathered.wait(20)
        return [Reply([Value.of("OUT", inference.inputs[0].array)])]

    with InThread(Gathers()) as model:
        model.engine.infer = infer
        for _ in range(3):
            assert model.engine.run(Asked([]))[0].output("OUT")[0] == sum(range(count))
        assert model.engine.calls.arena.wait_until_empty()


def test_responses_of_a_decoupled_model_as_an_asynchronous_iterator() -> None:
    class Iterates:
        async def execute(self, requests: list[Any]) -> list[Any]:
            stream = await pb_utils.InferenceRequest(
                model_name="other", requested_output_names=[], inputs=[]
            ).async_exec(decoupled=True)
            first = [len(one.output_tensors()) async for one in stream]
            again = [len(one.output_tensors()) for one in stream]
            assert first == again
            return [response(int("".join(map(str, first))))]

    one = Value.of("OUT", np.zeros(1))
    with InThread(Iterates()) as model:
        model.engine.infer = lambda _: [Reply([one], last=False), Reply([one, one], last=False), Reply(empty=True)]
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 120


def test_a_cancelled_wait_does_not_disturb_the_next() -> None:
    release = threading.Event()

    class TimesOut:
        async def execute(self, requests: list[Any]) -> list[Any]:
            def ask(name: str) -> Any:
                return pb_utils.InferenceRequest(model_name=name, requested_output_names=[], inputs=[]).async_exec()

            slow = ask("slow")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(slow, 0.01)
            release.set()
            return [response((await ask("quick")).error().message() == "quick")]

    def infer(inference: Any) -> list[Reply]:
        if inference.model == "slow":
            assert release.wait(20)
        return [Reply(error=inference.model, code=13)]

    with InThread(TimesOut()) as model:
        model.engine.infer = infer
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 1
