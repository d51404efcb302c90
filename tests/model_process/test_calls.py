"""Inferences that a model makes of others, from any thread."""

from __future__ import annotations

import gc
import json
import threading
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from model_process.model_in_thread import InThread
from model_process.records import BF16, Asked, Inference, Reply, Value
from triton_lite_model.protocol import JOINS_TRACE


class Model:
    """Runs a function for each batch."""

    def __init__(self, run: Any) -> None:
        self.execute = run


def response(value: Any = 0) -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([value]))])


def request(*tensors: Any, name: str = "other", **more: Any) -> Any:
    return pb_utils.InferenceRequest(model_name=name, inputs=list(tensors), requested_output_names=["OUT"], **more)


def echo(inference: Inference) -> list[Reply]:
    return [
        Reply([Value(f"OUT{index}", one.datatype, one.shape, one.data) for index, one in enumerate(inference.inputs)])
    ]


def test_everything_that_a_request_has_reaches_the_engine() -> None:
    seen: list[Inference] = []

    def run(requests: list[Any]) -> list[Any]:
        inputs = [pb_utils.Tensor("A", np.arange(6, dtype=np.int16).reshape(2, 3)), pb_utils.Tensor("B", np.zeros(0))]
        pb_utils.InferenceRequest(
            request_id="ä",
            correlation_id="sequence",
            inputs=inputs,
            requested_output_names=["Y", "X", "Y"],
            model_name="öther",
            model_version=3,
            flags=pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START,
            timeout=1 << 40,
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU, 0),
            trace=requests[1].trace(),
            parameters={"a": "ü", "n": 1, "b": False},
        ).exec()
        pb_utils.InferenceRequest("", 7, [], [], "m").exec()
        return [response(), response()]

    def infer(inference: Inference) -> list[Reply]:
        seen.append(inference)
        return [Reply()]

    with InThread(Model(run)) as model:
        model.engine.infer = infer
        first, second = Asked([]), Asked([], trace='{"traceparent": "t"}')
        model.engine.run(first, second)
    full, bare = seen
    assert (full.model, full.version, full.id, full.correlation) == ("öther", 3, "ä", "sequence")
    assert (full.flags, full.timeout, full.decoupled, full.parent) == (1 | JOINS_TRACE, 1 << 40, False, second.key)
    assert bare.flags == 0
    assert (full.outputs, json.loads(full.parameters)) == (["X", "Y"], {"a": "ü", "n": 1, "b": False})
    assert full.trace == '{"traceparent": "t"}'
    assert [(one.name, one.datatype, one.shape) for one in full.inputs] == [("A", 7, (2, 3)), ("B", 12, (0,))]
    assert full.inputs[0].array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (bare.model, bare.version, bare.correlation, bare.outputs, bare.parameters) == ("m", -1, 7, [], "")
    assert bare.parent == first.key


@pytest.mark.parametrize("read_memory", [True, False])
def test_large_tensors_both_ways(read_memory: bool) -> None:
    """Of the model's own, of a request, of an inference before: each comes whole, and every block goes back."""
    wheres: list[list[int]] = []

    def run(requests: list[Any]) -> list[Any]:
        given = requests[0].inputs()[0]
        own = pb_utils.Tensor("IN", given.as_numpy() + 1)
        first = request(given, own).exec()
        outputs = first.output_tensors()
        second = request(*outputs).exec()
        return [pb_utils.InferenceResponse(second.output_tensors())]

    def infer(inference: Inference) -> list[Reply]:
        wheres.append([one.where for one in inference.inputs])
        return echo(inference)

    with InThread(Model(run), read_memory=read_memory) as model:
        model.engine.infer = infer
        array = np.arange(1 << 18, dtype=np.int32)
        for _ in range(5):
            answer = model.engine.ask(IN=array)
            np.testing.assert_array_equal(answer.output("OUT0"), array)
            np.testing.assert_array_equal(answer.output("OUT1"), array + 1)
            # Blocks of the other lane are no blocks of this one: they go by address, and without a copy.
            assert [one.where for one in answer.outputs] == [1, 1]
        model.engine.run(Asked([Value.of("IN", array)]))
        assert model.engine.execute.arena.wait_until_empty()
        assert model.engine.calls.arena.wait_until_empty()
    assert wheres[:2] == [[1, 1], [2, 2]]
    assert not model.execute_lane.untaken


