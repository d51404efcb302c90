"""Completing a configuration from a model's signature, and checking one against it."""

from types import SimpleNamespace

import pytest

from triton_lite.config import datatypes, text
from triton_lite.config.autocomplete import autocomplete
from triton_lite.config.error import ConfigError
from triton_lite.config.signature_rules import check_signature


def tensor(name, dims, datatype="TYPE_FP32", optional=False):
    return SimpleNamespace(name=name, dims=dims, datatype=datatypes.number(datatype), optional=optional, is_tensor=True)


def signature(inputs, outputs):
    return SimpleNamespace(inputs=inputs, outputs=outputs, known=True)


def parse(content):
    return text.parse('name: "m" ' + content, "")


def complete(content, inputs, outputs, default=4):
    config = parse(content)
    autocomplete(config, signature(inputs, outputs), default)
    return config


BATCHED = ([tensor("I", [-1, 4])], [tensor("O", [-1, 4])])
FIXED = ([tensor("I", [2, 4])], [tensor("O", [2, 4])])


def test_batched_model():
    config = complete("", *BATCHED)
    assert config.max_batch_size == 4
    assert config.HasField("dynamic_batching")
    assert [list(tensor.dims) for tensor in (*config.input, *config.output)] == [[4], [4]]


@pytest.mark.parametrize(("content", "default", "size", "batcher"), [("", 0, 0, False), ("", 1, 1, False)])
def test_default_batch_size(content, default, size, batcher):
    config = complete(content, *BATCHED, default=default)
    assert config.max_batch_size == size
    assert config.HasField("dynamic_batching") is batcher


def test_configured_size_and_scheduler_stay():
    config = complete("max_batch_size: 3 sequence_batching { }", *BATCHED)
    assert config.max_batch_size == 3
    assert config.WhichOneof("scheduling_choice") == "sequence_batching"


def test_fixed_model():
    config = complete("", *FIXED)
    assert config.max_batch_size == 0
    assert list(config.input[0].dims) == [2, 4]
    with pytest.raises(ConfigError, match="autofill failed for model 'm': model does not support batching while"):
        complete("max_batch_size: 2", *FIXED)


def test_scalars():
    config = complete("", [tensor("I", [-1])], [tensor("O", [-1])])
    assert list(config.input[0].dims) == [1]
    assert config.input[0].HasField("reshape")
    config = complete("", [tensor("I", [])], [tensor("O", [])])
    assert list(config.output[0].dims) == [1]
    assert not config.output[0].HasField("reshape")


def test_only_what_is_missing():
    config = complete('output { name: "X" data_type: TYPE_INT8 dims: 7 }', *BATCHED)
    assert [tensor.name for tensor in config.output] == ["X"]
    assert [tensor.name for tensor in config.input] == ["I"]
    given = 'input { name: "I" } output { name: "O" }'
    assert complete(given, *BATCHED) == parse(given)


def test_optional_inputs_are_left_out():
    config = complete("", [tensor("I", [-1, 4]), tensor("W", [3], optional=True)], [tensor("O", [-1, 4])])
    assert [tensor.name for tensor in config.input] == ["I"]
    assert config.max_batch_size == 4


IO = (
    'max_batch_size: 8 input { name: "I" data_type: TYPE_FP32 dims: 4 }'
    ' output { name: "O" data_type: TYPE_FP32 dims: 4 }'
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (IO, None),
        (IO.replace("dims: 4", "dims: -1", 1), None),
        (
            IO + ' input { name: "J" data_type: TYPE_FP32 dims: 4 }',
            "unable to load model 'm', configuration expects 2 inputs, model provides 1",
        ),
        (IO.replace('"I"', '"X"'), "unexpected inference input 'X', allowed inputs are: I"),
        (IO.replace('"O"', '"X"'), "unexpected inference output 'X', allowed outputs are: O"),
        (
            IO.replace("TYPE_FP32", "TYPE_STRING", 1),
            "unable to load model 'm', configuration expects datatype TYPE_STRING for input 'I', model provides"
            " TYPE_FP32",
        ),
        (
            IO.replace("dims: 4", "dims: [ 4, 1 ]", 1),
            "model 'm', tensor 'I': the model expects 2 dimensions (shape [-1,4]) but the model configuration specifies"
            " 3 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor"
            " shape, making complete shape [-1,4,1])",
        ),
        (
            IO.replace("8", "0", 1),
            "model 'm', tensor 'I': the model expects 2 dimensions (shape [-1,4]) but the model configuration specifies"
            " 1 dimensions (shape [4])",
        ),
        (
            IO.replace("dims: 4", "dims: 4 optional: true", 1) + ' input { name: "I2" }',
            "unable to load model 'm', optional input 'I' is not supported for models that support batching",
        ),
        (
            IO.replace("dims: 4", "dims: 4 allow_ragged_batch: true", 1),
            "unable to load model 'm', configuration expects model provides input with shape [-1]  for ragged input"
            " 'I', model provides [-1,4]",
        ),
        (
            IO + ' sequence_batching { control_input { name: "S" control { kind: CONTROL_SEQUENCE_START'
            " int32_false_true: [ 0, 1 ] } } }",
            "configuration specified sequence control 'S', but model does not provide that input",
        ),
    ],
)
def test_signature_rules(content, expected):
    file = signature([tensor("I", [-1, 4])], [tensor("O", [-1, 4])])
    if expected is None:
        if "-1" in content:
            file.inputs[0].dims = [-1, -1]
        check_signature(parse(content), file)
        return
    with pytest.raises(ConfigError) as caught:
        check_signature(parse(content), file)
    assert caught.value.text == expected


