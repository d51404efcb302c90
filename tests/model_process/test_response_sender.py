"""Response senders: what may be sent in which order, from which thread."""

from __future__ import annotations

import gc
import queue
import threading
import time
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from model_process.model_in_thread import InThread
from model_process.records import Answer, Asked

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class Model:
    """Runs a function for each batch; keeps the errors that it names."""

    def __init__(self, run: Any) -> None:
        self.execute = run


def response(value: int = 0) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([value]))])


def refusal(action: Any) -> str:
    with pytest.raises(pb_utils.TritonModelException) as raised:
        action()
    return str(raised.value)


def collect(model: InThread, batch: int) -> tuple[list[Answer], list[Answer]]:
    """Return the records sent by senders and those of EXECUTED, in order, up to EXECUTED."""
    sent: list[Answer] = []
    while True:
        kind, number, answers = model.engine.next()
        if kind == "executed":
            assert number == batch
            return sent, answers
        sent += answers


def test_decoupled_responses_until_the_final_flag() -> None:
    texts: list[str] = []

    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        assert requests[0].get_response_sender() is sender
        for value in range(3):
            sender.send(response(value))
        sender.send(response(3), FINAL)
        texts.append(refusal(lambda: sender.send(response(4))))
        texts.append(refusal(lambda: sender.send(flags=FINAL)))

    with InThread(Model(run), decoupled=True) as model:
        sent, executed = collect(model, model.engine.send(Asked([])))
    assert [(answer.flags, answer.output("OUT")[0]) for answer in sent] == [(1, 0), (1, 1), (1, 2), (5, 3)]
    assert executed == []
    assert texts == ["Unable to send response. Response sender has been closed."] * 2


def test_wrong_arguments() -> None:
    texts: list[str] = []

    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        texts.append(refusal(lambda: sender.send(response(), 5)))
        texts.append(refusal(lambda: sender.send()))
        for arguments in ((5,), (None, None), (None, -1), (response(), "x")):
            with pytest.raises(TypeError, match="incompatible function arguments"):
                sender.send(*arguments)
        sender.send(flags=FINAL)

    with InThread(Model(run), decoupled=True) as model:
        sent, _ = collect(model, model.engine.send(Asked([])))
    assert [answer.flags for answer in sent] == [4]
    assert texts == [
        "Unable to send response. Unsupported flag provided.",
        "Inference Response object must be provided when the response flags is set to zero.",
    ]


def test_a_request_of_the_models_own_has_a_sender_that_sends_nothing() -> None:
    request = pb_utils.InferenceRequest(inputs=[], requested_output_names=[], model_name="m")
    assert refusal(lambda: request.get_response_sender().send(response())) == (
        "Unable to send response. Response sender has no reference to the decoupled state of the model."
    )
    assert request.is_cancelled() is False


def test_a_plain_model_answers_by_its_sender() -> None:
    """One response, with the final flag or followed by it, before execute returns or after."""
    senders: list[Any] = []

    def run(requests: list[Any]) -> list[Any] | None:
        senders[:] = [request.get_response_sender() for request in requests]
        senders[0].send(response(1), FINAL)
        senders[1].send(response(2))
        return None if requests[0].request_id() == "none" else [None, None, None]

    with InThread(Model(run)) as model:
        for id in ("none", "list"):
            requests = [Asked([], id=id), Asked([]), Asked([])]
            sent, executed = collect(model, model.engine.send(*requests))
            assert [(answer.key, answer.flags) for answer in sent] == [(requests[0].key, 5), (requests[1].key, 1)]
            assert [(answer.key, answer.flags) for answer in executed] == [(request.key, 0) for request in requests]
            senders[1].send(flags=FINAL)
            senders[2].send(response(3), FINAL)
            later = [model.engine.next()[2][0] for _ in range(2)]
            assert [(answer.key, answer.flags) for answer in later] == [(requests[1].key, 4), (requests[2].key, 5)]


