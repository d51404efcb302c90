"""Every rule refuses its file in invalid/: with Triton's text, at the right field, on the right line."""

from pathlib import Path

import pytest

from triton_lite.config import backends, rules, text
from triton_lite.config.error import ConfigError, field_name
from triton_lite.config.normalize import normalize, normalize_instance_groups
from triton_lite.errors import Code

CASES = sorted((Path(__file__).parent / "invalid").glob("*.pbtxt"))


def check(content: str, name: str = "m") -> None:
    check_config(text.parse(content, "config.pbtxt"), name)


def check_config(config, name: str) -> None:
    """Ask every rule, in the order in which the engine does."""
    backends.fill(config, name, lambda: None)
    normalize(config)
    rules.check_config(config)
    rules.check_runtime(config)
    normalize_instance_groups(config, frozenset())
    rules.check_instance_groups(config, frozenset())
    rules.check_io(config)
    rules.check_serving(config, "/models/m")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_refuses(case):
    content = case.read_text()
    headers = [line.partition(": ")[2] for line in content.splitlines()[:2]]
    with pytest.raises(ConfigError) as caught:
        check(content)
    error = text.placed(caught.value, str(case), content)
    assert [error.text, field_name(error.field)] == headers
    assert error.line > 2
    assert f"line {error.line}, column {error.column}, field {headers[1]}" in error.advice()
    # The line names the field, or is the start of the message that lacks it.
    line = content.splitlines()[error.line - 1][error.column - 1 :]
    last = next(part for part in reversed(error.field) if isinstance(part, str))
    assert last in content.splitlines()[error.line - 1] or line[0] in "{<"


@pytest.mark.parametrize("kind", ["KIND_AUTO", "KIND_GPU"])
def test_gpus_are_used_where_they_are(kind):
    config = text.parse(f"instance_group {{ kind: {kind} }}", "")
    config.name = "m"
    normalize_instance_groups(config, {1, 0})
    rules.check_instance_groups(config, {0, 1})
    assert list(config.instance_group[0].gpus) == [0, 1]
    assert config.instance_group[0].kind == type(config.instance_group[0]).KIND_GPU


def test_scalars_in_a_batch_are_allowed():
    check(
        'backend: "onnxruntime" max_batch_size: 4'
        ' input { name: "I" data_type: TYPE_FP32 dims: 1 reshape { shape: [ ] } }'
        ' output { name: "O" data_type: TYPE_FP32 dims: [ 2, -1, 6 ] reshape { shape: [ 2, 1, -1, 3, 2 ] } }'
    )


def test_everything_that_is_allowed():
    check(
        """
        backend: "python" max_batch_size: 8 version_policy { specific { versions: [ 3 ] } }
        input { name: "I" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, -1, -1 ] allow_ragged_batch: true }
        output { name: "O" data_type: TYPE_STRING dims: 1 reshape { } }
        batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO data_type: TYPE_INT32 source_input: "I" }
        batch_output { target_name: "O" source_input: "I" }
        sequence_batching {
          oldest { max_candidate_sequences: 4 preferred_batch_size: 8 }
          control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
          state { input_name: "S" dims: [ -1 ] initial_state { dims: [ 0 ] data_file: "f" name: "z" } }
          state { input_name: "S" }
        }
        instance_group { kind: KIND_MODEL host_policy: "x" rate_limiter { priority: 3 } secondary_devices { } }
        optimization { priority: PRIORITY_MAX cuda { graphs: true } }
        cc_model_filenames { key: "7.5" value: "x" }
        model_warmup { batch_size: 1 count: 2 inputs {
          key: "I" value { data_type: TYPE_FP32 dims: [ 3, 1, 1 ] random_data: false } } }
        model_warmup { inputs { key: "I" value { } } }
        model_operations { op_library_filename: "x.so" }
        """
    )


