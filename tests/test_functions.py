"""Functions as models of the in-process server."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from repositories import write_identity
from server_process import run_script

import triton_lite
from triton_lite import DynamicBatching, Tensor
from triton_lite.errors import Code, TritonError

FLOATS = Tensor("x", np.float32, (-1,))
RESULT = Tensor("y", np.float32, (-1,))
ONES = np.ones((1, 3), np.float32)


@pytest.fixture
def server() -> Iterator[triton_lite.Server]:
    with triton_lite.Server() as running:
        yield running


def ask(server: triton_lite.Server, name: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    return {key: value.to_numpy() for key, value in server.model(name).infer(inputs).outputs.items()}


def refused(server: triton_lite.Server, name: str, **inputs: np.ndarray) -> TritonError:
    with pytest.raises(TritonError) as raised:
        ask(server, name, **inputs)
    return raised.value


def test_a_function_is_served_and_stays_a_function(server):
    @server.model(inputs=[FLOATS], outputs=[RESULT])
    def double(x):
        return 2 * x

    assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)
    assert double(4) == 8
    assert server.model("double").ready()
    assert [(entry.name, entry.version, entry.state) for entry in server.models()] == [("double", "1", "READY")]
    assert server.model("double").metadata().platform == "python"


@pytest.mark.parametrize("give", [lambda a, b: {"b": b, "a": a}, lambda a, b: [a, b], lambda a, b: (a, b)])
def test_outputs_by_name_and_in_order(server, give):
    @server.model("m", inputs=[FLOATS], outputs=[Tensor("a", np.float32, (-1,)), Tensor("b", np.float32, (-1,))])
    def function(x):
        return give(x + 1, x + 2)

    answer = ask(server, "m", x=ONES)
    assert np.array_equal(answer["a"], ONES + 1)
    assert np.array_equal(answer["b"], ONES + 2)


@pytest.mark.parametrize("size", [3, 100_000])
def test_requests_are_batched_along_the_first_axis(server, size):
    entered, go = threading.Event(), threading.Event()
    shapes = []

    @server.model("m", inputs=[FLOATS], outputs=[RESULT], batching=DynamicBatching(8))
    def function(x):
        shapes.append(x.shape)
        entered.set()
        go.wait(60)
        return x * 2

    values = [np.full((rows, size), rows, np.float32) for rows in (1, 1, 2, 3)]
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, server, "m", x=values[0])
        assert entered.wait(60)
        others = [pool.submit(ask, server, "m", x=value) for value in values[1:]]
        # They wait in the queue of the model, which its statistics do not show before they run.
        queue_of(server, 3)
        go.set()
        answers = [future.result()["y"] for future in (first, *others)]
    for value, answer in zip(values, answers, strict=True):
        assert np.array_equal(answer, value * 2)
    assert shapes[0] == (1, size)
    assert sum(shape[0] for shape in shapes) == 7
    assert len(shapes) < 4


def queue_of(server: triton_lite.Server, count: int) -> None:
    """Wait until so many requests to model m are pending."""
    for _ in range(6000):
        for line in server.metrics().splitlines():
            if line.startswith("nv_inference_pending_request_count") and float(line.split()[-1]) >= count:
                return
        threading.Event().wait(0.01)
    raise AssertionError("the requests did not come")


def test_without_batching_arrays_come_as_they_are(server):
    @server.model("m", inputs=[Tensor("x", np.int32, (2, -1))], outputs=[Tensor("y", np.int64, (1,))], batching=False)
    def total(x):
        assert x.shape == (2, 3)
        return [[x.sum()]]

    answer = ask(server, "m", x=np.arange(6, dtype=np.int32).reshape(2, 3))
    assert answer["y"].tolist() == [15]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (bytes, np.array([[b"a\0", b"", "grüß".encode()]], np.object_)),
        (np.float16, np.array([[1.5, -2]], np.float16)),
        (np.bool_, np.array([[True, False]])),
        (ml_dtypes.bfloat16, np.array([[1.5, -2]], ml_dtypes.bfloat16)),
        (np.uint64, np.array([[2**63]], np.uint64)),
    ],
)
def test_datatypes(server, dtype, value):
    seen = []

    @server.model("m", inputs=[Tensor("x", dtype, (-1,))], outputs=[Tensor("y", dtype, (-1,))])
    def function(x):
        seen.append(x.copy())
        return np.concatenate([x, x], axis=1)

    answer = ask(server, "m", x=value)["y"]
    assert seen[0].dtype == value.dtype
    assert np.array_equal(seen[0], value)
    assert np.array_equal(answer, np.concatenate([value, value], axis=1))


def test_texts_and_numbers_that_are_no_arrays(server):
    outputs = [Tensor("text", bytes, (-1,)), Tensor("number", np.float32, (1,))]

    @server.model("m", inputs=[FLOATS], outputs=outputs, batching=False)
    def function(x):
        return [["é", b"\0"], [1]]

    answer = ask(server, "m", x=ONES[0])
    assert list(answer["text"]) == ["é".encode(), b"\0"]
    assert answer["number"].tolist() == [1]


@pytest.mark.parametrize("size", [4, 1_000_000])
def test_an_input_that_is_given_back(server, size):
    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    def function(x):
        return x

    for start in range(20):
        value = np.arange(start, start + size, dtype=np.float32)[None]
        assert np.array_equal(ask(server, "m", x=value)["y"], value)


def test_an_array_that_the_function_goes_on_using(server):
    kept = np.zeros(100_000, np.float32)

    @server.model("m", inputs=[FLOATS], outputs=[RESULT], batching=False)
    def function(x):
        kept[:] += 1
        return kept

    with ThreadPoolExecutor(4) as pool:
        answers = [future.result()["y"] for future in [pool.submit(ask, server, "m", x=ONES[0]) for _ in range(50)]]
    assert all(len(np.unique(answer)) == 1 for answer in answers)
    assert sorted(int(answer[0]) for answer in answers) == list(range(1, 51))


def test_inputs_that_the_function_keeps(server):
    kept = []

    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    def function(x):
        kept.append(x)
        return x + 1

    for number in range(5):
        ask(server, "m", x=np.full((1, 50_000), number, np.float32))
    server.unload("m")
    assert [int(array[0, -1]) for array in kept] == [0, 1, 2, 3, 4]


def test_optional_inputs(server):
    @server.model("m", inputs=[FLOATS, Tensor("bias", np.float32, (1,), optional=True)], outputs=[RESULT])
    def function(x, bias=None):
        return x if bias is None else x + bias

    assert np.array_equal(ask(server, "m", x=ONES)["y"], ONES)
    assert np.array_equal(ask(server, "m", x=ONES, bias=np.array([[2]], np.float32))["y"], ONES + 2)


def bad(value):
    def function(x):
        if isinstance(value, BaseException):
            raise value
        return value

    return function


F = np.float32


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "function 'm' returned NoneType, not a dict, list or tuple of its 1 outputs or an array"),
        ({"z": ONES}, "function 'm' returned the outputs ['z'], declared are ['y']"),
        ([ONES, ONES], "function 'm' returned 2 outputs, declared are 1"),
        (np.ones((1, 3)), "output 'y' of function 'm' is float64, declared is float32"),
        (np.ones(3, F), "output 'y' of function 'm' has the shape [3], declared is [batch, -1]"),
        (F(1), "output 'y' of function 'm' has the shape [], declared is [batch, -1]"),
        (np.ones((2, 3), F), "output 'y' of function 'm' has 2 rows for a batch of 1"),
        ([["a"]], "output 'y' of function 'm' cannot be converted to float32: could not convert string to float: 'a'"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_wrong_outputs_are_errors_of_the_request(server, value, text):
    server.model("m", inputs=[FLOATS], outputs=[RESULT])(bad(value))
    error = refused(server, "m", x=ONES)
    assert error.code is Code.INTERNAL
    assert error.text.startswith(f"Failed to process the request(s) for model 'm', message: {text}")
    assert server.model("m").ready()


def test_exceptions_are_errors_of_the_request(server):
    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    def function(x):
        if x[0, 0] < 0:
            raise ValueError("negative")
        return x

    text = refused(server, "m", x=-ONES).text
    assert "ValueError: negative" in text
    assert "triton_lite" not in text.partition("At:")[2]
    assert np.array_equal(ask(server, "m", x=ONES)["y"], ONES)


def test_a_function_chooses_the_code_of_its_error(server):
    server.model("m", inputs=[FLOATS], outputs=[RESULT])(bad(TritonError(Code.NOT_FOUND, "no such thing")))
    error = refused(server, "m", x=ONES)
    assert (error.code, error.text) == (Code.NOT_FOUND, "no such thing")


def test_requests_are_checked_before_the_function_sees_them(server):
    @server.model("m", inputs=[Tensor("x", np.float32, (3,))], outputs=[RESULT], batching=2)
    def function(x):
        raise AssertionError

    assert "unexpected shape for input 'x'" in refused(server, "m", x=np.ones((1, 4), F)).text
    assert "batch-size must be <= 2" in refused(server, "m", x=np.ones((3, 3), F)).text
    assert "expected 1 inputs but got 0" in refused(server, "m").text


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


def test_functions_declared_before_the_start():
    server = triton_lite.Server()

    @server.model(inputs=[FLOATS], outputs=[RESULT])
    def early(x):
        return x

    for _ in range(2):  # Also of a server that is started again.
        with server:
            assert np.array_equal(ask(server, "early", x=ONES)["y"], ONES)


def test_unloading_and_declaring_again(server):
    for factor in (2, 3):
        server.model("m", inputs=[FLOATS], outputs=[RESULT])(lambda x, factor=factor: factor * x)
        assert np.array_equal(ask(server, "m", x=ONES)["y"], factor * ONES)
        server.unload("m")
        assert refused(server, "m", x=ONES).code in (Code.UNAVAILABLE, Code.NOT_FOUND)
    assert server.ready()


def test_requests_in_flight_end_on_a_function_that_is_unloaded(server):
    entered, go = threading.Event(), threading.Event()

    @server.model("m", inputs=[FLOATS], outputs=[RESULT])
    def function(x):
        entered.set()
        go.wait(60)
        return x

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server, "m", x=ONES)
        assert entered.wait(60)
        server.unload("m")
        go.set()
        assert np.array_equal(answer.result()["y"], ONES)


def test_names_that_exist_are_refused(tmp_path: Path):
    write_identity(tmp_path)
    declare = {"inputs": [FLOATS], "outputs": [RESULT]}
    with triton_lite.Server(tmp_path, model_control_mode="explicit") as server:
        server.model("m", **declare)(lambda x: x)
        for name in ("m", "plain_identity"):  # Whether or not it is loaded.
            with pytest.raises(TritonError) as raised:
                server.model(name, **declare)(lambda x: x)
            assert raised.value.code is Code.ALREADY_EXISTS
        server.load("plain_identity")
        assert server.model("plain_identity").ready()


@pytest.mark.parametrize("mode", ["none", "poll", "explicit"])
def test_beside_a_repository(tmp_path: Path, mode):
    write_identity(tmp_path)
    write_ensemble(tmp_path)
    names = ["plain_identity", "chain"]
    options = {"load_model": names} if mode == "explicit" else {}
    server = triton_lite.Server(tmp_path, model_control_mode=mode, repository_poll_secs=1, **options)
    server.model("double", inputs=[FLOATS], outputs=[RESULT])(lambda x: 2 * x)
    with server:
        assert {entry.name: entry.state for entry in server.models()} == dict.fromkeys([*names, "double"], "READY")
        assert np.array_equal(ask(server, "chain", IN=ONES)["OUT"], 4 * ONES)
        if mode == "explicit":  # A client may unload and load it like any other.
            server.call("RepositoryModelUnload", unload_request("double"))
            assert not server.model("double").ready()
            server.load("double")
            assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)
        server.unload("double")
        assert refused(server, "chain", IN=ONES).code in (Code.UNAVAILABLE, Code.NOT_FOUND)


def unload_request(name: str):
    from triton_lite.proto import messages

    return messages.RepositoryModelUnloadRequest(model_name=name)


def write_ensemble(repository: Path) -> None:
    (repository / "chain" / "1").mkdir(parents=True)
    (repository / "chain" / "config.pbtxt").write_text(
        """
