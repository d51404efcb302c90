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


def resolved(tmp_path, content, *files):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    config = text.parse(content, "")
    backends.find_python_based(config, [str(tmp_path / "m" / "1"), str(tmp_path / "m")], str(tmp_path / "backends"))
    return config


@pytest.mark.parametrize(
    ("content", "files", "runtime"),
    [
        ('backend: "mine"', ["backends/mine/model.py"], "model.py"),
        ('backend: "mine"', [], ""),
        ('backend: "mine" runtime: "model.py"', [], "model.py"),
        ('backend: "mine" runtime: "other"', ["backends/mine/model.py"], "other"),
        # A library goes before, wherever Triton would find it.
        ('backend: "mine"', ["backends/mine/model.py", "backends/mine/libtriton_mine.so"], ""),
        ('backend: "mine"', ["backends/mine/model.py", "m/libtriton_mine.so"], ""),
        ('backend: "mine"', ["backends/mine/model.py", "m/1/libtriton_mine.so"], ""),
        # The code in the model's folder is none of a backend.
        ('backend: "mine"', ["m/model.py", "m/1/model.py"], ""),
        # What is part of this server stands for the libraries.
        ('backend: "identity"', ["backends/identity/model.py"], ""),
        ('backend: "python"', ["backends/python/model.py"], ""),
        ('backend: "identity" runtime: "model.py"', ["backends/identity/model.py"], "model.py"),
        ('backend: "../mine"', ["mine/model.py"], ""),
        ('backend: ".."', ["model.py"], ""),
        ('platform: "ensemble"', ["backends/model.py"], ""),
    ],
)
def test_code_of_a_backend(tmp_path, content, files, runtime):
    config = resolved(tmp_path, content, *files)
    assert config.runtime == runtime
    assert backends.is_python_based(config) == (runtime == "model.py")
    assert not config.parameters


def test_a_backend_may_bring_an_environment(tmp_path):
    files = ["backends/mine/model.py", "backends/mine/pb_exec_env_model.py.tar.gz"]
    config = resolved(tmp_path, 'backend: "mine"', *files)
    assert config.parameters["EXECUTION_ENV_PATH"].string_value == str(tmp_path / files[1])
    own = 'backend: "mine" parameters { key: "EXECUTION_ENV_PATH" value { string_value: "/env" } }'
    assert resolved(tmp_path, own, *files).parameters["EXECUTION_ENV_PATH"].string_value == "/env"
    assert not resolved(tmp_path, 'backend: "python"', *files).parameters


def test_whose_settings_count():
    assert backends.settings_of(text.parse('backend: "identity"', "")) == ("identity",)
    assert backends.settings_of(text.parse('backend: "mine" runtime: "model.py"', "")) == ("python", "mine")
