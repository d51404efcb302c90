"""Load, unload and polling: what changes, what stays, and what clients are told."""

import os
import tempfile
import threading
import time
from pathlib import Path

import pytest
from test_lifecycle import IDENTITY, ensemble, index, put, ready, start

from triton_lite.errors import Code, TritonError

JSON_CONFIG = (
    '{"backend": "identity", "max_batch_size": 2, "input": [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [4]}],'
    ' "output": [{"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]}]}'
)


def explicit(*folders, load=("*",), **options):
    server, problem = start(*folders, model_control_mode="explicit", load_model=list(load), **options)
    assert problem == ""
    return server


def touch(*paths):
    """Make files newer than anything before."""
    later = time.time_ns() + touch.steps * 1_000_000_000
    touch.steps += 1
    for path in paths:
        os.utime(path, ns=(later, later))


touch.steps = 1


def refused(call, *arguments, **fields):
    with pytest.raises(TritonError) as caught:
        call(*arguments, **fields)
    return caught.value.code, caught.value.text


def states(server):
    return [(name, version, state) for name, version, state, _ in index(server) if version]


def test_reload_serves_the_old_model_until_the_new_is_there(tmp_path):
    put(tmp_path, "m", "version_policy { all { } } " + IDENTITY, versions=(1, 2))
    server = explicit(tmp_path)
    before = server.engine.served["m"]
    (tmp_path / "m" / "config.pbtxt").write_text('backend: "none"')
    touch(tmp_path / "m" / "config.pbtxt")
    code, text = refused(server.lifecycle.load, "m")
    assert code is Code.INVALID_ARGUMENT
    assert text.startswith(
        "load failed for model 'm': version 2 is at UNAVAILABLE state: Invalid argument: unable to find backend"
    )
    assert server.engine.served["m"] is before
    assert index(server, ready=True) == [("m", "1", "READY", ""), ("m", "2", "READY", "")]
    # Nothing changed since, but the last load failed: it is tried again.
    assert refused(server.lifecycle.load, "m") == (code, text)
    put(tmp_path, "m", versions=(2,))
    touch(tmp_path / "m" / "config.pbtxt")
    server.lifecycle.load("m")
    assert server.engine.served["m"].keys() == {2}
    assert server.engine.unready["m"] == [1]
    assert index(server) == [("m", "1", "UNAVAILABLE", "unloaded"), ("m", "2", "READY", "")]


def test_versions_that_failed_beside_others_are_not_ready(tmp_path):
    put(tmp_path, "m")
    server = explicit(tmp_path)
    before = server.engine.served["m"]
    put(tmp_path, "m", 'backend: "none"', versions=(3,))
    touch(tmp_path / "m" / "config.pbtxt")
    refused(server.lifecycle.load, "m")
    assert server.engine.served["m"] == before
    assert server.engine.unready["m"] == [3]


def test_unload(tmp_path):
    put(tmp_path, "m")
    server = explicit(tmp_path)
    server.lifecycle.unload("m")
    assert "m" not in server.engine.served
    assert index(server) == [("m", "1", "UNAVAILABLE", "unloaded")]
    assert ready(server)
    with pytest.raises(TritonError, match="'m' has no available versions"):
        server.call("ModelMetadata", name="m")
    server.lifecycle.load("m")
    assert index(server) == [("m", "1", "READY", "")]


def test_unloading_lasts_as_long_as_requests(tmp_path, monkeypatch):
    monkeypatch.setattr("triton_lite.engine.version_loads._UNLOAD_SECONDS", 0)
    put(tmp_path, "m")
    put(tmp_path, "n")
    server = explicit(tmp_path)
    server.engine.drained.clear()
    server.lifecycle.unload("m")
    server.lifecycle.unload("n")
    assert states(server) == [("m", "1", "UNLOADING"), ("n", "1", "UNLOADING")]
    server.lifecycle.load("n")
    waiting = [thread for thread in threading.enumerate() if thread.name == "unload"]
    server.engine.drained.set()
    for thread in waiting:
        thread.join(30)
    assert states(server) == [("m", "1", "UNAVAILABLE"), ("n", "1", "READY")]


