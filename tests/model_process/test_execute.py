"""What execute may return, and what becomes of requests when it does not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from model_process.model_in_thread import InThread
from model_process.records import Asked, Value

FAILED = "Failed to process the request(s) for model 'model_0', message: "


class Model:
    """Runs a function for each batch."""

    def __init__(self, run: Any) -> None:
        self.execute = run


def response(value: int = 0, **more: Any) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([value]))], **more)


def raise_value_error(_: Any) -> None:
    raise ValueError("bad value")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def line_of(function: Callable[..., Any], offset: int = 1) -> str:
    code = function.__code__
    return f"  {code.co_filename}({code.co_firstlineno + offset}): {code.co_name}\n"


def test_an_exception_is_told_with_its_frames_the_deepest_first() -> None:
    def run(requests: list[Any]) -> list[Any]:
        return [raise_value_error(request) for request in requests][:0]

    with InThread(Model(run)) as model:
        answers = model.engine.run(Asked([]), Asked([]))
    comprehension = line_of(run).replace(": run", ": <listcomp>") if sys.version_info < (3, 12) else ""
    text = f"{FAILED}ValueError: bad value\n\nAt:\n{line_of(raise_value_error)}{comprehension}{line_of(run)}"
    assert [(answer.flags, answer.code, answer.error) for answer in answers] == [(22, 13, text)] * 2
    assert model.logged == [text]


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (pb_utils.TritonModelException("own text"), "TritonModelException: own text\n\nAt:\n"),
        (KeyError("k"), "KeyError: 'k'\n\nAt:\n"),
        (SystemExit(3), "SystemExit: 3\n\nAt:\n"),
        (KeyboardInterrupt(), "KeyboardInterrupt: <EMPTY MESSAGE>\n\nAt:\n"),
        (Unprintable(), "Unprintable: <MESSAGE UNAVAILABLE>\n\nAt:\n"),
    ],
)
def test_whatever_is_raised_answers_the_requests_and_the_model_goes_on(error: BaseException, start: str) -> None:
    def run(requests: list[Any]) -> list[Any]:
        if requests[0].request_id() == "fail":
            raise error
        return [response(1)]

    with InThread(Model(run)) as model:
        (failed,) = model.engine.run(Asked([], id="fail"))
        assert failed.error.startswith(FAILED + start)
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 1


def test_an_error_of_the_interface_shows_no_frame_of_it() -> None:
    def run(_: list[Any]) -> None:
        pb_utils.Tensor("", np.zeros(1))

    with InThread(Model(run)) as model:
        (answer,) = model.engine.run(Asked([]))
    text = f"{FAILED}TritonModelException: Tensor name cannot be an empty string.\n\nAt:\n{line_of(run)}"
    assert answer.error == text


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        ((1,), "Expected a list in the execute return, found type '<class 'tuple'>'."),
        (
            [],
            "Number of InferenceResponse objects do not match the number of InferenceRequest objects. "
            "InferenceRequest(s) size is:1, and InferenceResponse(s) size is:0\n",
        ),
        (
            [5],
            "Expected an 'InferenceResponse' object in the execute function return list, found type '<class 'int'>'.",
        ),
    ],
)
def test_a_wrong_return(returned: Any, text: str) -> None:
    with InThread(Model(lambda _: returned)) as model:
        (answer,) = model.engine.run(Asked([]))
    assert (answer.flags, answer.code, answer.error) == (22, 13, FAILED + text)


def test_a_model_without_execute() -> None:
    with InThread(object()) as model:
        (answer,) = model.engine.run(Asked([]))
    assert answer.error == f"{FAILED}Python model /models/model/1/model.py does not implement `execute` method."


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (pb_utils.TritonError.UNKNOWN, 2),
        (pb_utils.TritonError.INTERNAL, 13),
        (pb_utils.TritonError.NOT_FOUND, 5),
        (pb_utils.TritonError.INVALID_ARG, 3),
        (pb_utils.TritonError.UNAVAILABLE, 14),
        (pb_utils.TritonError.UNSUPPORTED, 12),
        (pb_utils.TritonError.ALREADY_EXISTS, 6),
        (pb_utils.TritonError.CANCELLED, 1),
        (None, 13),
    ],
)
def test_errors_of_single_requests(code: Any, status: int) -> None:
    error = pb_utils.TritonError("text ä") if code is None else pb_utils.TritonError("text ä", code)

    def run(_: list[Any]) -> list[Any]:
        return [response(1), response(2, error=error), response(3)]

    with InThread(Model(run)) as model:
        first, second, third = model.engine.run(Asked([]), Asked([]), Asked([]))
    assert (first.output("OUT")[0], third.output("OUT")[0]) == (1, 3)
    assert (second.flags, second.code, second.error, second.outputs) == (6, status, "text ä", [])


def test_rescheduled_requests() -> None:
    def run(requests: list[Any]) -> list[Any]:
        requests[0].set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
        return [None, response(1)]

    with InThread(Model(run)) as model:
        first, second = model.engine.run(Asked([]), Asked([]))
    assert (first.flags, second.flags) == (8, 5)


def test_a_rescheduled_request_must_have_no_response() -> None:
    def run(requests: list[Any]) -> list[Any]:
        requests[0].set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
        return [response()]

    with InThread(Model(run)) as model:
        (answer,) = model.engine.run(Asked([]))
    assert answer.error.startswith(
        f"{FAILED}Expected a None object in the execute function return list for reschduled request, found type '<class"
    )


def test_decoupled_models_must_return_none() -> None:
    with InThread(Model(lambda _: [response()]), decoupled=True) as model:
        (answer,) = model.engine.run(Asked([]))
    assert answer.error == (
        f"{FAILED}Python model 'model_0' is using the decoupled mode and the execute function must return None."
    )


def test_a_decoupled_failure_ends_the_requests_that_are_open() -> None:
    def run(requests: list[Any]) -> None:
        requests[0].get_response_sender().send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        requests[1].get_response_sender().send(response(1))
        raise ValueError

    with InThread(Model(run), decoupled=True) as model:
        first, second, third = Asked([]), Asked([]), Asked([])
        batch = model.engine.send(first, second, third)
        assert [(answer.key, answer.flags) for answer in model.engine.next()[2]] == [(first.key, 4)]
        assert [(answer.key, answer.flags) for answer in model.engine.next()[2]] == [(second.key, 1)]
        kind, number, answers = model.engine.next()
        assert (kind, number) == ("executed", batch)
        assert [(answer.key, answer.flags) for answer in answers] == [(second.key, 22), (third.key, 22)]


def test_decoupled_rescheduling() -> None:
    def run(requests: list[Any]) -> None:
        (request,) = requests
        sender = request.get_response_sender()
        if request.request_id() == "again":
            request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
            sender.send(response(1))
        else:
            sender.send(response(2), flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    with InThread(Model(run), decoupled=True) as model:
        request = Asked([], id="again")
        model.engine.send(request)
        assert [answer.flags for answer in model.engine.next()[2]] == [1]
        assert [(answer.key, answer.flags) for answer in model.engine.next()[2]] == [(request.key, 8)]
        model.engine.send(Asked([]))
        assert [answer.flags for answer in model.engine.next()[2]] == [5]
        assert model.engine.next()[2] == []


def test_batches_that_wait_are_taken_one_after_the_other() -> None:
    with InThread(Model(lambda requests: [response(len(request.inputs())) for request in requests])) as model:
        batches = [model.engine.send(Asked([]), Asked([Value.of("IN", np.zeros(1))])) for _ in range(20)]
        assert [model.engine.next()[1] for _ in range(20)] == batches


def test_the_text_names_files_as_python_does() -> None:
    with InThread(Model(raise_value_error)) as model:
        (answer,) = model.engine.run(Asked([]))
    assert os.path.abspath(__file__) in answer.error