def test_a_plain_model_sends_one_response() -> None:
    texts: list[str] = []

    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        texts.append(refusal(lambda: sender.send(flags=FINAL)))
        sender.send(response())
        texts.append(refusal(lambda: sender.send(response())))
        sender.send(flags=FINAL)

    with InThread(Model(run)) as model:
        collect(model, model.engine.send(Asked([])))
    assert texts == [
        "Unable to send response. Non-decoupled model cannot send complete final before sending a response.",
        "Unable to send response. Non-decoupled model cannot send more than one response.",
    ]


def test_a_response_by_the_sender_and_another_returned() -> None:
    def run(requests: list[Any]) -> list[Any]:
        sender = requests[0].get_response_sender()
        sender.send(response(1), FINAL)
        return [response(2), response(3)]

    with InThread(Model(run)) as model:
        sent, executed = collect(model, model.engine.send(Asked([]), Asked([])))
    assert [answer.flags for answer in sent] == [5]
    assert [answer.flags for answer in executed] == [0, 22]
    assert executed[1].error == (
        "Failed to process the request(s) for model 'model_0', message: "
        "Unable to send response. Non-decoupled model cannot send more than one response."
    )


def test_a_sender_that_was_not_used_leaves_the_answer_to_the_return() -> None:
    senders: list[Any] = []

    def run(requests: list[Any]) -> list[Any]:
        senders.append(requests[0].get_response_sender())
        return [response(1)]

    with InThread(Model(run)) as model:
        assert model.engine.run(Asked([]))[0].flags == 5
        assert refusal(lambda: senders[0].send(response())) == (
            "Unable to send response. Non-decoupled model cannot send more than one response."
        )


@pytest.mark.parametrize("decoupled", [False, True])
def test_a_request_that_nobody_can_answer_any_longer_ends_with_an_error(decoupled: bool) -> None:
    def run(requests: list[Any]) -> None:
        if decoupled:
            requests[0].get_response_sender().send(response())

    with InThread(Model(run), decoupled=decoupled) as model:
        request = Asked([])
        model.engine.send(request)
        messages = [model.engine.next() for _ in range(3 if decoupled else 2)]
        (answer,) = next(answers for _, _, answers in messages if answers and answers[0].flags & 2)
        assert (answer.key, answer.flags, answer.code) == (request.key, 6, 13)
        assert answer.error == "The request's response sender was dropped before it had sent the final flag."


def test_many_threads_send_at_once() -> None:
    def run(requests: list[Any]) -> None:
        def stream(sender: Any, number: int) -> None:
            for value in range(100):
                sender.send(response(1000 * number + value))
            sender.send(flags=FINAL)

        for number, request in enumerate(requests):
            threading.Thread(target=stream, args=(request.get_response_sender(), number), daemon=True).start()

    with InThread(Model(run), decoupled=True) as model:
        requests = [Asked([]) for _ in range(8)]
        model.engine.send(*requests)
        values: dict[int, list[int]] = {request.key: [] for request in requests}
        finals = 0
        while finals < len(requests):
            for answer in model.engine.next()[2]:
                if answer.final:
                    finals += 1
                else:
                    values[answer.key].append(int(answer.output("OUT")[0]))
        for number, request in enumerate(requests):
            assert values[request.key] == [1000 * number + value for value in range(100)]


def test_cancellation_is_asked_of_the_engine() -> None:
    seen: list[bool] = []

    def run(requests: list[Any]) -> list[Any]:
        seen.append(requests[0].is_cancelled())
        seen.append(requests[0].get_response_sender().is_cancelled())
        return [response()]

    with InThread(Model(run)) as model:
        model.engine.run(Asked([]))
        request = Asked([], key=99)
        model.engine.cancelled.add(99)
        model.engine.run(request)
    assert seen == [False, False, True, True]