def test_only_what_changed_is_loaded(tmp_path):
    put(tmp_path, "m", "version_policy { all { } } " + IDENTITY, versions=(1, 2))
    server = explicit(tmp_path)
    first = dict(server.engine.served["m"])
    server.lifecycle.load("m")
    assert server.engine.served["m"] == first
    (tmp_path / "m" / "2" / "file").write_text("new")
    touch(tmp_path / "m" / "2" / "file")
    server.lifecycle.load("m")
    second = server.engine.served["m"]
    assert second[1] is first[1]
    assert second[2] is not first[2]
    put(tmp_path, "m", "version_policy { specific { versions: 1 } } " + IDENTITY, versions=(1,))
    touch(tmp_path / "m" / "config.pbtxt")
    server.lifecycle.load("m")
    assert server.engine.served["m"] == {1: first[1]}
    assert list(server.call("ModelConfig", name="m").config.version_policy.specific.versions) == [1]
    put(tmp_path, "m", IDENTITY.replace("max_batch_size: 4", "max_batch_size: 7"))
    touch(tmp_path / "m" / "config.pbtxt")
    server.lifecycle.load("m")
    assert server.engine.served["m"][2].max_batch_size == 7


@pytest.mark.parametrize("mode", ["none", "poll"])
def test_control_only_in_mode_explicit(tmp_path, mode):
    put(tmp_path, "m")
    server, _ = start(tmp_path, model_control_mode=mode)
    text = "explicit model load / unload is not allowed if polling is enabled"
    assert refused(server.call, "RepositoryModelLoad", model_name="m") == (Code.UNAVAILABLE, text)
    assert refused(server.call, "RepositoryModelUnload", model_name="m") == (Code.UNAVAILABLE, text)
    assert states(server) == [("m", "1", "READY")]


def test_an_ensemble_brings_its_models_and_takes_them_along(tmp_path):
    put(tmp_path, "e", ensemble("leaf", "own"))
    put(tmp_path, "other", ensemble("leaf"))
    put(tmp_path, "leaf")
    put(tmp_path, "own")
    server = explicit(tmp_path, load=["e"])
    assert server.engine.served.keys() == {"e", "leaf", "own"}
    server.lifecycle.load("other")
    server.lifecycle.unload("e", dependents=True)
    assert server.engine.served.keys() == {"other", "leaf"}
    server.lifecycle.unload("other")
    assert server.engine.served.keys() == {"leaf"}


def test_a_model_that_was_asked_for_stays(tmp_path):
    put(tmp_path, "e", ensemble("leaf"))
    put(tmp_path, "leaf")
    server = explicit(tmp_path, load=["leaf"])
    server.lifecycle.load("e")
    server.lifecycle.unload("e", dependents=True)
    assert server.engine.served.keys() == {"leaf"}


def test_an_ensemble_follows_its_models(tmp_path):
    put(tmp_path, "e", ensemble("leaf"))
    put(tmp_path, "top", ensemble("e"))
    put(tmp_path, "leaf")
    server = explicit(tmp_path)
    server.lifecycle.unload("leaf")
    assert server.engine.served == {}
    missing = "ensemble e contains models that are not available or ambiguous: leaf"
    problems = {name: problem.text for name, problem in server.lifecycle.table.problems().items()}
    assert problems["e"] == missing
    assert problems["top"] == (
        f"ensemble 'top' depends on 'e' which is not valid. Model 'e' failed with error: {missing}"
    )
    server.lifecycle.load("leaf")
    assert server.engine.served.keys() == {"leaf", "e", "top"}
    assert server.lifecycle.table.problems() == {}
    server.lifecycle.unload("leaf")
    server.lifecycle.load("top")  # It did not change itself, but what it needs is missing.
    assert server.engine.served.keys() == {"leaf", "e", "top"}
    before = server.engine.served["e"]
    touch(tmp_path / "leaf" / "1")
    server.lifecycle.load("leaf")
    assert server.engine.served["e"] is not before


def test_config_override(tmp_path):
    put(tmp_path, "m")
    server = explicit(tmp_path)
    parameters = {"config": {"string_param": JSON_CONFIG}}
    server.call("RepositoryModelLoad", model_name="m", parameters=parameters)
    assert server.engine.served["m"][1].max_batch_size == 2
    put(tmp_path, "m")
    touch(tmp_path / "m" / "config.pbtxt")
    server.lifecycle.load("m")
    assert server.engine.served["m"][1].max_batch_size == 4
    parameters["config"]["string_param"] = "{nonsense"
    refusal = (Code.INTERNAL, "failed to load 'm', failed to poll from model repository")
    assert refused(server.call, "RepositoryModelLoad", model_name="m", parameters=parameters) == refusal
    assert server.engine.served["m"][1].max_batch_size == 4