def test_blocks_of_inferences_go_back() -> None:
    def run(_: list[Any]) -> list[Any]:
        for _ in range(50):
            answer = request(pb_utils.Tensor("IN", np.zeros(20000))).exec()
            assert answer.output_tensors()[0].as_numpy().shape == (20000,)
        return [response()]

    with InThread(Model(run)) as model:
        model.engine.infer = echo
        model.engine.run(Asked([]))
        assert model.engine.calls.arena.wait_until_empty()
        assert model.engine.calls.arena.released == 50


def test_errors_of_others_come_as_errors_with_their_code() -> None:
    errors: list[Any] = []

    def run(_: list[Any]) -> list[Any]:
        answer = request().exec()
        errors.append((answer.has_error(), answer.error().message(), answer.error().code(), answer.output_tensors()))
        return [response()]

    codes = [(2, "UNKNOWN"), (13, "INTERNAL"), (5, "NOT_FOUND"), (3, "INVALID_ARG"), (14, "UNAVAILABLE")]
    codes += [(12, "UNSUPPORTED"), (6, "ALREADY_EXISTS"), (1, "CANCELLED"), (4, "UNAVAILABLE"), (99, "UNKNOWN")]
    with InThread(Model(run)) as model:
        for status, _ in codes:
            model.engine.infer = lambda _, status=status: [Reply(error=f"ä{status}", code=status)]
            model.engine.run(Asked([]))
    assert errors == [(True, f"ä{status}", getattr(pb_utils.TritonError, name), []) for status, name in codes]


def test_response_parameters() -> None:
    seen: list[str] = []

    def run(_: list[Any]) -> list[Any]:
        seen.append(request().exec().parameters())
        return [response()]

    with InThread(Model(run)) as model:
        for text in ("", '{"a": 1}'):
            model.engine.infer = lambda _, text=text: [Reply(parameters=text)]
            model.engine.run(Asked([]))
    assert seen == ["{}", '{"a": 1}']


def test_an_answer_whose_final_flag_comes_apart() -> None:
    with InThread(Model(lambda _: [pb_utils.InferenceResponse(request().exec().output_tensors())])) as model:
        model.engine.infer = lambda _: [Reply([Value.of("OUT", np.array([5]))], last=False), Reply(empty=True)]
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 5
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 5


def test_a_decoupled_model_as_an_iterator() -> None:
    def run(_: list[Any]) -> list[Any]:
        stream = request().exec(decoupled=True)
        first = next(stream)
        values = [first.output_tensors()[0].as_numpy()[0]]
        values += [one.output_tensors()[0].as_numpy()[0] for one in stream if one.output_tensors()]
        with pytest.raises(StopIteration):
            next(stream)
        assert [len(one.output_tensors()) for one in stream] == [1, 1, 1, 0], "a second loop starts again"
        stream.cancel()  # Too late, and no harm.
        return [response(sum(values))]

    replies = [Reply([Value.of("OUT", np.array([value]))], last=False) for value in (1, 2, 3)]
    seen: list[bool] = []

    def infer(inference: Inference) -> list[Reply]:
        seen.append(inference.decoupled)
        return [*replies, Reply(empty=True)]

    with InThread(Model(run)) as model:
        model.engine.infer = infer
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 6
        assert model.engine.cancels.empty()
    assert seen == [True]


def test_cancelling_a_stream() -> None:
    def run(_: list[Any]) -> list[Any]:
        stream = request().exec(decoupled=True)
        stream.cancel()
        last = list(stream)[-1]
        return [response(int(last.error().code() == pb_utils.TritonError.CANCELLED))]

    with InThread(Model(run)) as model:
        numbers: list[int] = []

        def infer(inference: Inference) -> list[Reply]:
            model.engine.reply(inference.number, Reply([Value.of("OUT", np.zeros(1))], last=False))
            numbers.extend((inference.number, model.engine.cancels.get(timeout=20)))
            return [Reply(error="stopped", code=1)]

        model.engine.infer = infer
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 1
    assert numbers[0] == numbers[1]


