"""Loading models: what is served, what is not and why."""

import json
import shutil
import threading

import pytest
from control_server import Server

from triton_lite.engine.handlers import handler_of
from triton_lite.engine.state import State
from triton_lite.errors import Code, TritonError
from triton_lite.proto import MethodNumber

IDENTITY = """backend: "identity" max_batch_size: 4
input { name: "INPUT0" data_type: TYPE_FP32 dims: 4 }
output { name: "OUTPUT0" data_type: TYPE_FP32 dims: 4 }
"""


def put(folder, name, config=IDENTITY, versions=(1,)):
    for version in versions:
        (folder / name / str(version)).mkdir(parents=True, exist_ok=True)
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "config.pbtxt").write_text(config)


def ensemble(*steps, batch=4, tensor_type="TYPE_FP32"):
    text = f'platform: "ensemble" max_batch_size: {batch}\n'
    text += f'input {{ name: "INPUT0" data_type: {tensor_type} dims: 4 }}\n'
    text += f'output {{ name: "OUTPUT0" data_type: {tensor_type} dims: 4 }}\nensemble_scheduling {{\n'
    names = ["INPUT0", *(f"t{index}" for index in range(1, len(steps))), "OUTPUT0"]
    for index, model in enumerate(steps):
        model, _, version = model.partition(":")
        text += f'step {{ model_name: "{model}" model_version: {version or -1}'
        text += f' input_map {{ key: "INPUT0" value: "{names[index]}" }}'
        text += f' output_map {{ key: "OUTPUT0" value: "{names[index + 1]}" }} }}\n'
    return text + "}\n"


def index(server, **fields):
    answer = server.call("RepositoryIndex", **fields)
    return [(model.name, model.version, model.state, model.reason) for model in answer.models]


def table(server):
    encoded = handler_of(MethodNumber.ADMIN).run(server.control_plane._context, b'{"what": "models"}')
    return json.loads(encoded)


def start(*folders, **options):
    server = Server(model_repository=[str(folder) for folder in folders], **options)
    problem = server.control_plane.load_models()
    return server, problem


def ready(server):
    return server.call("ServerReady").ready


def test_broken_models_have_tritons_reasons(golden_models):
    folder, _ = golden_models
    server, problem = start(folder)
    assert problem == "failed to load all models"
    assert not ready(server)
    broken = {row[0]: row[1:] for row in index(server) if row[0].startswith("broken")}
    shape = (
        "Invalid argument: model 'broken_shape', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,4]) but the"
        " model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed"
        " by the explicit tensor shape, making complete shape [-1,5])"
    )
    dtype = (
        "Invalid argument: unable to load model 'broken_dtype', configuration expects datatype TYPE_INT64 for input"
        " 'INPUT0', model provides TYPE_FP32"
    )
    file = (
        f"Internal: onnx runtime error 7: Load model from {folder}/broken_file/1/model.onnx failed:"
        "Protobuf parsing failed."
    )
    assert broken == {
        "broken_config": ("", "", ""),
        "broken_dtype": ("1", "UNAVAILABLE", dtype),
        "broken_file": ("1", "UNAVAILABLE", file),
        "broken_name": ("", "", ""),
        "broken_shape": ("1", "UNAVAILABLE", shape),
    }
    rows = {row["name"]: row for row in table(server)["models"]}
    assert "broken_dtype/config.pbtxt, line 4" in rows["broken_dtype"]["advice"]
    assert "write data_type: TYPE_FP32" in rows["broken_dtype"]["advice"]
    assert "expected an integer, found eight" in rows["broken_config"]["advice"]
    assert rows["broken_noversion"]["reason"].startswith("at least one version must be available")
    assert server.engine.unready["broken_shape"] == [1]
    with pytest.raises(TritonError, match="version 1 is not at ready state"):
        server.lifecycle.table.served("broken_shape", 1)


def test_strict_readiness(tmp_path):
    put(tmp_path, "good")
    put(tmp_path, "none", versions=())
    assert not ready(start(tmp_path)[0])
    assert ready(start(tmp_path, strict_readiness=False, exit_on_error=False)[0])


