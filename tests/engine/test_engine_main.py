"""The engine process, from the outside: how it starts, answers and ends."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from triton_lite.engine.options import EngineOptions
from triton_lite.engine.report import Report
from triton_lite.errors import TritonError
from triton_lite.proto import METHODS, MethodNumber

native = pytest.importorskip("triton_lite._native")

IDENTITY = """backend: "identity" max_batch_size: 0
input { name: "INPUT0" data_type: TYPE_INT32 dims: -1 }
output { name: "OUTPUT0" data_type: TYPE_INT32 dims: -1 }
"""
COMMAND = [sys.executable, "-m", "triton_lite.engine"]


def listen(descriptor, until):
    """Read reports until `until(report)` holds or the engine has ended."""
    report = Report()
    while not until(report):
        data = os.read(descriptor, 65536)
        if not data:
            break
        report.feed(data)
    return report


@contextmanager
def engine(tmp_path, *arguments, **options):
    """Run an engine process; gives it, its socket and the descriptor of its reports."""
    (tmp_path / "models" / "echo" / "1").mkdir(parents=True, exist_ok=True)
    (tmp_path / "models" / "echo" / "config.pbtxt").write_text(IDENTITY)
    options = EngineOptions(model_repository=[str(tmp_path / "models")], **options)
    (tmp_path / "options.json").write_text(options.to_json())
    socket = str(tmp_path / "engine.sock")
    ours, theirs = os.pipe()
    command = [*COMMAND, "--socket", socket, "--options", str(tmp_path / "options.json"), "--ready-fd", str(theirs)]
    process = subprocess.Popen([*command, *arguments], pass_fds=[theirs])
    os.close(theirs)
    try:
        yield process, socket, ours
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def call(client, method, message=b""):
    answer = client.wait(client.send(int(method), message), 30)
    if answer.code:
        raise TritonError(answer.code, answer.text)
    return bytes(answer.message)


def test_serves_until_it_is_told_to_end(tmp_path):
    with engine(tmp_path) as (process, socket, reports):
        report = listen(reports, lambda report: report.loaded)
        assert report.listening
        assert [(model.name, model.state) for model in report.models] == [("echo", "READY")]
        client = native.ChannelClient(socket, "test")
        metadata = METHODS["ModelMetadata"].response.FromString(
            call(client, MethodNumber.MODEL_METADATA, METHODS["ModelMetadata"].request(name="echo").SerializeToString())
        )
        assert (metadata.name, list(metadata.versions), metadata.platform) == ("echo", ["1"], "identity")
        table = json.loads(call(client, MethodNumber.ADMIN, b'{"what": "models"}'))
        assert table["done"] and not table["problem"]
        setting = METHODS["TraceSetting"].response.FromString(call(client, MethodNumber.TRACE_SETTING))
        assert list(setting.settings["trace_level"].value) == ["OFF"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_lives_on_through_a_hangup(tmp_path):
    with engine(tmp_path) as (process, socket, reports):
        listen(reports, lambda report: report.listening)
        process.send_signal(signal.SIGHUP)
        client = native.ChannelClient(socket, "test")
        assert METHODS["ServerLive"].response.FromString(call(client, MethodNumber.SERVER_LIVE)).live


def test_ends_when_nobody_needs_it(tmp_path):
    with engine(tmp_path, "--linger", "0.05") as (process, _, _):
        assert process.wait(30) == 0


def test_ends_with_its_supervisor(tmp_path):
    """The supervisor is a process that ends as soon as the engine listens; a pipe that the engine holds tells."""
    supervisor = """
import os, subprocess, sys
ready, ready_end = os.pipe()
alive = int(sys.argv[1])
command = [*sys.argv[2:], "--ready-fd", str(ready_end), "--parent", str(os.getpid())]
subprocess.Popen(command, pass_fds=[ready_end, alive], start_new_session=True)
assert b"listening" in os.read(ready, 4096)
"""
    (tmp_path / "models").mkdir()
    options = EngineOptions(model_repository=[str(tmp_path / "models")])
    (tmp_path / "options.json").write_text(options.to_json())
    alive, alive_end = os.pipe()
    command = [*COMMAND, "--socket", str(tmp_path / "s"), "--options", str(tmp_path / "options.json")]
    subprocess.run([sys.executable, "-c", supervisor, str(alive_end), *command], pass_fds=[alive_end], check=True)
    os.close(alive_end)
    assert select.select([alive], [], [], 30)[0]
    assert os.read(alive, 1) == b""
    os.close(alive)


def test_ends_at_once_when_its_supervisor_is_gone_already(tmp_path):
    with engine(tmp_path, "--parent", "999999999") as (process, _, reports):
        assert process.wait(30) == 0
        assert not listen(reports, lambda report: report.listening).listening


def test_reports_what_could_not_be_loaded(tmp_path):
    (tmp_path / "models" / "bad").mkdir(parents=True)
    (tmp_path / "models" / "bad" / "config.pbtxt").write_text("max_batch_size: many")
    with engine(tmp_path, exit_on_error=False) as (_, socket, reports):
        report = listen(reports, lambda report: report.loaded)
        assert report.problem == "failed to load all models"
        rows = {model.name: model for model in report.models}
        assert not rows["bad"].ready
        assert "line 1, column 17" in rows["bad"].advice
        assert rows["echo"].ready
        client = native.ChannelClient(socket, "test")
        # Triton does not count a model whose configuration it could not read.
        assert METHODS["ServerReady"].response.FromString(call(client, MethodNumber.SERVER_READY)).ready


@pytest.mark.parametrize(
    ("options", "problem"), [("{", "Expecting"), ('{"colour": 1}', "unknown option 'colour'"), (None, "No such file")]
)
def test_refuses_bad_options(tmp_path, options, problem):
    if options is not None:
        (tmp_path / "options.json").write_text(options)
    command = [*COMMAND, "--socket", str(tmp_path / "s"), "--options", str(tmp_path / "options.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert problem in result.stderr


def test_imports_little():
    program = (
        "import sys, triton_lite.engine.main, triton_lite._native;"
        "unwanted = ('numpy', 'grpc', 'onnxruntime', 'google', 'falcon', 'subprocess', 'tarfile');"
        "print([name for name in unwanted if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "[]"
