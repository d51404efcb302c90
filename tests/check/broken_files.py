"""Repositories in which a configuration and the files that it speaks of do not fit."""

from __future__ import annotations

from repository_maker import CONFIG, MODEL, Broken, Expected, added, changed, model, onnx, warning

_FILE = "m/config.pbtxt"
_TWO = onnx((("X", "FP32", ("batch", 4)), ("Z", "INT32", ("batch", 2))), ("Y", "W"))
_FIXED = onnx((("X", "FP32", (3, 4)),))

SIGNATURES = [
    Broken("no model", model(content=b"not a model"), [Expected("m/1/model.onnx", 0, "onnx runtime error", "cp FILE")]),
    Broken("empty file", model(content=b""), [Expected("m/1/model.onnx", 0, "onnx runtime error", "cp FILE")]),
    Broken("cut off", model(content=MODEL[:40]), [Expected("m/1/model.onnx", 0, "onnx runtime error", "cp FILE")]),
    Broken(
        "second version is broken",
        model(CONFIG + "version_policy { all { } }\n") | {"m/2/model.onnx": b"not a model"},
        [Expected("m/2/model.onnx", 0, "onnx runtime error", "cp FILE")],
    ),
    Broken("unknown input", changed('"X"', '"x"'), [Expected(_FILE, 4, "unexpected inference input 'x'")]),
    Broken("unknown output", changed('"Y"', '"Q"'), [Expected(_FILE, 7, "unexpected inference output 'Q'")]),
    Broken("input missing", model(content=_TWO), [Expected(_FILE, 4, "expects 1 inputs, model provides 2")]),
    Broken(
        "type and shape of the input, type of the output",
        model(CONFIG.replace("FP32", "INT8").replace("INT8 dims: [ 4 ] }\n]\no", "INT8 dims: [ 5 ] }\n]\no")),
        [
            Expected(_FILE, 4, "expects datatype TYPE_INT8 for input 'X', model provides TYPE_FP32", "TYPE_FP32"),
            Expected(_FILE, 4, "the model expects 2 dimensions (shape [-1,4])", "dims: [4]"),
            Expected(_FILE, 7, "expects datatype TYPE_INT8 for output 'Y'", "TYPE_FP32"),
        ],
    ),
    Broken(
        "rank",
        changed('"Y" data_type: TYPE_FP32 dims: [ 4 ]', '"Y" data_type: TYPE_FP32 dims: [ 4, 1 ]'),
        [Expected(_FILE, 7, "the model expects 2 dimensions", "dims: [4]")],
    ),
    Broken(
        "batches that the file does not have",
        model(content=_FIXED),
        [
            Expected(_FILE, 2, "'X': for the model to support batching", "max_batch_size: 0"),
            Expected(_FILE, 2, "'Y': for the model to support batching", "max_batch_size: 0"),
        ],
    ),
    Broken(
        "batches that cannot be completed",
        model("max_batch_size: 4\n", content=_FIXED),
        [Expected(_FILE, 1, "model does not support batching while non-zero", "max_batch_size: 0")],
    ),
    Broken(
        "control that the file does not have",
        added(
            'sequence_batching {\n  control_input {\n    name: "START"\n'
            "    control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] }\n  }\n}\n"
        ),
        [
            Expected(_FILE, 4, "expects 2 inputs, model provides 1"),
            Expected(_FILE, 10, "sequence control 'START', but model does not provide that input"),
        ],
    ),
]

_LABELED = CONFIG.replace('name: "Y"', 'name: "Y" label_filename: "labels.txt"')