def test_only_wanted_outputs_are_streamed() -> None:
    def run(requests: list[Any]) -> None:
        outputs = [pb_utils.Tensor(name, np.zeros(1)) for name in "AB"]
        requests[0].get_response_sender().send(pb_utils.InferenceResponse(outputs), FINAL)

    with InThread(Model(run), decoupled=True) as model:
        sent, _ = collect(model, model.engine.send(Asked([], outputs='["B"]')))
    assert [value.name for value in sent[0].outputs] == ["B"]


def test_a_large_response_is_a_copy_at_the_moment_of_sending() -> None:
    """The model goes on to write upon its array: what was sent stays what it was."""

    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        array = requests[0].inputs()[0].as_numpy()
        for value in range(3):
            array.fill(value)
            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", array)]))
        array.fill(9)
        sender.send(flags=FINAL)

    from model_process.records import Value

    with InThread(Model(run), decoupled=True) as model:
        sent, _ = collect(model, model.engine.send(Asked([Value.of("IN", np.zeros(100000, np.float32))])))
        assert [set(answer.output("OUT").tolist()) for answer in sent[:3]] == [{0.0}, {1.0}, {2.0}]
        assert all(answer.outputs[0].where == 1 for answer in sent[:3])
        gc.collect()


PAUSE, RESUME = 5, 6


def test_a_paused_request_waits_and_others_go_on() -> None:
    go: queue.Queue[int] = queue.Queue()

    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        if requests[0].request_id() != "slow":
            return sender.send(response(7), FINAL)

        def send_all() -> None:
            for value in range(2):
                go.get()
                sender.send(response(value))
            sender.send(flags=FINAL)

        threading.Thread(target=send_all).start()
        return None

    with InThread(Model(run), decoupled=True) as model:
        engine = model.engine
        slow = Asked([], id="slow")
        collect(model, engine.send(slow))
        go.put(1)
        assert engine.next()[2][0].output("OUT")[0] == 0
        engine.execute.send(PAUSE, slow.key)
        # What comes behind the pause is answered: so the pause was read.
        assert collect(model, engine.send(Asked([])))[0][0].output("OUT")[0] == 7
        go.put(1)
        for _ in range(50):
            assert [answer.key for answer in collect(model, engine.send(Asked([])))[0]] != [slow.key]
        assert engine.answers.empty()
        engine.execute.send(RESUME, slow.key)
        assert engine.next()[2][0].output("OUT")[0] == 1
        assert engine.next()[2][0].final


def test_a_model_that_sends_within_execute_sees_that_it_is_to_wait() -> None:
    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        for value in range(1000):
            sender.send(response(value))
        sender.send(flags=FINAL)

    with InThread(Model(run), decoupled=True) as model:
        engine = model.engine
        asked = Asked([], key=5)
        engine.execute.send(PAUSE, asked.key)
        batch = engine.send(asked)
        # The next batch waits its turn; nobody reads the socket but the thread that sends.
        following = Asked([], key=6)
        behind = engine.send(following)
        while not model.execute_lane._waiting and model.execute_lane._paused != {5}:
            time.sleep(0.001)
        engine.execute.send(RESUME, asked.key)
        sent, _ = collect(model, batch)
        assert [answer.output("OUT")[0] for answer in sent if answer.outputs] == list(range(1000))
        assert len(collect(model, behind)[0]) == 1001


def test_a_sender_may_end_while_another_thread_is_sending() -> None:
    """As in a collection amid a send of whichever thread: the end itself waits for nobody."""
    senders: list[Any] = []

    def run(requests: list[Any]) -> None:
        senders.append(requests[0].get_response_sender())

    with InThread(Model(run), decoupled=True) as model:
        model.engine.send(Asked([]))
        assert model.engine.next()[0] == "executed"
        ended = threading.Event()

        def end() -> None:
            senders.clear()
            ended.set()

        with model.execute_lane._sending:
            threading.Thread(target=end, daemon=True).start()
            assert ended.wait(20)
        assert [answer.flags for answer in model.engine.next()[2]] == [6]
