"""Which backend a model belongs to, by what its configuration and its files say."""

import pytest

from triton_lite.config import backends, text
from triton_lite.config.error import ConfigError


def fill(content, files=(), name="m", directory=None):
    config = text.parse(content, "")
    for file in files:
        path = directory / file
        path.mkdir() if file.endswith("savedmodel") else path.touch()
    backends.fill(config, name, lambda: str(directory) if directory else None)
    return config.backend, config.platform, config.default_model_filename


@pytest.mark.parametrize(
    ("content", "files", "expected"),
    [
        ("", ["model.onnx"], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
        ("", ["model.py"], ("python", "", "model.py")),
        ("", ["model.pt"], ("pytorch", "pytorch_libtorch", "model.pt")),
        ("", ["model.xml"], ("openvino", "", "model.xml")),
        ("", ["model.plan"], ("tensorrt", "tensorrt_plan", "model.plan")),
        ("", ["model.savedmodel"], ("tensorflow", "tensorflow_savedmodel", "model.savedmodel")),
        ("", ["model.graphdef"], ("tensorflow", "tensorflow_graphdef", "model.graphdef")),
        ("", ["model.onnx", "model.py"], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
        ('backend: "onnxruntime"', [], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
        ('backend: "onnxruntime" platform: "x"', [], ("onnxruntime", "x", "")),
        ('platform: "onnxruntime_onnx"', [], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
        ('default_model_filename: "model.onnx"', [], ("onnxruntime", "onnxruntime_onnx", "model.onnx")),
        ('default_model_filename: "other.onnx"', ["other.onnx"], ("", "", "other.onnx")),
        ('backend: "onnxruntime" default_model_filename: "x"', [], ("onnxruntime", "onnxruntime_onnx", "x")),
        ('backend: "tensorflow"', [], ("tensorflow", "", "")),
        ('backend: "tensorflow"', ["model.graphdef"], ("tensorflow", "tensorflow_graphdef", "model.graphdef")),
        (
            'backend: "tensorflow" default_model_filename: "model.graphdef"',
            [],
            ("tensorflow", "tensorflow_graphdef", "model.graphdef"),
        ),
        ('backend: "identity"', ["model.onnx"], ("identity", "", "")),
        ('platform: "ensemble"', ["model.onnx"], ("", "ensemble", "")),
    ],
)
def test_known_backends(content, files, expected, tmp_path):
    assert fill(content, files, directory=tmp_path) == expected


def test_the_name_tells_a_custom_backend():
    assert fill("", name="m.identity") == ("identity", "", "model.identity")
    assert fill("", name="m.a.b") == ("a.b", "", "model.a.b")
    with pytest.raises(ConfigError) as caught:
        fill("", name="m")
    assert caught.value.text == (
        "Invalid model name: Could not determine backend for model 'm' with no backend in model configuration."
        " Expected model name of the form 'model.<backend_name>'."
    )
