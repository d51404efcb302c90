"""Functions that answer several times, or several requests at a time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from functions.asking import FLOATS, ONES, RESULT, ask, refused

from triton_lite import Tensor
from triton_lite.errors import TritonError


def test_generators_answer_any_number_of_times(server):
    ended = threading.Event()

    @server.model("m", inputs=[Tensor("n", np.int32, (1,))], outputs=[RESULT])
    def count(n):
        try:
            for number in range(int(n[0, 0])):
                yield np.full((1, number + 1), number, np.float32)
        finally:
            ended.set()

    model = server.model("m")
    for number in (0, 1, 5):
        shapes = [r.outputs["y"].to_numpy().shape for r in model.stream({"n": np.array([[number]], np.int32)})]
        assert shapes == [(1, each + 1) for each in range(number)]
    ended.clear()
    endless = model.stream({"n": np.array([[2**31 - 1]], np.int32)})
    next(endless)
    endless.close()
    assert ended.wait(60)
    assert (
        "ModelInfer RPC doesn't support models with decoupled" in refused(server, "m", n=np.ones((1, 1), np.int32)).text
    )


def test_an_error_amid_the_answers(server):
    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    def function(x):
        yield x
        raise RuntimeError("no more")

    answers = server.model("m").stream({"x": ONES})
    assert np.array_equal(next(answers).outputs["y"].to_numpy(), ONES)
    with pytest.raises(TritonError, match="RuntimeError: no more"):
        next(answers)


def test_coroutines_overlap(server):
    meeting = []

    @server.model("m", inputs=[FLOATS], outputs=[RESULT], batching=False)
    async def function(x):
        arrived = asyncio.get_running_loop().create_future()
        meeting.append(arrived)
        if len(meeting) == 8:
            for future in meeting:
                future.set_result(None)
        await arrived
        return x

    with ThreadPoolExecutor(8) as pool:
        values = [np.full(3, number, np.float32) for number in range(8)]
        answers = list(pool.map(lambda value: ask(server, "m", x=value)["y"], values))
    assert np.array_equal(answers, values)


def test_coroutines_fail_alone(server):
    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    async def function(x):
        await asyncio.sleep(0)
        raise ValueError("not today")

    assert "ValueError: not today" in refused(server, "m", x=ONES).text


def test_asynchronous_generators_overlap(server):
    turns: list[asyncio.Event] = []

    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    async def function(x):
        turn = asyncio.Event()
        turns.append(turn)
        yield x
        if len(turns) == 2:
            for each in turns:
                each.set()
        await turn.wait()
        yield x + 1

    def collect(value):
        return [r.outputs["y"].to_numpy()[0, 0] for r in server.model("m").stream({"x": value})]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(collect, [ONES, 5 * ONES])) == [[1, 2], [5, 6]]


def test_a_slow_reader_holds_nobody_else_up(server):
    @server.model("m", inputs=[Tensor("n", np.int32, (1,))], outputs=[RESULT])
    async def count(n):
        for number in range(int(n[0, 0])):
            yield np.full((1, 1), number, np.float32)

    def stream(count):
        return server.model("m").stream({"n": np.array([[count]], np.int32)})

    slow = stream(1000)
    next(slow)
    for _ in range(3):
        assert len(list(stream(20))) == 20
    assert len(list(slow)) == 999


def test_threads_run_side_by_side(server):
    together = threading.Barrier(3)

    @server.model("m", inputs=[FLOATS], outputs=[RESULT], batching=False, count=3)
    def function(x):
        together.wait(60)
        return x

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: ask(server, "m", x=ONES[0])["y"], range(3)))
    assert np.array_equal(answers, np.ones((3, 3)))