def load_files(server, name="new", config=JSON_CONFIG, **files):
    parameters = {f"file:{path}": {"bytes_param": content} for path, content in files.items()}
    if config:
        parameters["config"] = {"string_param": config}
    server.call("RepositoryModelLoad", model_name=name, parameters=parameters)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_files_override(tmp_path, scratch):
    put(tmp_path / "models", "m")
    server = explicit(tmp_path / "models")
    load_files(server, **{"1/data": b"one", "3/deep/er/data": b"two"})
    assert server.engine.served["new"].keys() == {3}
    (folder,) = scratch.iterdir()
    assert (folder / "3" / "deep" / "er" / "data").read_bytes() == b"two"
    assert server.engine.served["new"][3].version_directory == str(folder / "3")
    load_files(server, name="m", **{"2/x": b""})
    assert server.engine.served["m"].keys() == {2}
    server.lifecycle.load("m")  # Without files: the repository's are back.
    assert server.engine.served["m"].keys() == {1}
    assert list(scratch.iterdir()) == [folder]
    server.lifecycle.unload("new")
    assert list(scratch.iterdir()) == []


def test_files_stay_while_they_are_served(tmp_path, scratch):
    (tmp_path / "models").mkdir()
    server = explicit(tmp_path / "models")
    load_files(server, **{"1/x": b""})
    (first,) = scratch.iterdir()
    broken = JSON_CONFIG.replace('"identity"', '"nothing"')
    assert refused(load_files, server, config=broken, **{"1/x": b""})[0] is Code.INVALID_ARGUMENT
    assert server.engine.served["new"][1].version_directory == str(first / "1")
    assert (first / "1" / "x").exists()
    load_files(server, **{"1/x": b""})
    assert not first.exists()
    server.lifecycle.unload("new")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "config"),
    [
        ({"1/x": b""}, ""),
        ({"../escape": b""}, JSON_CONFIG),
        ({"1/../../escape": b""}, JSON_CONFIG),
        ({"": b""}, JSON_CONFIG),
        ({"1": b"", "1/x": b""}, JSON_CONFIG),
        ({"1/x": b""}, "{"),
        ({"1/\0": b""}, JSON_CONFIG),
    ],
)
def test_files_that_are_refused_leave_nothing_behind(tmp_path, scratch, files, config):
    put(tmp_path / "models", "m")
    server = explicit(tmp_path / "models")
    before = server.engine.served["m"]
    text = "failed to load 'm', failed to poll from model repository"
    assert refused(load_files, server, "m", config, **files) == (Code.INTERNAL, text)
    assert server.engine.served["m"] is before
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "escape").exists()


def test_files_go_with_the_server(tmp_path, scratch):
    (tmp_path / "models").mkdir()
    server = explicit(tmp_path / "models")
    load_files(server, **{"1/x": b""})
    assert list(scratch.iterdir())
    server.lifecycle.close()
    assert not list(scratch.iterdir())


def test_parameters_of_a_wrong_kind(tmp_path):
    put(tmp_path, "m")
    server = explicit(tmp_path)
    for parameters, text in (
        ({"config": {"int64_param": 1}}, "invalid value type for load parameter 'config', expected string_param."),
        ({"file:1/x": {"string_param": ""}}, "invalid value type for load parameter 'file:1/x', expected bytes_param."),
        ({"other": {"string_param": ""}}, "unrecognized load parameter 'other'."),
    ):
        refusal = refused(server.call, "RepositoryModelLoad", model_name="m", parameters=parameters)
        assert refusal == (Code.INVALID_ARGUMENT, text)


def test_names_that_are_not_there(tmp_path):
    put(tmp_path, "m")
    server = explicit(tmp_path)
    text = "failed to load 'no', failed to poll from model repository"
    assert refused(server.lifecycle.load, "no") == (Code.INTERNAL, text)
    empty = "Model name cannot be empty. Please enter a valid name to deploy."
    assert refused(server.lifecycle.load, "") == (Code.INTERNAL, empty)
    assert refused(server.lifecycle.load, " \t") == (Code.INVALID_ARGUMENT, empty)
    for name in ("../m", "..", ".", "a/b"):
        text = f"invalid model name '{name}', model name must not contain path traversal characters"
        assert refused(server.lifecycle.load, name) == (Code.INVALID_ARGUMENT, text)
    for name in ("no", "../m", "", "."):
        server.lifecycle.unload(name)
    assert states(server) == [("m", "1", "READY")]


