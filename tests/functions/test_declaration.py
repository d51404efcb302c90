"""What is said of a function: checked when it is said, with texts that tell what is wrong."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from triton_lite import DynamicBatching, Server, Tensor
from triton_lite.errors import Code, TritonError
from triton_lite.functions.declaration import declare
from triton_lite.functions.kind import FunctionKind, kind_of

X = Tensor("x", np.float32, (-1,))
Y = Tensor("y", np.float32, (2, 3))


def double(x):
    return x


def declared(function=double, name="", inputs=(X,), outputs=(Y,), batching=True, count=1):
    return declare(function, name, inputs, outputs, batching, count)


def test_configuration_of_a_function():
    config = declared(count=3).config
    assert (config.name, config.backend, config.max_batch_size) == ("double", "python", 64)
    assert [(t.name, t.data_type, list(t.dims)) for t in config.input] == [("x", 11, [-1])]
    assert [(t.name, t.data_type, list(t.dims)) for t in config.output] == [("y", 11, [2, 3])]
    assert (config.instance_group[0].count, config.HasField("dynamic_batching")) == (3, True)
    assert not config.model_transaction_policy.decoupled


def test_batching_in_all_its_forms():
    assert declared(batching=False).config.max_batch_size == 0
    assert not declared(batching=False).config.HasField("dynamic_batching")
    assert declared(batching=7).config.max_batch_size == 7
    chosen = DynamicBatching(8, [4, 8], max_queue_delay_microseconds=50, preserve_ordering=True)
    config = declared(batching=chosen).config
    dynamic = config.dynamic_batching
    assert (config.max_batch_size, list(dynamic.preferred_batch_size)) == (8, [4, 8])
    assert (dynamic.max_queue_delay_microseconds, dynamic.preserve_ordering) == (50, True)


@pytest.mark.parametrize(
    ("dtype", "number"),
    [
        (np.float32, 11),
        (float, 12),
        (bool, 1),
        ("int64", 9),
        ("FP16", 10),
        ("TYPE_BF16", 14),
        (bytes, 13),
        (str, 13),
        (np.object_, 13),
        ("BYTES", 13),
    ],
)
def test_datatypes(dtype, number):
    assert Tensor("t", dtype, ()).number() == number


def test_names_of_tensors_without_one():
    tensor = Tensor(dtype=np.int32, shape=(1,))
    config = declared(lambda **inputs: None, "m", [tensor, tensor], [tensor, tensor]).config
    assert [t.name for t in config.input] == ["INPUT_1", "INPUT_2"]
    assert [t.name for t in config.output] == ["OUTPUT_1", "OUTPUT_2"]


class Callable:
    async def __call__(self, x):
        return x


async def coroutine(x):
    return x


def generator(x):
    yield x


async def asynchronous(x):
    yield x


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (double, FunctionKind.ARRAYS),
        (coroutine, FunctionKind.COROUTINE),
        (generator, FunctionKind.GENERATOR),
        (asynchronous, FunctionKind.ASYNC_GENERATOR),
        (Callable(), FunctionKind.COROUTINE),
        (functools.partial(generator), FunctionKind.GENERATOR),
    ],
)
def test_kinds(function, kind):
    assert kind_of(function) is kind
    assert declared(function, "m").config.model_transaction_policy.decoupled == kind.decoupled


def optional(x, bias=None):
    return x


def positional(x, /):
    return x


def two(x, z):
    return x


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"function": 3}, "a model is made of a function, not of 3"),
        ({"function": lambda x: x}, "the model needs a name, since that of its function is '<lambda>': name=…"),
        ({"name": "a/b"}, "invalid model name 'a/b', model name must not contain path traversal characters"),
        ({"inputs": ()}, "function 'double': a model has at least one input"),
        ({"outputs": ()}, "function 'double': a model has at least one output"),
        ({"inputs": "x"}, "function 'double': inputs has to be a list of triton_lite.Tensor, not 'x'"),
        ({"inputs": (X, X)}, "function 'double': there are two inputs of the name 'x'"),
        ({"inputs": (Tensor("x", None, ()),)}, "function 'double': tensor 'x' has no dtype"),
        ({"inputs": (Tensor("x", np.int8),)}, "function 'double': tensor 'x' has no shape"),
        (
            {"inputs": (Tensor("x", np.complex64, ()),)},
            "function 'double': tensor 'x' numpy type 'complex64' has no datatype of the protocol",
        ),
        (
            {"inputs": (Tensor("x", "FP12", ()),)},
            "function 'double': tensor 'x' has a dtype that is neither numpy's nor the protocol's: 'FP12'",
        ),
        (
            {"outputs": (Tensor("y", np.int8, ()),)},
            "function 'double': tensor 'y' has no dimension: (1,) stands for one number",
        ),
        (
            {"inputs": (Tensor("x", np.int8, (0,)),)},
            "function 'double': tensor 'x' has the shape (0,): dimensions are at least 1, or -1 for any size",
        ),
        (
            {"inputs": (Tensor("x", np.int8, "ab"),)},
            "function 'double': tensor 'x' has a shape that is no sequence of integers: 'ab'",
        ),
        ({"inputs": (Tensor("z", np.int8, (1,)),)}, "function 'double': it has no parameter for the input 'z'"),
        (
            {"function": two},
            "function 'two': no input is there for its parameter 'z'; inputs are given by name",
        ),
        (
            {"function": positional},
            "function 'positional': it has no parameter for the input 'x'",
        ),
        (
            {"inputs": (Tensor("x", np.int8, (1,), optional=True),)},
            "function 'double': its parameter 'x' needs a default, since the input is optional",
        ),
        (
            {"outputs": (Tensor("y", np.int8, (1,), optional=True),)},
            "function 'double': output 'y' cannot be optional",
        ),
        ({"batching": 0}, "function 'double': the largest batch is at least 1, not 0; False for no batching"),
        (
            {"batching": "yes"},
            "function 'double': batching is True, False, a number or DynamicBatching, not 'yes'",
        ),
        ({"count": 0}, "function 'double': count is the number of its threads, at least 1, not 0"),
    ],
)
def test_refusals(arguments, text):
    with pytest.raises(TritonError) as raised:
        declared(**arguments)
    assert (raised.value.code, raised.value.text) == (Code.INVALID_ARGUMENT, text)


def test_preferred_sizes_beyond_the_largest_are_refused_at_once():
    with pytest.raises(TritonError, match="preferred size must be <= max batch size"):
        declared(batching=DynamicBatching(4, [8]))


def test_a_declaration_wants_parentheses():
    with pytest.raises(TritonError, match="write @server"):
        Server().model(double)