LABELS = [
    Broken(
        "labels missing",
        model(_LABELED),
        [Expected(_FILE, 7, "failed to open text file for read", "no label_filename")],
    ),
    Broken(
        "labels under another name",
        model(_LABELED) | {"m/names.txt": "a\nb\nc\nd\n"},
        [Expected(_FILE, 7, "labels.txt: No such file", 'label_filename: "names.txt"')],
    ),
    Broken(
        "labels outside",
        model(_LABELED.replace("labels.txt", "../labels.txt")),
        [Expected(_FILE, 7, "is outside model directory", '"labels.txt"')],
    ),
    Broken(
        "too few labels",
        model(_LABELED) | {"m/labels.txt": "a\nb\n"},
        [warning("m/labels.txt", 2, "2 labels for output 'Y', which has 4", "2 more")],
    ),
    Broken(
        "too many labels",
        model(_LABELED) | {"m/labels.txt": "a\nb\nc\nd\ne\nf"},
        [warning("m/labels.txt", 5, "6 labels", "2 fewer")],
    ),
    Broken("no labels", model(_LABELED) | {"m/labels.txt": ""}, [warning("m/labels.txt", 1, "0 labels", "4 more")]),
    Broken(
        "labels that are no text",
        model(_LABELED) | {"m/labels.txt": b"a\nb\n\xe9\nd\n"},
        [warning("m/labels.txt", 3, "not UTF-8", "iconv")],
    ),
]


def _warmup(inputs: str, batch_size: int = 1) -> str:
    return CONFIG + f'model_warmup {{\n  name: "w"\n  batch_size: {batch_size}\n{inputs}}}\n'


def _input(value: str, key: str = "X", data_type: str = "TYPE_FP32", dims: str = "4") -> str:
    return f'  inputs {{\n    key: "{key}"\n    value {{ data_type: {data_type} dims: [ {dims} ] {value} }}\n  }}\n'


WARMUP = [
    Broken(
        "warm-up file missing",
        model(_warmup(_input('input_data_file: "data"'))),
        [Expected(_FILE, 14, "warmup/data: No such file", "cp FILE")],
    ),
    Broken(
        "warm-up file too small",
        model(_warmup(_input('input_data_file: "data"'))) | {"m/warmup/data": bytes(15)},
        [Expected(_FILE, 14, "data file 'data' has 15 bytes", "dims and data_type")],
    ),
    Broken(
        "warm-up file too large",
        model(_warmup(_input('input_data_file: "data"'))) | {"m/warmup/data": bytes(17)},
        [warning(_FILE, 14, "data file 'data' has 17 bytes", "dims and data_type")],
    ),
    Broken(
        "warm-up file outside",
        model(_warmup(_input('input_data_file: "../../data"'))),
        [Expected(_FILE, 14, "outside of the model's folder warmup", '"data"')],
    ),
    Broken(
        "warm-up of another input",
        model(_warmup(_input("zero_data: true", key="Q"))),
        [Expected(_FILE, 13, "input 'Q' of warmup sample 'w' of model 'm' is none of the model's", 'key: "X"')],
    ),
    Broken(
        "warm-up of one input too many",
        model(_warmup(_input("zero_data: true") + _input("zero_data: true", key="Q"))),
        [Expected(_FILE, 17, "input 'Q' of warmup sample 'w' of model 'm' is none of the model's", 'key: "X"')],
    ),
    Broken(
        "warm-up of no input", model(_warmup("")), [Expected(_FILE, 9, "input 'X' of warmup sample 'w'", 'key: "X"')]
    ),
    Broken(
        "warm-up of another type and shape",
        model(_warmup(_input("zero_data: true", data_type="TYPE_INT8", dims="5"))),
        [
            Expected(_FILE, 13, "is TYPE_INT8, the model takes TYPE_FP32", "TYPE_FP32"),
            Expected(_FILE, 13, "has shape [5], the model takes [4]", "dims: [4]"),
        ],
    ),
    Broken(
        "warm-up with too large a batch",
        model(_warmup(_input("zero_data: true"), batch_size=9)),
        [Expected(_FILE, 11, "has batch size 9, the largest batch is 8", "batch_size: 8")],
    ),
    Broken(
        "warm-up that runs nothing",
        model(_warmup(_input("zero_data: true"), batch_size=0)),
        [warning(_FILE, 11, "has no batch size", "batch_size: 1")],
    ),
    Broken(
        "warm-up of an open shape without data",
        model(_warmup(_input("", dims="-1"))),
        [
            Expected(_FILE, 13, "expects all variable-size dimensions are specified for input 'X'"),
            Expected(_FILE, 13, "expects input 'X' to have input_data_type set", "zero_data: true"),
        ],
    ),
]

FILES = [*SIGNATURES, *LABELS, *WARMUP]
