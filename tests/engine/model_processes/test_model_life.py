"""Models of the Python backend from load to unload, with real processes and the data plane."""

import contextlib
import json
import logging
import os

import numpy as np
import pytest
from processes import descendants, gone
from serving import (
    CONFIG,
    VALUES,
    infer,
    note_pid,
    pids,
    python_backend,
    reason,
    serving,
    wait_until,
    write_model,
)

from triton_lite.errors import Code, TritonError


def descriptors():
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # Such as that of the listing.
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return sorted(found)


def models_below():
    """Model processes that this one has started and that are not gone yet."""
    return [pid for pid, line in descendants(os.getpid()).items() if "triton_python_backend_stub" in line]


def test_a_model_serves(tmp_path):
    write_model(tmp_path)
    with serving(tmp_path) as server:
        assert server.ready() and server.model("m").ready()
        assert np.array_equal(infer(server), VALUES)


def test_what_initialize_is_told(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, methods="def initialize(self, args):\n    import json\n    print('ARGS ' + json.dumps(args))")
    with serving(tmp_path) as server:
        shown = server.model("m").config()
    (line,) = (line for line in caplog.messages if "ARGS" in line)
    assert line.startswith("m_0 stdout: ARGS ")
    args = json.loads(line.partition("ARGS ")[2])
    config = json.loads(args.pop("model_config"))
    assert args == {
        "model_instance_kind": "CPU",
        "model_instance_name": "m_0",
        "model_instance_device_id": "0",
        "model_repository": str(tmp_path / "m"),
        "model_version": "1",
        "model_name": "m",
    }
    assert config["name"] == "m" and config["input"][0]["data_type"] == "TYPE_FP32"
    assert config["default_model_filename"] == shown.default_model_filename == "model.py"
    assert config["instance_group"][0]["count"] == shown.instance_group[0].count == 1


def test_instances_are_processes_of_their_own_that_start_side_by_side(tmp_path):
    # Each waits until all three are there.
    wait = f"""
    def initialize(self, args):
        {note_pid(tmp_path)}
        while len(open({str(tmp_path / "pids")!r}).read().split()) < 3:
            time.sleep(0.01)
    """
    write_model(tmp_path, methods=wait, config=CONFIG + "instance_group { count: 3 kind: KIND_CPU }")
    with serving(tmp_path) as server:
        assert server.model("m").ready()
        assert len(set(pids(tmp_path))) == 3


FAILURES = {
    "raises": (
        "def initialize(self, args):\n    raise ValueError('no good')",
        "Internal: ValueError: no good\n\nAt:\n",
    ),
    "exits": ("def initialize(self, args):\n    os._exit(3)", "Internal: Stub process 'exits_0' is not healthy."),
    "crashes": (
        "def initialize(self, args):\n    os.kill(os.getpid(), 11)",
        "Internal: Stub process 'crashes_0' is not healthy.",
    ),
    "leaves": ("def initialize(self, args):\n    sys.exit(3)", "Internal: SystemExit: 3\n\nAt:\n"),
    "incomplete": (
        "@staticmethod\ndef auto_complete_config(config):\n    return None",
        "Internal: auto_complete_config function in model 'incomplete' must return a valid pb.ModelConfig object.",
    ),
    "incompletable": (
        "@staticmethod\ndef auto_complete_config(config):\n    os._exit(3)",
        "Internal: Stub process 'incompletable' is not healthy.",
    ),
}


def test_models_that_fail_have_tritons_reasons_and_harm_nobody(tmp_path):
    write_model(tmp_path, "good")
    for name, (methods, _) in FAILURES.items():
        write_model(tmp_path, name, methods)
    (write_model(tmp_path, "fileless") / "1" / "model.py").unlink()
    folder = write_model(tmp_path, "misnamed", config=CONFIG + 'default_model_filename: "my.txt"')
    (folder / "1" / "my.txt").write_text("")
    write_model(tmp_path, "bad#name")
    environment = 'parameters { key: "EXECUTION_ENV_PATH" value { string_value: "$$TRITON_MODEL_DIRECTORY/none" } }'
    write_model(tmp_path, "homeless", config=CONFIG + environment)
    with serving(tmp_path) as server:
        for name, (_, text) in FAILURES.items():
            assert reason(server, name).startswith(text)
        missing = f"Python model file not found in '{tmp_path}/fileless/1/model.py'"
        assert reason(server, "fileless") == f"Internal: Failed to preinitialize Python stub: {missing}"
        named = "Model name must end with '.py'. Model name is \"my.txt\"."
        assert reason(server, "misnamed") == f"Internal: {named}"
        invalid = "Invalid argument: Invalid stub name: contains invalid characters"
        assert reason(server, "bad#name") == invalid
        canonical = f"Internal: Failed to get the canonical path for {tmp_path}/homeless/none."
        assert reason(server, "homeless") == canonical
        assert not server.ready()
        assert np.array_equal(infer(server, "good"), VALUES)
        # Only that of the good one.
        wait_until(lambda: len(models_below()) == 1)


COMPLETING = """
@staticmethod
def auto_complete_config(config):
    config.add_input({"name": "IN", "data_type": "TYPE_FP32", "dims": [4]})
    config.add_output({"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]})
    config.set_max_batch_size(8)
    config.set_dynamic_batching()
    return config
"""


