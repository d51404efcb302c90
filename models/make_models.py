#!/usr/bin/env python3
"""Make the models of this folder: `simple` (INT32 sum and difference) and `digits` (handwritten digits).

    pip install numpy onnx scikit-learn
    python models/make_models.py [FOLDER]

`digits` is trained here, on scikit-learn's 8x8 images. The images that `split_digits` holds out are never
seen in training; the accuracy on them is printed, and anything under 97% is refused.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

OPSET = 13
IR_VERSION = 8
LEAST_ACCURACY = 0.97
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def split_digits() -> Split:
    """The images, [n, 64] FP32 with grey levels 0..16, as (train, held out, train labels, held-out labels)."""
    digits = load_digits()
    images = digits.data.astype(np.float32)
    return tuple(train_test_split(images, digits.target, test_size=360, random_state=7, stratify=digits.target))


def train_digits() -> MLPClassifier:
    """Two small hidden layers; repeatable with one version of scikit-learn."""
    train, _, labels, _ = split_digits()
    model = MLPClassifier(hidden_layer_sizes=(128, 64), alpha=1e-3, max_iter=400, random_state=7)
    return model.fit(train / 16.0, labels)


def digits_graph(model: MLPClassifier) -> onnx.GraphProto:
    """PIXELS [batch, 64] FP32, 0..16 -> PROBABILITIES [batch, 10] FP32."""
    nodes = [helper.make_node("Mul", ["PIXELS", "scale"], ["layer0"])]
    weights = [numpy_helper.from_array(np.array([1 / 16], np.float32), "scale")]
    last = len(model.coefs_) - 1
    for i, (matrix, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        weights.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{i}"))
        weights.append(numpy_helper.from_array(bias.astype(np.float32), f"b{i}"))
        nodes.append(helper.make_node("Gemm", [f"layer{i}", f"w{i}", f"b{i}"], [f"sum{i}"]))
        if i < last:
            nodes.append(helper.make_node("Relu", [f"sum{i}"], [f"layer{i + 1}"]))
    nodes.append(helper.make_node("Softmax", [f"sum{last}"], ["PROBABILITIES"], axis=1))
    return helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("PIXELS", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("PROBABILITIES", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )


def simple_graph() -> onnx.GraphProto:
    """OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1, all [batch, 16] INT32."""

    def info(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", 16])

    return helper.make_graph(
        [
            helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
            helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
        ],
        "simple",
        [info("INPUT0"), info("INPUT1")],
        [info("OUTPUT0"), info("OUTPUT1")],
    )


SIMPLE_CONFIG = """\
name: "simple"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] },
  { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] }
]
output [
  { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] },
  { name: "OUTPUT1" data_type: TYPE_INT32 dims: [ 16 ] }
]
"""

DIGITS_CONFIG = """\
name: "digits"
platform: "onnxruntime_onnx"
max_batch_size: 32
input [
  { name: "PIXELS" data_type: TYPE_FP32 dims: [ 64 ] }
]
output [
  { name: "PROBABILITIES" data_type: TYPE_FP32 dims: [ 10 ] label_filename: "labels.txt" }
]
dynamic_batching { }
"""


def write(folder: Path, name: str, graph: onnx.GraphProto, config: str) -> None:
    """Write FOLDER/NAME/1/model.onnx and its config.pbtxt."""
    version = folder / name / "1"
    version.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="triton_lite"
    )
    onnx.checker.check_model(model)
    (version / "model.onnx").write_bytes(model.SerializeToString())
    (folder / name / "config.pbtxt").write_text(config)


def main() -> None:
    """Write both models below the folder given, or this one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    write(folder, "simple", simple_graph(), SIMPLE_CONFIG)
    model = train_digits()
    _, held_out, _, labels = split_digits()
    accuracy = model.score(held_out / 16.0, labels)
    print(f"digits: {accuracy:.1%} of {len(labels)} held-out images are right")
    if accuracy < LEAST_ACCURACY:
        sys.exit(f"digits: less than {LEAST_ACCURACY:.0%}, not written")
    write(folder, "digits", digits_graph(model), DIGITS_CONFIG)
    (folder / "digits" / "labels.txt").write_text("\n".join(NAMES) + "\n")


if __name__ == "__main__":
    main()
