"""Who holds which memory how long: blocks of the engine's, arrays of the model's."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from model_process.model_in_thread import InThread
from model_process.records import Asked, Value

BIG = 1 << 18


def big(value: float = 0) -> Any:
    return np.full(BIG, value, np.float32)


class Model:
    """Runs a function for each batch."""

    def __init__(self, run: Any) -> None:
        self.execute = run


def one_output(array: Any) -> list[Any]:
    return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", array)])]


def test_an_input_given_back_goes_by_place_and_its_block_goes_back_with_the_answer() -> None:
    with InThread(Model(lambda requests: one_output(requests[0].inputs()[0].as_numpy()))) as model:
        for number in range(5):
            answer = model.engine.ask(IN=big(number))
            assert answer.outputs[0].where == 2
            np.testing.assert_array_equal(answer.output("OUT"), big(number))
            assert not model.engine.execute.arena.blocks
        assert model.engine.execute.arena.released == 5
        assert model.engine.taken == 0


def test_a_part_of_an_input_goes_by_place() -> None:
    def run(requests: list[Any]) -> list[Any]:
        array = requests[0].inputs()[0].as_numpy()
        return one_output(array[1000 : BIG // 2])

    with InThread(Model(run)) as model:
        array = np.arange(BIG, dtype=np.float32)
        answer = model.engine.ask(IN=array)
        assert answer.outputs[0].where == 2
        np.testing.assert_array_equal(answer.output("OUT"), array[1000 : BIG // 2])


def test_an_output_of_the_models_own_goes_by_address_until_it_is_taken() -> None:
    made: list[Any] = []

    def run(_: list[Any]) -> list[Any]:
        array = big(7)
        made.append((weakref.ref(array), array.__array_interface__["data"][0]))
        return one_output(array)

    with InThread(Model(run)) as model:
        model.engine.take = False
        answer = model.engine.ask()
        ((reference, address),) = made
        assert (answer.outputs[0].where, answer.outputs[0].place) == (1, address)
        assert reference() is not None, "let go of before the engine had taken it"
        assert model.execute_lane.untaken == 1
        model.engine.give_taken()
        model.engine.ask()
        assert reference() is None


def test_a_view_that_holds_its_base_alone_goes_without_a_copy() -> None:
    addresses: list[int] = []

    def run(_: list[Any]) -> list[Any]:
        array = np.zeros((4, BIG // 4), np.float32).reshape(-1)
        addresses.append(array.__array_interface__["data"][0])
        return one_output(array)

    with InThread(Model(run)) as model:
        assert model.engine.ask().outputs[0].place == addresses[0]


def test_arrays_that_somebody_else_has_are_copied() -> None:
    """A model that writes upon its buffers again must not change what it has answered."""
    kept: dict[str, Any] = {"array": big(), "base": big(), "part": None, "tensor": None, "response": None}

    def run(requests: list[Any]) -> list[Any]:
        how = requests[0].request_id()
        if how == "array":
            array = kept["array"]
        elif how == "base":
            array = kept["base"].reshape(512, -1)
        else:
            array = big()
        address = array.__array_interface__["data"][0]
        array.fill(1)
        if how == "part":
            kept["part"] = array[:1]
        responses = one_output(array)
        if how == "tensor":
            kept["tensor"] = responses[0].output_tensors()[0]
        if how == "response":
            kept["response"] = responses[0]
        kept["address"] = address
        return responses

    with InThread(Model(run)) as model:
        for how in ("array", "base", "part", "tensor", "response"):
            (answer,) = model.engine.run(Asked([], id=how))
            assert answer.outputs[0].where == 1
            assert answer.outputs[0].place != kept["address"], how
        (answer,) = model.engine.run(Asked([], id="nobody"))
        assert answer.outputs[0].place == kept["address"]


def test_an_input_that_the_model_keeps_is_copied_and_its_block_stays() -> None:
    kept: list[Any] = []

    def run(requests: list[Any]) -> list[Any]:
        kept.append(requests[0].inputs()[0].as_numpy())
        return one_output(kept[-1])

    with InThread(Model(run)) as model:
        answer = model.engine.ask(IN=big(3))
        assert answer.outputs[0].where == 1
        assert len(model.engine.execute.arena.blocks) == 1
        assert kept[0][5] == 3
        model.engine.ask(IN=big(4))
        kept.clear()
        assert model.engine.execute.arena.wait_until_empty()


def test_a_block_whose_last_array_another_thread_drops_goes_back_at_once() -> None:
    kept: list[Any] = []
    released = threading.Event()

    def run(requests: list[Any]) -> list[Any]:
        kept.extend(tensor.as_numpy() for tensor in requests[0].inputs())
        return [pb_utils.InferenceResponse([])]

    with InThread(Model(run)) as model:
        original = model.engine.execute.arena.release

        def release(place: int) -> None:
            original(place)
            released.set()

        model.engine.execute.arena.release = release  # type: ignore[method-assign]
        model.engine.ask(IN=big())
        assert not released.is_set()
        kept.clear()
        assert released.wait(10)


def test_a_region_that_is_gone_stays_mapped_while_an_array_needs_it() -> None:
    kept: list[Any] = []

    def run(requests: list[Any]) -> list[Any]:
        kept.extend(tensor.as_numpy() for tensor in requests[0].inputs())
        return [pb_utils.InferenceResponse([])]

    with InThread(Model(run)) as model:
        arena = model.engine.execute.arena
        model.engine.ask(IN=big(9))
        arena.drop_region(0)
        model.engine.ask()
        assert kept[0][BIG - 1] == 9
        assert model.execute_lane.arena.place_of(kept[0].__array_interface__["data"][0], 4) is None
        kept.clear()


def test_files_carry_what_may_not_be_read() -> None:
    with InThread(Model(lambda _: one_output(big(5))), read_memory=False) as model:
        for _ in range(3):
            answer = model.engine.ask()
            assert answer.outputs[0].where == 1
            np.testing.assert_array_equal(answer.output("OUT"), big(5))
        assert model.engine.taken == 0
        assert model.execute_lane.untaken == 0


def test_no_block_leaks_in_ten_thousand_requests() -> None:
    def run(requests: list[Any]) -> list[Any]:
        responses = []
        for request in requests:
            first, second = request.inputs()
            outputs = [pb_utils.Tensor("A", first.as_numpy()), pb_utils.Tensor("B", second.as_numpy() + 1)]
            responses.append(pb_utils.InferenceResponse(outputs))
        return responses

    small, large = np.zeros(4, np.int32), np.zeros(10000, np.int32)
    with InThread(Model(run)) as model:
        for _ in range(2500):
            model.engine.run(*(Asked([Value.of("A", large), Value.of("B", small)]) for _ in range(4)))
        assert not model.engine.execute.arena.blocks
        assert model.engine.execute.arena.released == 10000
        assert model.execute_lane.untaken == 0
        assert not model.execute_lane.released


def test_blocks_go_back_after_a_failure() -> None:
    def run(requests: list[Any]) -> list[Any]:
        array = requests[0].inputs()[0].as_numpy()
        raise ValueError(float(array[0]))

    with InThread(Model(run)) as model:
        answer = model.engine.ask(IN=big(2))
        assert "ValueError: 2.0" in answer.error
        gc.collect()
        assert model.engine.execute.arena.wait_until_empty()


def test_a_sender_waits_while_the_engine_has_much_to_take() -> None:
    """What a model streams may not pile up; it goes on when the engine has read some of it."""
    sent = threading.Semaphore(0)

    def run(requests: list[Any]) -> None:
        sender = requests[0].get_response_sender()
        for _ in range(12):
            sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.zeros(4 << 20, np.float32))]))
            sent.release()
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    with InThread(Model(run), decoupled=True) as model:
        model.engine.take = False
        model.engine.send(Asked([]))
        count = 0
        while count < 5:
            assert model.engine.next()[0] == "responses"
            count += 1
        assert model.execute_lane.untaken == 5
        model.engine.send(Asked([]))  # Read by the sender that waits, and not lost.
        model.engine.give_taken()
        finals = 0
        while finals < 2:
            kind, _, answers = model.engine.next()
            if kind == "responses":
                finals += answers[0].final
        assert sum(sent.acquire(blocking=False) for _ in range(100)) == 24