def test_batching_strategies_cannot_be_run(tmp_path):
    library = tmp_path / "batchstrategy.so"
    config = text.parse(
        'name: "m" backend: "onnxruntime" parameters { key: "TRITON_BATCH_STRATEGY_PATH"'
        f' value {{ string_value: "{library}" }} }}',
        "",
    )
    with pytest.raises(ConfigError, match="Batching library path not found: /") as caught:
        rules.check_serving(config, str(tmp_path))
    assert caught.value.code == Code.NOT_FOUND
    library.touch()
    with pytest.raises(ConfigError, match="custom batching strategies are not supported, model 'm' names /") as caught:
        rules.check_serving(config, str(tmp_path))
    assert caught.value.code == Code.UNIMPLEMENTED
    with pytest.raises(ConfigError, match="escapes"):
        rules.check_serving(config, str(tmp_path)[:-1])


def test_a_configuration_is_needed():
    config = text.parse('name: "m" backend: "identity"', "")
    rules.check_given(config, provided=True, completed=False)
    rules.check_given(config, provided=False, completed=True)
    with pytest.raises(ConfigError) as caught:
        rules.check_given(config, provided=False, completed=False)
    assert caught.value.text == "model configuration is not provided for model 'm'"
    assert caught.value.code == Code.NOT_FOUND


def test_ensembles_have_nothing_to_serve():
    rules.check_serving(text.parse("ensemble_scheduling { } model_warmup { batch_size: 1 }", ""), "/models/m")


def test_runtime_is_searched_for(tmp_path):
    model, backends = tmp_path / "m", tmp_path / "backends"
    (model / "1").mkdir(parents=True)
    folders = [str(model / "1"), str(model)]

    def refusal(runtime, backend="identity"):
        config = text.parse(f'name: "m" backend: "{backend}" runtime: "{runtime}"', "")
        with pytest.raises(ConfigError) as caught:
            rules.check_runtime(config, folders, str(backends))
        return caught.value

    expected = f"unable to find backend library '../x.so' for model 'm', searched: '{model}/1' '{model}' "
    assert refusal("../x.so").text == expected + f"'{backends}/identity' "
    (model / "x.so").touch()
    assert refusal("../x.so").text == (
        f"backend library name '../x.so' escapes backend directory '{model}/1', for model 'm', check model config"
        " runtime field"
    )
    assert refusal("x.so").text == f"backend library '{model}/x.so' of model 'm' cannot be loaded"
    assert refusal("x.so").code == Code.UNIMPLEMENTED
    rules.check_runtime(text.parse('backend: "identity" runtime: "libtriton_identity.so"', ""), folders)
    assert refusal("libtriton_other.so", "other").text.endswith(f"'{model}' '{backends}/other' ")


def test_a_library_of_triton_cannot_be_loaded(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "libtriton_other.so").touch()
    with pytest.raises(ConfigError) as caught:
        rules.check_runtime(text.parse('name: "m" backend: "other"', ""), [], str(tmp_path))
    assert caught.value.text == f"backend library '{tmp_path}/other/libtriton_other.so' of model 'm' cannot be loaded"
    # One that is nowhere is spoken of where the backend is looked for.
    rules.check_runtime(text.parse('name: "m" backend: "nonsense"', ""), [], str(tmp_path))


@pytest.mark.parametrize("backend", ["identity", "python", "other", "../other", ".."])
def test_code_of_a_backend_is_searched_for(tmp_path, backend):
    (tmp_path / "backends").mkdir()
    (tmp_path / "other").mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        (folder / "model.py").touch()  # Outside of the folder of all backends.
    config = text.parse(f'name: "m" backend: "{backend}" runtime: "model.py"', "")
    with pytest.raises(ConfigError) as caught:
        rules.check_runtime(config, [], str(tmp_path / "backends"))
    assert caught.value.text == (
        "unable to find Python backend based backend library 'model.py' for model 'm', searched:"
        f" '{tmp_path}/backends/{backend}/model.py'"
    )
    assert caught.value.code == Code.INVALID_ARGUMENT
