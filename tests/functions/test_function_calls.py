"""Functions as models: what they are given, and what becomes of what they return."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest
from functions.asking import FLOATS, ONES, RESULT, ask, refused

import triton_lite
from triton_lite import DynamicBatching, Tensor
from triton_lite.errors import Code, TritonError


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


def counted(server, what, labels=""):
    pattern = rf'^nv_inference_request_{what}{{model="m"{labels},version="1"}} (\d+)$'
    (value,) = re.findall(pattern, server.metrics(), re.M)
    return int(value)


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
    assert (counted(server, "success"), counted(server, "failure", ',reason="BACKEND"')) == (1, 1)


def test_a_function_chooses_the_code_of_its_error(server):
    server.model("m", inputs=[FLOATS], outputs=[RESULT])(bad(TritonError(Code.NOT_FOUND, "no such thing")))
    error = refused(server, "m", x=ONES)
    assert (error.code, error.text) == (Code.NOT_FOUND, "no such thing")
    # An answer as Triton's Python models give it.
    assert (counted(server, "success"), counted(server, "failure", ',reason="BACKEND"')) == (1, 0)


def test_requests_are_checked_before_the_function_sees_them(server):
    @server.model("m", inputs=[Tensor("x", np.float32, (3,))], outputs=[RESULT], batching=2)
    def function(x):
        raise AssertionError

    assert "unexpected shape for input 'x'" in refused(server, "m", x=np.ones((1, 4), F)).text
    assert "batch-size must be <= 2" in refused(server, "m", x=np.ones((3, 3), F)).text
    assert "expected 1 inputs but got 0" in refused(server, "m").text