def test_not_ready_before_the_initial_load(tmp_path):
    put(tmp_path, "good")
    server = Server(model_repository=[str(tmp_path)])
    assert not ready(server)
    assert server.call("ServerLive").live
    server.control_plane.load_models()
    assert ready(server)


def test_explicit_mode_loads_what_it_is_told(tmp_path):
    put(tmp_path, "one")
    put(tmp_path, "two")
    server, problem = start(tmp_path, model_control_mode="explicit", load_model=["two"])
    assert problem == ""
    assert index(server) == [("one", "", "", ""), ("two", "1", "READY", "")]
    assert index(server, ready=True) == [("two", "1", "READY", "")]
    assert start(tmp_path, model_control_mode="explicit", load_model=["*"])[0].engine.served.keys() == {"one", "two"}
    assert not start(tmp_path, model_control_mode="explicit")[0].engine.served


def test_missing_model_and_missing_repository(tmp_path):
    server, problem = start(tmp_path, model_control_mode="explicit", load_model=["no", "../no"])
    assert problem == "failed to load all models"
    reasons = [row["reason"] for row in table(server)["models"]]
    assert "failed to poll model 'no': model not found in any model repository." in reasons
    assert "invalid model name '../no', model name must not contain path traversal characters" in reasons
    assert "is not a valid directory" in start(tmp_path / "nowhere")[1]


def test_same_name_in_two_repositories(tmp_path):
    for folder in ("a", "b"):
        put(tmp_path / folder, "both")
        put(tmp_path / folder, f"only_{folder}")
    server, problem = start(tmp_path / "a", tmp_path / "b")
    assert problem
    assert ("both", "", "UNAVAILABLE", "model appears in two or more repositories") in index(server)
    assert server.engine.served.keys() == {"only_a", "only_b"}


def test_ensembles_wait_for_their_models(tmp_path):
    put(tmp_path, "a_outer", ensemble("b_inner", "z_leaf"))
    put(tmp_path, "b_inner", ensemble("z_leaf"))
    put(tmp_path, "z_leaf")
    put(tmp_path, "other")
    server, problem = start(tmp_path, model_control_mode="explicit", load_model=["a_outer"])
    assert problem == ""
    assert list(server.engine.served) == ["z_leaf", "b_inner", "a_outer"]
    assert server.call("ModelConfig", name="a_outer").config.HasField("model_transaction_policy")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ensemble("bad"), "ensemble e contains models that are not available or ambiguous: bad"),
        (ensemble("none"), "ensemble e contains models that are not available or ambiguous: none"),
        (ensemble("leaf:7"), "ensemble 'e' depends on 'leaf' whose required version 7 is not loaded."),
        (
            ensemble("empty"),
            "ensemble 'e' depends on 'empty' which has no loaded version. Model 'empty' loading failed with error: at"
            " least one version must be available under the version policy of model 'empty'",
        ),
        (
            ensemble("leaf", batch=8),
            "ensemble e allows maximum batch size 8, but it contains model leaf which only allows maximum batch size"
            " to be 4",
        ),
        (
            ensemble("leaf", tensor_type="TYPE_INT32"),
            "in ensemble e, ensemble tensor INPUT0: inconsistent data type: TYPE_INT32 is inferred from model e while"
            " TYPE_FP32 is inferred from model leaf",
        ),
        (
            ensemble("leaf").replace("dims: 4", "dims: [ 4, 4 ]"),
            "in ensemble e, ensemble tensor INPUT0: inconsistent shape: [-1,4,4] is inferred from model e while [-1,4]"
            " is inferred from model leaf",
        ),
        (
            ensemble("leaf").replace('key: "INPUT0"', 'key: "X"'),
            "in ensemble e, ensemble tensor INPUT0 is mapping to non-existing input X in model leaf",
        ),
        (
            ensemble("leaf").replace('key: "OUTPUT0"', 'key: "X"'),
            "in ensemble e, ensemble tensor OUTPUT0 is mapped from non-existing output X in model leaf",
        ),
        (ensemble("e"), "circular dependency between ensembles: e -> ... -> e -> e"),
        (ensemble("f"), "circular dependency between ensembles: e -> ... -> f -> e"),
    ],
)
def test_ensembles_that_do_not_fit(tmp_path, config, expected):
    put(tmp_path, "e", config)
    put(tmp_path, "f", ensemble("e"))
    put(tmp_path, "bad", "max_batch_size: x")
    put(tmp_path, "leaf")
    put(tmp_path, "empty", versions=())
    server, problem = start(tmp_path)
    assert problem
    assert server.lifecycle.table.problems()["e"].text == expected
    assert "leaf" in server.engine.served
    assert "e" not in server.engine.served