def test_outputs_must_be_exact():
    file = signature([tensor("I", [-1, 4])], [tensor("O", [-1, -1])])
    with pytest.raises(ConfigError, match="tensor 'O': the model expects 2 dimensions"):
        check_signature(parse(IO), file)


def test_batching_needs_a_batch_dimension():
    file = signature([tensor("I", [2, 4])], [tensor("O", [2, 4])])
    with pytest.raises(ConfigError, match="first dimension must be -1; but shape expected by the model is"):
        check_signature(parse(IO), file)


CONTROLS = """
sequence_batching {
  control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } }
  control_input { name: "R" control { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ 0, 1 ] } }
  control_input { name: "S" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } }
}
"""


@pytest.mark.parametrize(
    ("missing", "changed", "expected", "at"),
    [
        ("CRS", {}, "configuration specified sequence control 'S', but model does not provide that input", 2),
        ("CR", {}, "configuration specified sequence control 'R', but model does not provide that input", 1),
        (
            "",
            {"R": tensor("R", [-1, 1], "TYPE_FP64")},
            "unable to load model 'm', sequence control 'R', the model expects data-type DOUBLE but the model"
            " configuration specifies data-type TYPE_FP32",
            1,
        ),
        (
            "",
            {"C": tensor("C", [-1, 2], "TYPE_INT64")},
            "unable to load model 'm', sequence control 'C' in model has dims [2] but dims [1] is expected",
            0,
        ),
        (
            "",
            {"C": tensor("C", [-1, 1], "TYPE_STRING")},
            "unable to load model 'm', sequence control 'C', the model expects data-type STRING but the model"
            " configuration specifies data-type TYPE_INT64",
            0,
        ),
    ],
)
def test_sequence_controls_in_their_order(missing, changed, expected, at):
    controls = {
        "C": tensor("C", [-1, 1], "TYPE_INT64"),
        "R": tensor("R", [-1, 1]),
        "S": tensor("S", [-1, 1], "TYPE_INT32"),
    } | changed
    inputs = [BATCHED[0][0], *(control for name, control in controls.items() if name not in missing)]
    with pytest.raises(ConfigError) as caught:
        check_signature(parse(IO + CONTROLS), signature(inputs, BATCHED[1]))
    assert caught.value.text == expected
    assert caught.value.field == ("sequence_batching", "control_input", at)


def test_sequence_controls_and_states_count_as_inputs():
    controls = [tensor("C", [-1, 1], "TYPE_INT64"), tensor("R", [-1, 1]), tensor("S", [-1, 1], "TYPE_INT32")]
    check_signature(parse(IO + CONTROLS), signature([*BATCHED[0], *controls], BATCHED[1]))
    content = IO + CONTROLS.replace("sequence_batching {", 'sequence_batching { state { input_name: "X" }')
    with pytest.raises(ConfigError, match="configuration expects 5 inputs, model provides 4"):
        check_signature(parse(content), signature([*BATCHED[0], *controls], BATCHED[1]))


def test_optional_inputs_are_not_ragged():
    content = IO.replace("8", "0", 1).replace("dims: 4", "dims: [ -1, 4 ] optional: true allow_ragged_batch: true", 1)
    file = signature([tensor("I", [-1, 4], optional=True)], BATCHED[1])
    with pytest.raises(ConfigError) as caught:
        check_signature(parse(content), file)
    assert caught.value.text == (
        "unable to load model 'm', configuration expects model provides input with shape [-1] for ragged input 'I',"
        " which is not supported for optional input"
    )