def test_poll_follows_the_repository(tmp_path):
    for name in ("changes", "goes", "stays", "leaf"):
        put(tmp_path, name)
    put(tmp_path, "e", ensemble("leaf"))
    server, _ = start(tmp_path, model_control_mode="poll")
    stays = server.engine.served["stays"]
    assert server.lifecycle.poll() == {}
    assert server.engine.served["stays"] is stays
    put(tmp_path, "changes", IDENTITY.replace("max_batch_size: 4", "max_batch_size: 9"))
    touch(tmp_path / "changes" / "config.pbtxt")
    put(tmp_path, "comes")
    (tmp_path / "goes").rename(tmp_path.parent / f"{tmp_path.name}-gone")
    (tmp_path / "leaf" / "2").mkdir()
    touch(tmp_path / "leaf" / "2")
    assert server.lifecycle.poll() == {}
    assert server.engine.served["stays"] is stays
    assert server.engine.served["changes"][1].max_batch_size == 9
    assert server.engine.served["leaf"].keys() == {2}
    assert server.engine.served.keys() == {"changes", "comes", "stays", "leaf", "e"}
    (tmp_path / "changes" / "config.pbtxt").write_text("nonsense {")
    touch(tmp_path / "changes" / "config.pbtxt")
    assert server.lifecycle.poll().keys() == {"changes"}
    assert server.engine.served["changes"][1].max_batch_size == 9


def test_poll_unloads_what_is_no_longer_unique(tmp_path):
    put(tmp_path / "a", "m")
    (tmp_path / "b").mkdir()
    server, _ = start(tmp_path / "a", tmp_path / "b", model_control_mode="poll")
    put(tmp_path / "b", "m")
    assert "not unique across all model repositories" in server.lifecycle.poll()["m"].text
    assert server.engine.served == {}
    (tmp_path / "b" / "m").rename(tmp_path / "away")
    assert server.lifecycle.poll() == {}
    assert server.engine.served.keys() == {"m"}


def test_a_repository_that_cannot_be_read_takes_nothing_away(tmp_path):
    put(tmp_path / "a", "m")
    server, _ = start(tmp_path / "a", model_control_mode="poll")
    (tmp_path / "a").rename(tmp_path / "b")
    assert server.lifecycle.poll()
    assert server.engine.served.keys() == {"m"}
    (tmp_path / "b").rename(tmp_path / "a")
    assert server.lifecycle.poll() == {}


def test_namespacing(tmp_path):
    for folder in ("a", "b"):
        put(tmp_path / folder, "leaf")
        put(tmp_path / folder, f"only_{folder}")
        put(tmp_path / folder, f"e_{folder}", ensemble("leaf"))
    server, problem = start(tmp_path / "a", tmp_path / "b", model_namespacing=True, model_control_mode="poll")
    assert problem == ""
    a, b = (f"{tmp_path}/{folder}::" for folder in ("a", "b"))
    assert server.engine.served.keys() == {a + "leaf", b + "leaf", a + "only_a", b + "only_b", a + "e_a", b + "e_b"}
    assert server.engine.served[b + "e_b"][1].scheduler.steps[0].model_name == b + "leaf"
    text = (
        "There are 2 identifiers of model 'leaf' in global map, model namespace must be provided to resolve ambiguity."
    )
    assert server.engine.aliases["leaf"] == (int(Code.INVALID_ARGUMENT), text)
    assert server.engine.aliases["only_a"] == a + "only_a"
    assert refused(server.call, "ModelConfig", name="leaf") == (Code.INVALID_ARGUMENT, text)
    assert server.call("ModelConfig", name="only_a").config.name == "only_a"
    step = server.call("ModelConfig", name="e_b").config.ensemble_scheduling.step[0]
    assert (step.model_name, step.model_namespace) == ("leaf", f"{tmp_path}/b")
    assert [row[0] for row in index(server)].count("leaf") == 2
    (tmp_path / "a" / "leaf").rename(tmp_path / "away")
    server.lifecycle.poll()
    assert server.engine.aliases["leaf"] == b + "leaf"
    # The ensemble finds the only one that is left, in the other namespace.
    assert server.engine.served[a + "e_a"][1].scheduler.steps[0].model_name == b + "leaf"


