"""Write an ensemble of three ONNX graphs: pictures of digits of any size in, the digit and its probability out.

python build_repository.py REPOSITORY
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSIFIER = Path(__file__).resolve().parents[2] / "models" / "digits"
SIDE = 8  # Pixels of the classifier's pictures, in each direction.
BRIGHTEST = 16.0  # Its value of a white pixel.

ENSEMBLE = """platform: "ensemble"
input [ { name: "IMAGE" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] } ]
output [ { name: "DIGIT" data_type: TYPE_STRING dims: [ 1 ] }, { name: "SCORE" data_type: TYPE_FP32 dims: [ 1 ] } ]
ensemble_scheduling {
  step [
    { model_name: "prepare_image" model_version: -1
      input_map { key: "IMAGE" value: "IMAGE" } output_map { key: "PIXELS" value: "pixels" } },
    { model_name: "digits" model_version: -1
      input_map { key: "PIXELS" value: "pixels" } output_map { key: "PROBABILITIES" value: "probabilities" } },
    { model_name: "name_digit" model_version: -1
      input_map { key: "PROBABILITIES" value: "probabilities" }
      output_map [ { key: "DIGIT" value: "DIGIT" }, { key: "SCORE" value: "SCORE" } ] }
  ]
}
"""
# It takes one picture at a time, since pictures may differ in size; the others batch.
PREPARE = """backend: "onnxruntime"
input [ { name: "IMAGE" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] } ]
output [ { name: "PIXELS" data_type: TYPE_FP32 dims: [ 64 ] } ]
"""
NAME = """backend: "onnxruntime"
max_batch_size: 32
input [ { name: "PROBABILITIES" data_type: TYPE_FP32 dims: [ 10 ] } ]
output [ { name: "DIGIT" data_type: TYPE_STRING dims: [ 1 ] }, { name: "SCORE" data_type: TYPE_FP32 dims: [ 1 ] } ]
dynamic_batching { }
"""


def main() -> None:
    """Write the four models."""
    repository = Path(sys.argv[1])
    shutil.copytree(CLASSIFIER, repository / "digits")
    write(repository, "prepare_image", PREPARE, prepare_image())
    write(repository, "name_digit", NAME, name_digit())
    write(repository, "digit_reader", ENSEMBLE, None)


def prepare_image() -> onnx.ModelProto:
    """Make grey pixels of 0 to 16, 8 by 8, of a picture [height, width, 3] of bytes."""
    constants = {
        "channel": np.array([2], np.int64),
        "sizes": np.array([1, 1, SIDE, SIDE], np.int64),
        "outer": np.array([0, 1], np.int64),
        "scale": np.array(BRIGHTEST / 255, np.float32),
        "flat": np.array([SIDE * SIDE], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["IMAGE"], ["colours"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["colours", "channel"], ["grey"], keepdims=0),
        helper.make_node("Unsqueeze", ["grey", "outer"], ["picture"]),
        helper.make_node("Resize", ["picture", "", "", "sizes"], ["small"], mode="linear", antialias=1),
        helper.make_node("Mul", ["small", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "flat"], ["PIXELS"]),
    ]
    inputs = [helper.make_tensor_value_info("IMAGE", TensorProto.UINT8, ["height", "width", 3])]
    outputs = [helper.make_tensor_value_info("PIXELS", TensorProto.FLOAT, [SIDE * SIDE])]
    return model("prepare_image", nodes, inputs, outputs, constants)


def name_digit() -> onnx.ModelProto:
    """Find the most probable digit, as text, and its probability."""
    constants = {
        "one": np.array([1], np.int64),
        "names": np.array([str(digit) for digit in range(10)], object),
    }
    nodes = [
        helper.make_node("TopK", ["PROBABILITIES", "one"], ["SCORE", "best"]),
        helper.make_node("Gather", ["names", "best"], ["DIGIT"]),
    ]
    inputs = [helper.make_tensor_value_info("PROBABILITIES", TensorProto.FLOAT, ["batch", 10])]
    outputs = [
        helper.make_tensor_value_info("DIGIT", TensorProto.STRING, ["batch", 1]),
        helper.make_tensor_value_info("SCORE", TensorProto.FLOAT, ["batch", 1]),
    ]
    return model("name_digit", nodes, inputs, outputs, constants)


def model(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    """Make a model of one graph, checked."""
    initializers = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def write(repository: Path, name: str, config: str, made: onnx.ModelProto | None) -> None:
    """Write a model of the repository; made: None for the ensemble."""
    version = repository / name / "1"
    version.mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(config)
    if made is not None:
        onnx.save(made, str(version / "model.onnx"))


if __name__ == "__main__":
    main()