def test_a_model_completes_its_configuration(tmp_path):
    write_model(tmp_path, methods=COMPLETING, config=None)
    with serving(tmp_path) as server:
        config = server.model("m").config()
        assert (config.backend, config.max_batch_size) == ("python", 8)
        assert list(config.dynamic_batching.preferred_batch_size) == [8]
        assert [(tensor.name, list(tensor.dims)) for tensor in [*config.input, *config.output]] == [
            ("IN", [4]),
            ("OUT", [4]),
        ]
        assert np.array_equal(infer(server, values=VALUES[None]), VALUES[None])


def test_completion_can_be_switched_off(tmp_path):
    write_model(tmp_path, methods=COMPLETING)
    write_model(tmp_path, "unconfigured", methods=COMPLETING, config=None)
    with serving(tmp_path, disable_auto_complete_config=True) as server:
        assert server.model("m").config().max_batch_size == 0
        assert not server.model("unconfigured").ready()


def test_another_scheduler_than_was_configured_is_passed_over(tmp_path):
    methods = """
    @staticmethod
    def auto_complete_config(config):
        config._model_config["sequence_batching"] = {}
        del config._model_config["dynamic_batching"]
        config._model_config["max_batch_size"] = 2
        return config
    """
    write_model(tmp_path, methods=methods, config=CONFIG + "max_batch_size: 4 dynamic_batching { }")
    with serving(tmp_path) as server:
        config = server.model("m").config()
        assert config.HasField("dynamic_batching") and config.max_batch_size == 4


def test_unloading_finalizes_and_leaves_nothing_behind(tmp_path):
    said = tmp_path / "said"
    finalize = f"def finalize(self):\n    open({str(said)!r}, 'a').write('done ')"
    write_model(tmp_path, methods=f"def initialize(self, args):\n    {note_pid(tmp_path)}\n{finalize}")
    write_model(tmp_path, "warm")
    with serving(tmp_path, "warm") as server:
        before = descriptors()
        for count in (1, 2, 3):
            server.load("m")
            infer(server)
            server.unload("m")
            wait_until(lambda: reason(server) == "unloaded")
            assert said.read_text().split() == ["done"] * count
            assert all(map(gone, pids(tmp_path)))
        assert descriptors() == before
        assert len(models_below()) == 1
    assert models_below() == []


def test_ending_the_server_finalizes(tmp_path):
    said = tmp_path / "said"
    write_model(tmp_path, methods=f"def finalize(self):\n    open({str(said)!r}, 'w').write('done')")
    with serving(tmp_path) as server:
        infer(server)
    assert said.read_text() == "done"
    assert models_below() == []


def test_a_model_that_does_not_end_is_ended(tmp_path, caplog):
    caplog.set_level(logging.INFO, "triton_lite")
    write_model(tmp_path, methods="def finalize(self):\n    time.sleep(1000)")
    write_model(tmp_path, "errs", methods="def finalize(self):\n    undefined_variable")
    with serving(tmp_path, backend_config=python_backend(finalize_timeout_seconds=0.2)) as server:
        server.unload("m")
        wait_until(lambda: reason(server) == "unloaded")
        server.unload("errs")
        wait_until(lambda: reason(server, "errs") == "unloaded")
        assert models_below() == []
    assert "'m_0' took longer than 0.2 s to finalize: its process is ended" in caplog.text
    assert "finalizing 'errs_0' failed: NameError: name 'undefined_variable' is not defined" in caplog.text


def test_a_model_that_never_comes_up_is_ended(tmp_path, caplog):
    write_model(tmp_path, methods="def initialize(self, args):\n    time.sleep(1000)")
    write_model(tmp_path, "good")
    with serving(tmp_path, backend_config=python_backend(stub_timeout_seconds=1)) as server:
        assert reason(server) == "Internal: Stub process 'm_0' is not healthy."
        assert np.array_equal(infer(server, "good"), VALUES)
    assert "'m_0' took longer than 1 s to initialize: its process is ended" in caplog.text


def test_a_reload_takes_the_new_process_and_a_failed_one_keeps_the_old(tmp_path):
    folder = write_model(tmp_path, methods=f"def initialize(self, args):\n    {note_pid(tmp_path)}")
    with serving(tmp_path) as server:
        (first,) = pids(tmp_path)
        good = (folder / "1" / "model.py").read_text()
        (folder / "1" / "model.py").write_text(good.replace(note_pid(tmp_path), "raise ValueError('broken')"))
        with pytest.raises(TritonError, match="ValueError: broken"):
            server.load("m")
        assert np.array_equal(infer(server), VALUES)
        assert not gone(first) and server.model("m").ready()
        wait_until(lambda: len(models_below()) == 1)
        (folder / "1" / "model.py").write_text(good)
        server.load("m")
        _, second = pids(tmp_path)
        assert np.array_equal(infer(server), VALUES)
        wait_until(lambda: gone(first))
        assert not gone(second)


def test_a_refused_load_ends_what_was_started(tmp_path):
    warmup = 'model_warmup { name: "w" batch_size: 1 inputs { key: "IN" value { data_type: TYPE_FP32 dims: 4'
    write_model(
        tmp_path,
        config=CONFIG + warmup + " zero_data: true } } }",
        execute="def execute(self, requests):\n    os._exit(1)",
    )
    with serving(tmp_path) as server:
        assert "Stub process 'm_0' is not healthy." in reason(server)
        wait_until(lambda: models_below() == [])


def test_removed_settings_are_refused(tmp_path):
    write_model(tmp_path)
    with serving(tmp_path, backend_config=python_backend(thread_pool_size=0)) as server:
        assert reason(server) == "Invalid argument: thread-pool-size can't be less than 1."
        with pytest.raises(TritonError) as caught:
            infer(server)
        assert caught.value.code is Code.NOT_FOUND