def test_ensemble_takes_labels_of_its_models(tmp_path):
    labelled = IDENTITY.replace('"OUTPUT0"', '"OUTPUT0" label_filename: "l.txt"')
    put(tmp_path, "leaf", labelled)
    (tmp_path / "leaf" / "l.txt").write_text("cat\ndog\n")
    put(tmp_path, "e", ensemble("leaf"))
    server, problem = start(tmp_path)
    assert problem == ""
    assert server.engine.served["e"][1].outputs[0].labels == ["cat", "dog"]


def test_an_unexpected_error_is_one_models(tmp_path, monkeypatch):
    put(tmp_path, "bad")
    put(tmp_path, "good")
    server = Server(model_repository=[str(tmp_path)])
    load_model = server.engine.load_model

    def load(spec, opened=None, metrics=None):
        if spec.name == "bad":
            raise ValueError("no such enumeration value: 99")
        return load_model(spec, opened, metrics)

    monkeypatch.setattr(server.engine, "load_model", load)
    assert server.control_plane.load_models() == "failed to load all models"
    assert server.engine.served.keys() == {"good"}
    assert "no such enumeration value: 99" in server.lifecycle.table.problems()["bad"].text


def test_bare_files(golden_models, tmp_path):
    shutil.copy(golden_models[0] / "autocomplete" / "1" / "model.onnx", tmp_path / "plain.onnx")
    for repository in (tmp_path, tmp_path / "plain.onnx"):
        server, problem = start(repository)
        assert problem == ""
        spec = server.engine.served["plain"][1]
        assert (spec.model_file, spec.max_batch_size) == (str(tmp_path / "plain.onnx"), 4)
        config = server.call("ModelConfig", name="plain").config
        assert (config.platform, config.default_model_filename) == ("onnxruntime_onnx", "plain.onnx")


def test_without_auto_completion(golden_models):
    folder = str(golden_models[0])
    names = ["simple", "autocomplete", "autocomplete_partial"]
    server, _ = start(folder, model_control_mode="explicit", load_model=names, disable_auto_complete_config=True)
    assert server.engine.served.keys() == {"simple"}
    problems = server.lifecycle.table.problems()
    assert (
        problems["autocomplete"].text
        == f"failed to open text file for read {folder}/autocomplete/config.pbtxt: No such file or directory"
    )


def test_models_load_side_by_side_and_show_progress(tmp_path):
    for name in ("a", "b"):
        put(tmp_path, name)
    server = Server(model_repository=[str(tmp_path)])
    together, seen = threading.Barrier(3, timeout=30), threading.Event()
    load_model = server.engine.load_model

    def slow(spec, opened=None, metrics=None):
        together.wait()
        assert seen.wait(30)
        return load_model(spec, opened, metrics)

    server.engine.load_model = slow
    loading = threading.Thread(target=server.control_plane.load_models)
    loading.start()
    together.wait()
    shown = table(server)
    assert [row["state"] for row in shown["models"]] == ["LOADING", "LOADING"]
    assert not shown["done"]
    seen.set()
    loading.join()
    assert table(server)["done"]


def test_states_only_move_along_their_edges(tmp_path):
    put(tmp_path, "m")
    server, _ = start(tmp_path)
    with pytest.raises(ValueError, match="cannot go from"):
        server.lifecycle.table.advance("m", 1, State.LOADING)


def test_unbuilt_methods_say_so():
    with pytest.raises(TritonError) as caught:
        handler_of(MethodNumber.MODEL_INFER)  # Never a control call.
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.text == "ModelInfer is not available in this release"