def test_related_models_load_in_turn_and_others_beside_them(tmp_path):
    for name in ("leaf", "other"):
        put(tmp_path, name)
    put(tmp_path, "e", ensemble("leaf"))
    server = explicit(tmp_path, load=["other"])
    entered, leave = threading.Event(), threading.Event()
    load_model = server.engine.load_model

    def load(spec, opened=None, metrics=None):
        if spec.name == "leaf":
            entered.set()
            assert leave.wait(30)
        return load_model(spec, opened, metrics)

    server.engine.load_model = load
    first = threading.Thread(target=server.lifecycle.load, args=("leaf",))
    first.start()
    assert entered.wait(30)
    second = threading.Thread(target=server.lifecycle.load, args=("e",))
    second.start()
    touch(tmp_path / "other" / "config.pbtxt")
    server.lifecycle.load("other")
    assert "e" not in server.engine.served
    leave.set()
    first.join(30)
    second.join(30)
    assert server.engine.served.keys() == {"leaf", "e", "other"}


def test_version_folders_with_odd_names(tmp_path):
    put(tmp_path, "m", "version_policy { all { } } " + IDENTITY, versions=("1", "2", "03", "4x", "-5", "x", "configs"))
    server = explicit(tmp_path)
    assert server.engine.served["m"].keys() == {-5, 1, 2, 4}
    # A number that is none of a version has no place in the index.
    index = server.call("RepositoryIndex").models
    assert [model.version for model in index] == ["", "1", "2", "4"]


def test_links_count(tmp_path):
    put(tmp_path / "elsewhere", "m")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "linked").symlink_to(tmp_path / "elsewhere" / "m")
    (tmp_path / "models" / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "elsewhere" / "m" / "1" / "self").symlink_to(tmp_path / "elsewhere" / "m")
    server = explicit(tmp_path / "models")
    assert server.engine.served.keys() == {"linked"}


@pytest.mark.parametrize("place", ["config.pbtxt", "labels", "1/model.onnx"])
def test_a_pipe_in_a_files_place_holds_nothing_up(tmp_path, place):
    labelled = IDENTITY.replace('"OUTPUT0"', '"OUTPUT0" label_filename: "labels"')
    put(tmp_path, "m", labelled if place == "labels" else 'backend: "onnxruntime"')
    put(tmp_path, "good")
    (tmp_path / "m" / place).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "m" / place)
    server, problem = start(tmp_path)
    assert problem
    assert server.engine.served.keys() == {"good"}


@pytest.mark.parametrize("labels", ["a\\000b", "nowhere"])
def test_label_files_that_are_not_there(tmp_path, labels):
    put(tmp_path, "m", IDENTITY.replace('"OUTPUT0"', f'"OUTPUT0" label_filename: "{labels}"'))
    server, problem = start(tmp_path)
    assert problem
    assert "failed to open text file for read" in index(server)[0][3]


def test_an_empty_repository(tmp_path):
    server = explicit(tmp_path)
    assert index(server) == []
    assert ready(server)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folder(tmp_path):
    put(tmp_path, "m")
    put(tmp_path, "good")
    (tmp_path / "m").chmod(0)
    try:
        server, problem = start(tmp_path)
        assert problem
        assert server.engine.served.keys() == {"good"}
    finally:
        (tmp_path / "m").chmod(0o755)


def test_a_file_that_vanishes_while_loading(golden_models, tmp_path):
    model = Path(golden_models[0]) / "simple" / "1" / "model.onnx"
    put(tmp_path, "m", 'backend: "onnxruntime"')
    (tmp_path / "m" / "1" / "model.onnx").write_bytes(model.read_bytes())
    server = explicit(tmp_path)
    before = server.engine.served["m"]
    (tmp_path / "m" / "1" / "model.onnx").unlink()
    touch(tmp_path / "m" / "1")
    code, text = refused(server.lifecycle.load, "m")
    assert code is Code.INVALID_ARGUMENT
    assert "version 1 is at UNAVAILABLE state" in text
    assert server.engine.served["m"] is before