def test_a_stream_that_is_dropped_is_read_to_its_end() -> None:
    """Its blocks go back, though nobody asks for what comes."""
    drained = threading.Event()

    def run(requests: list[Any]) -> list[Any]:
        if requests[0].request_id() == "drop":
            request().exec(decoupled=True)
        return [response()]

    with InThread(Model(run)) as model:
        release = model.engine.calls.arena.release
        count = 0

        def counted(place: int) -> None:
            nonlocal count
            release(place)
            count += 1
            if count == 10:
                drained.set()

        model.engine.calls.arena.release = counted  # type: ignore[method-assign]
        big = Value.of("OUT", np.zeros(20000))
        model.engine.infer = lambda _: [Reply([big], last=number == 9) for number in range(10)]
        model.engine.run(Asked([], id="drop"))
        gc.collect()
        model.engine.run(Asked([]))
        assert drained.wait(20)


def test_threads_get_each_its_own_answer() -> None:
    def run(_: list[Any]) -> list[Any]:
        wrong: list[Any] = []

        def ask(number: int) -> None:
            for turn in range(50):
                value = 1000 * number + turn
                answer = request(pb_utils.Tensor("IN", np.array([value]))).exec()
                if answer.output_tensors()[0].as_numpy()[0] != value:
                    wrong.append(value)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [response(len(wrong))]

    with InThread(Model(run)) as model:
        model.engine.infer = echo

        def adopt() -> None:
            from triton_lite_model import context

            context.serve_process(model.instance)

        adopt()
        assert model.engine.run(Asked([]))[0].output("OUT")[0] == 0


def test_a_thread_waits_while_another_reads() -> None:
    """The one whose answer is late reads first; the other is woken, and reads on when the first has gone."""
    order: list[str] = []
    started, quick_done = threading.Event(), threading.Event()

    def run(_: list[Any]) -> list[Any]:
        def ask(name: str) -> None:
            request(name=name).exec()
            order.append(name)
            if name == "quick":
                quick_done.set()

        slow = threading.Thread(target=ask, args=("slow",))
        slow.start()
        assert started.wait(20)
        quick = threading.Thread(target=ask, args=("quick",))
        quick.start()
        quick.join()
        slow.join()
        return [response()]

    def infer(inference: Inference) -> list[Reply]:
        if inference.model == "slow":
            started.set()
            assert quick_done.wait(20)
        return [Reply()]

    with InThread(Model(run)) as model:
        from triton_lite_model import context

        context.serve_process(model.instance)
        model.engine.infer = infer
        model.engine.run(Asked([]))
    assert order == ["quick", "slow"]


def test_inferences_are_for_execute_alone() -> None:
    from triton_lite_model import context

    context._process.clear()
    with pytest.raises(pb_utils.TritonModelException, match="BLS is only supported during the 'execute' function"):
        request().exec()


def test_calls_end_when_the_engine_is_gone() -> None:
    def run(_: list[Any]) -> list[Any]:
        answer = request().exec()
        return [pb_utils.InferenceResponse(error=answer.error())]

    with InThread(Model(run)) as model:
        import socket

        def infer(_: Inference) -> list[Reply]:
            model.engine.calls.connection.shutdown(socket.SHUT_RDWR)
            return []

        model.engine.infer = infer
        for _ in range(2):
            assert model.engine.run(Asked([]))[0].error == "An error occurred while performing BLS request."


def test_bf16_outputs_go_on() -> None:
    def run(_: list[Any]) -> list[Any]:
        tensor = request().exec().output_tensors()[0]
        with pytest.raises(pb_utils.TritonModelException, match="Tensor dtype is BF16 and cannot be converted"):
            tensor.as_numpy()
        return [pb_utils.InferenceResponse([tensor])]

    with InThread(Model(run)) as model:
        data = np.arange(3, dtype=np.uint16).tobytes()
        model.engine.infer = lambda _: [Reply([Value("OUT", BF16, (3,), data)])]
        output = model.engine.run(Asked([]))[0].outputs[0]
    assert (output.datatype, output.data) == (BF16, data)
