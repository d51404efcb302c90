"""Tensors of every datatype and shape, from the engine to numpy and back, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import triton_python_backend_utils as pb_utils
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from model_process.model_in_thread import InThread
from model_process.records import BF16, NUMBERS, Asked, Value


class Copies:
    """Gives every input back, as an array of its own, as an array upon the input, or as the tensor itself."""

    how = "array"

    def execute(self, requests: list[Any]) -> list[Any]:
        responses = []
        for request in requests:
            outputs = []
            for tensor in request.inputs():
                if self.how == "tensor":
                    outputs.append(tensor)
                elif self.how == "array":
                    outputs.append(pb_utils.Tensor(tensor.name(), tensor.as_numpy()))
                else:
                    outputs.append(pb_utils.Tensor(tensor.name(), tensor.as_numpy().copy()))
            responses.append(pb_utils.InferenceResponse(outputs))
        return responses


@pytest.fixture(scope="module", params=["memory read", "files"])
def served(request: pytest.FixtureRequest) -> Iterator[InThread]:
    with InThread(Copies(), read_memory=request.param == "memory read") as model:
        yield model
        assert not model.engine.execute.arena.blocks
        assert not model.execute_lane.untaken


def arrays() -> st.SearchStrategy[Any]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5)
    plain = st.sampled_from(list(NUMBERS)).flatmap(lambda dtype: hnp.arrays(dtype, shapes))
    texts = hnp.arrays(np.dtype(object), shapes, elements=st.binary(max_size=20), fill=st.just(b""))
    return plain | texts


@settings(max_examples=150, deadline=None)
@given(
    tensors=st.lists(arrays(), min_size=0, max_size=4),
    how=st.sampled_from(["tensor", "array", "copy"]),
    away=st.booleans(),
)
def test_every_tensor_comes_back_as_it_was(served: InThread, tensors: list[Any], how: str, away: bool) -> None:
    Copies.how = how
    served.engine.execute.away_always = away
    values = [Value.of(f"T{index}", array) for index, array in enumerate(tensors)]
    (answer,) = served.engine.run(Asked(values))
    assert answer.flags == 5 and answer.error == ""
    assert [(value.name, value.datatype, value.shape, value.data) for value in answer.outputs] == [
        (value.name, value.datatype, value.shape, value.data) for value in values
    ]


@pytest.mark.parametrize("how", ["tensor", "array", "copy"])
@pytest.mark.parametrize("size", [1, 8191, 8192, 8193, 16384, 65536, 1 << 20])
def test_sizes_around_the_limits(served: InThread, size: int, how: str) -> None:
    Copies.how = how
    served.engine.execute.away_always = False
    array = np.arange(size, dtype=np.float32)
    inputs = [Value.of(f"T{index}", array + index) for index in range(3)]
    for answer in served.engine.run(Asked(inputs), Asked(inputs[:2])):
        for value in answer.outputs:
            assert value.data == next(one for one in inputs if one.name == value.name).data


def test_a_batch_whose_records_exceed_a_message(served: InThread) -> None:
    Copies.how = "array"
    served.engine.execute.away_always = False
    requests = [
        Asked([Value.of(f"NAME_{'x' * 200}_{index}", np.full(3, index)) for index in range(10)]) for _ in range(40)
    ]
    answers = served.engine.run(*requests)
    assert [answer.key for answer in answers] == [request.key for request in requests]
    assert all(answer.output(f"NAME_{'x' * 200}_7").tolist() == [7, 7, 7] for answer in answers)


def test_bf16_is_given_on_as_bytes(served: InThread) -> None:
    Copies.how = "tensor"
    value = Value("B", BF16, (2, 3), np.arange(6, dtype=np.uint16).tobytes())
    (answer,) = served.engine.run(Asked([value]))
    assert (answer.outputs[0].datatype, answer.outputs[0].shape, answer.outputs[0].data) == (BF16, (2, 3), value.data)


def test_64_dimensions(served: InThread) -> None:
    Copies.how = "tensor"
    value = Value("D", 11, (1,) * 63 + (2,), np.array([1, 2], np.float32).tobytes())
    (answer,) = served.engine.run(Asked([value]))
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        assert answer.outputs[0].shape == value.shape and answer.outputs[0].data == value.data


class Shows:
    """Keeps what it was given for the test to look at."""

    seen: list[Any]

    def execute(self, requests: list[Any]) -> list[Any]:
        self.seen = [
            (
                request.request_id(),
                request.correlation_id(),
                request.flags(),
                request.timeout(),
                request.parameters(),
                request.requested_output_names(),
                request.trace().get_context(),
                request.model_name(),
                request.preferred_memory(),
                [
                    (tensor.name(), tensor.triton_dtype(), tensor.shape(), tensor.is_cpu())
                    for tensor in request.inputs()
                ],
            )
            for request in requests
        ]
        return [pb_utils.InferenceResponse([]) for _ in requests]


def test_what_a_request_has_in_words() -> None:
    shows = Shows()
    with InThread(shows) as model:
        model.engine.run(
            Asked(
                [Value.of("IN", np.zeros((2, 0), np.int8))],
                id="ä",
                correlation="sequence",
                timeout=1 << 40,
                flags=3,
                parameters='{"a": "ü", "b": 1}',
                trace='{"traceparent": "x"}',
                outputs='["OUT", "ÖUT"]',
            ),
            Asked([], correlation=1 << 63),
        )
    assert shows.seen == [
        (
            "ä",
            "sequence",
            3,
            1 << 40,
            '{"a": "ü", "b": 1}',
            {"OUT", "ÖUT"},
            '{"traceparent": "x"}',
            "",
            None,
            [("IN", 6, [2, 0], True)],
        ),
        ("", 1 << 63, 0, 0, "{}", set(), None, "", None, []),
    ]


class Names:
    def execute(self, requests: list[Any]) -> list[Any]:
        outputs = [pb_utils.Tensor(name, np.zeros(1, np.int8)) for name in ("A", "B", "C")]
        return [pb_utils.InferenceResponse(outputs, parameters={"k": True, "n": 1}) for _ in requests]


def test_only_wanted_outputs_are_sent_and_parameters_go_along() -> None:
    with InThread(Names()) as model:
        some, every = model.engine.run(Asked([], outputs='["C", "A", "X"]'), Asked([]))
    assert [value.name for value in some.outputs] == ["A", "C"]
    assert [value.name for value in every.outputs] == ["A", "B", "C"]
    assert some.parameters == '{"k": true, "n": 1}'


class Odd:
    """Outputs that do not lie in memory as they must travel."""

    def execute(self, requests: list[Any]) -> list[Any]:
        outputs = [
            pb_utils.Tensor("transposed", np.arange(6, dtype=np.int16).reshape(2, 3).T),
            pb_utils.Tensor("sliced", np.arange(40000, dtype=np.int64)[::2]),
            pb_utils.Tensor("fixed", np.array([[b"ab", b"c\0"]], dtype="S2")),
            pb_utils.Tensor("mixed", np.array([b"\xff", "ä", 5, None, 1.5], dtype=object)),
            pb_utils.Tensor("texts transposed", np.array([[b"a", b"b"], [b"c", b"d"]], dtype=object).T),
            pb_utils.Tensor("longlong", np.array([1], dtype=np.longlong)),
        ]
        return [pb_utils.InferenceResponse(outputs)]


def test_odd_outputs() -> None:
    with InThread(Odd()) as model:
        (answer,) = model.engine.run(Asked([]))
    assert answer.output("transposed").tolist() == [[0, 3], [1, 4], [2, 5]]
    assert answer.output("sliced").tolist() == list(range(0, 40000, 2))
    assert answer.output("fixed").tolist() == [[b"ab", b"c"]]
    assert answer.output("mixed").tolist() == [b"\xff", "ä".encode(), b"5", b"None", b"1.5"]
    assert answer.output("texts transposed").tolist() == [[b"a", b"c"], [b"b", b"d"]]
    assert answer.output("longlong").tolist() == [1]


def test_inputs_can_be_written_upon() -> None:
    class Writes:
        def execute(self, requests: list[Any]) -> list[Any]:
            array = requests[0].inputs()[0].as_numpy()
            array += 1
            return [pb_utils.InferenceResponse([pb_utils.Tensor("OUT", array)])]

    with InThread(Writes()) as model:
        for size in (4, 1 << 16):
            array = np.arange(size, dtype=np.float32)
            np.testing.assert_array_equal(model.engine.ask(IN=array).output("OUT"), array + 1)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x01\x00", "Invalid bytes tensor data: incomplete length field"),
        (b"\x05\x00\x00\x00ab", "Invalid bytes tensor data: string extends beyond buffer"),
    ],
)
def test_broken_texts_fail_the_request_that_reads_them(data: bytes, text: str) -> None:
    Copies.how = "copy"
    with InThread(Copies()) as model:
        (answer,) = model.engine.run(Asked([Value("S", 13, (1,), data)]))
        assert answer.error.startswith(
            f"Failed to process the request(s) for model 'model_0', message: TritonModelException: {text}\n\nAt:\n"
        )