platform: "ensemble"
max_batch_size: 8
input { name: "IN" data_type: TYPE_FP32 dims: -1 }
output { name: "OUT" data_type: TYPE_FP32 dims: -1 }
ensemble_scheduling {
  step { model_name: "double" model_version: -1
         input_map { key: "x" value: "IN" } output_map { key: "y" value: "once" } }
  step { model_name: "double" model_version: -1
         input_map { key: "x" value: "once" } output_map { key: "y" value: "OUT" } }
}
"""
    )


def test_polls_do_not_touch_functions(tmp_path: Path):
    write_identity(tmp_path)
    server = triton_lite.Server(tmp_path, model_control_mode="poll", repository_poll_secs=1)
    server.model("double", inputs=[FLOATS], outputs=[RESULT])(lambda x: 2 * x)
    with server:
        (tmp_path / "plain_identity").rename(tmp_path / "renamed")
        deadline = threading.Event()
        for _ in range(600):
            with contextlib.suppress(TritonError):
                if server.model("renamed").ready():
                    break
            deadline.wait(0.1)
        assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)


def test_nothing_stays_of_a_function(server):
    class Heavy:
        pass

    heavy = Heavy()
    import weakref

    gone = weakref.ref(heavy)
    server.model("m", inputs=[FLOATS], outputs=[RESULT])(lambda x, heavy=heavy: x)
    ask(server, "m", x=ONES)
    del heavy
    server.unload("m")
    for _ in range(600):
        gc.collect()
        if gone() is None and not [thread for thread in threading.enumerate() if thread.name.startswith("function-m")]:
            return
        threading.Event().wait(0.1)
    raise AssertionError("the function is still there")


def test_the_program_of_the_documentation():
    text = (Path(__file__).resolve().parents[1] / "docs" / "functions.md").read_text()
    program = text.partition("```python\n")[2].partition("server.serve_forever()")[0]
    names: dict = {}
    exec(program, names)
    with names["server"] as server:
        assert np.array_equal(ask(server, "double", x=ONES)["y"], 2 * ONES)


SCRIPTS = {
    "forgets to stop": "",
    "hangs": "threading.Thread(target=lambda: ask(-ONES), daemon=True).start()\nentered.wait()",
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_a_program_ends_whatever_its_functions_do(tmp_path: Path, case):
    script = tmp_path / "program.py"
    script.write_text(
        f"""
import threading, numpy as np, triton_lite
from triton_lite import Tensor
ONES = np.ones((1, 3), np.float32)
entered = threading.Event()
server = triton_lite.Server(exit_timeout_secs=1)
@server.model("m", inputs=[Tensor("x", np.float32, (-1,))], outputs=[Tensor("y", np.float32, (-1,))])
def function(x):
    if x[0, 0] < 0:
        entered.set()
        threading.Event().wait()
    return x
server.start()
ask = lambda value: server.model("m").infer({{"x": value}})
ask(ONES)
{SCRIPTS[case]}
print("end")
"""
    )
    done = run_script(sys.executable, script)
    assert (done.returncode, done.stdout) == (0, "end\n"), done.stderr
