"""The commands of `triton-lite model` that talk to a server, against a real one."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from repositories import MODELS, write_identity
from server_process import ServerProcess, serve

from triton_lite.check import CheckOptions, check_repository
from triton_lite.cli.main import main


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = write_identity(tmp_path_factory.mktemp("repository"))
    (repository / "broken" / "1").mkdir(parents=True)
    (repository / "broken" / "1" / "model.onnx").write_bytes(b"no model")
    pair = repository / "pair" / "config.pbtxt"
    pair.parent.mkdir()
    (pair.parent / "1").mkdir()
    pair.write_text(
        'platform: "ensemble"\n'
        'input { name: "IN" data_type: TYPE_UINT8 dims: -1 }\noutput { name: "OUT" data_type: TYPE_UINT8 dims: -1 }\n'
        'ensemble_scheduling { step { model_name: "plain_identity" model_version: -1\n'
        '  input_map { key: "INPUT0" value: "IN" } output_map { key: "OUTPUT0" value: "OUT" } } }\n'
    )
    arguments = [f"--model-repository={MODELS}", f"--model-repository={repository}"]
    with serve(*arguments, "--model-control-mode=explicit", "--load-model=simple", "--http-workers=2") as process:
        yield process


class Cli:
    """The command line, against the server."""

    def __init__(self, server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = f"--url={server.http}"
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command that has to end with `code`; returns what it printed."""
        assert main(["model", *arguments, self._url]) == code
        told = self._capsys.readouterr()
        assert bool(told.err) == (code != 0)
        return told.out + told.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def cli(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(server, capsys)


def test_index(cli: Cli) -> None:
    lines = cli("index").splitlines()
    assert lines[1].split() == ["|", "Model", "|", "Version", "|", "State", "|", "Reason", "|"]
    assert "| simple         | 1       | READY | -      |" in lines
    assert {"name": "simple", "version": "1", "state": "READY"} in cli.json("index")
    assert [model["name"] for model in cli.json("index", "--ready")] == ["simple"]


def test_config(cli: Cli, tmp_path: Path) -> None:
    assert cli.json("config", "simple")["max_batch_size"] == 8
    text = cli("config", "simple")
    assert 'name: "simple"\n' in text
    # It is a configuration that can be written back.
    (tmp_path / "simple" / "1").mkdir(parents=True)
    (tmp_path / "simple" / "config.pbtxt").write_text(text)
    model = (MODELS / "simple" / "1" / "model.onnx").read_bytes()
    (tmp_path / "simple" / "1" / "model.onnx").write_bytes(model)
    assert check_repository([str(tmp_path)], CheckOptions(gpus=frozenset())) == []
    assert "Request for unknown model: 'nope' is not found" in cli("config", "nope", code=1)
    assert "version 9" in cli("config", "simple", "--version", "9", code=1)


def test_load_and_unload(cli: Cli) -> None:
    assert "| digits | 1       | READY | -      |" in cli("load", "digits")
    assert "| digits | 1       | UNAVAILABLE | unloaded |" in cli("unload", "digits")
    assert cli.json("load", "digits") == [{"name": "digits", "version": "1", "state": "READY"}]
    assert cli.json("unload", "digits")[0]["state"] == "UNAVAILABLE"


def test_load_with_a_configuration(cli: Cli, tmp_path: Path) -> None:
    cli("load", "digits", "--config", '{"backend": "onnxruntime", "max_batch_size": 3}')
    assert cli.json("config", "digits")["max_batch_size"] == 3
    for name, content in (
        ("digits.json", '{"backend": "onnxruntime", "max_batch_size": 5}'),
        (
            "digits.pbtxt",
            'backend: "onnxruntime"\nmax_batch_size: 5\nparameters { key: "a" value { string_value: "b" } }',
        ),
    ):
        (tmp_path / name).write_text(content)
        cli("load", "digits", "--config", str(tmp_path / name))
        assert cli.json("config", "digits")["max_batch_size"] == 5
    assert cli.json("config", "digits")["parameters"] == {"a": {"string_value": "b"}}
    cli("unload", "digits")


def test_load_with_files(cli: Cli) -> None:
    path = MODELS / "simple" / "1" / "model.onnx"
    config = '{"backend": "onnxruntime"}'
    shown = cli("load", "sent", "--config", config, "--file", f"7/model.onnx={path}")
    assert "| sent  | 7       | READY | -      |" in shown
    cli("unload", "sent")


def test_refused_loads(cli: Cli, tmp_path: Path) -> None:
    assert "no repository has a folder nope" in cli("load", "nope", code=1)
    told = cli("load", "broken", code=1)
    assert "Protobuf parsing failed" in told and "triton-lite model check" in told
    assert "expected PATH=FILE" in cli("load", "digits", "--config", "{}", "--file", "model.onnx", code=2)
    assert "cannot read" in cli("load", "digits", "--config", "{}", "--file", f"1/model.onnx={tmp_path}/x", code=2)
    assert "--file needs --config" in cli("load", "digits", "--file", f"1/model.onnx={__file__}", code=2)
    assert "not JSON" in cli("load", "digits", "--config", "{", code=2)
    assert "cannot read" in cli("load", "digits", "--config", str(tmp_path / "gone"), code=2)
    (tmp_path / "bad.pbtxt").write_text("max_batchsize: 1")
    told = cli("load", "digits", "--config", str(tmp_path / "bad.pbtxt"), code=2)
    assert "line 1" in told and "write max_batch_size" in told


def test_unload_dependents(cli: Cli) -> None:
    cli("load", "pair")
    assert {"pair", "plain_identity"} <= {model["name"] for model in cli.json("index", "--ready")}
    cli("unload", "pair", "--dependents")
    assert [model["name"] for model in cli.json("index", "--ready")] == ["simple"]


def test_infer_random_data(cli: Cli) -> None:
    shown = cli("infer", "simple")
    assert shown.startswith("model simple, version 1\n")
    assert "| OUTPUT0 | INT32    | [1, 16] | [[" in shown
    assert cli("infer", "simple", "--seed", "1") != shown
    answer = cli.json("infer", "simple", "--shape", "INPUT0:2,16", "--shape", "INPUT1:2,16")
    assert answer["outputs"][0]["shape"] == [2, 16]
    assert "expected NAME:SIZES" in cli("infer", "simple", "--shape", "INPUT0", code=2)
    assert "unexpected shape" in cli("infer", "simple", "--shape", "INPUT0:1,3", code=1)


def test_infer_json(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ones = {"INPUT0": [[1] * 16], "INPUT1": [[2] * 16]}
    (tmp_path / "ones.json").write_text(json.dumps(ones))
    answer = cli.json("infer", "simple", "--inputs", str(tmp_path / "ones.json"))
    assert {one["name"]: one["data"] for one in answer["outputs"]} == {"OUTPUT0": [[3] * 16], "OUTPUT1": [[-1] * 16]}
    whole = {
        "id": "7",
        "inputs": [{"name": k, "datatype": "INT32", "shape": [1, 16], "data": v} for k, v in ones.items()],
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(whole)))
    answer = cli.json("infer", "simple", "--inputs", "-", "--version", "1")
    assert (answer["id"], answer["outputs"][0]["data"]) == ("7", [[3] * 16])
    for content, told in (("[", "not JSON"), ("[]", "expected an object"), ('{"Q": 1}', "write one of INPUT0, INPUT1")):
        monkeypatch.setattr("sys.stdin", io.StringIO(content))
        assert told in cli("infer", "simple", "--inputs", "-", code=2)


def test_infer_npy(cli: Cli, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(16, dtype=np.int32).reshape(1, 16))
    given = [f"--npy=INPUT{index}={tmp_path}/x.npy" for index in (0, 1)]
    answer = cli.json("infer", "simple", *given)
    assert answer["outputs"][0]["data"] == [list(range(0, 32, 2))]
    np.save(tmp_path / "y.npy", np.zeros((1, 16)))
    assert "FP64" in cli("infer", "simple", f"--npy=INPUT0={tmp_path}/y.npy", code=1)
    assert "cannot read" in cli("infer", "simple", f"--npy=INPUT0={tmp_path}/z.npy", code=2)
    (tmp_path / "z.npy").write_bytes(b"text")
    assert "array of numpy.save" in cli("infer", "simple", f"--npy=INPUT0={tmp_path}/z.npy", code=2)


def test_infer_unloaded(cli: Cli) -> None:
    assert "Request for unknown model: 'nope' is not found" in cli("infer", "nope", code=1)


def test_wrong_ports(server: ServerProcess, capsys: pytest.CaptureFixture[str]) -> None:
    for port in (server.grpc_port, server.metrics_port):
        assert main(["model", "index", "--url", f"localhost:{port}"]) == 3
        assert "is this the HTTP port of the server (8000, not 8001 or 8002)?" in capsys.readouterr().err


def test_no_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # Not asked for this machine.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        for command in (["index"], ["load", "m"], ["unload", "m"], ["config", "m"], ["infer", "m"]):
            assert main(["model", *command, "--url", f"http://127.0.0.1:{bound.getsockname()[1]}/"]) == 3
            assert "no server listens at" in capsys.readouterr().err
        bound.listen()
        assert main(["model", "index", "--timeout=0.1", "--url", f"127.0.0.1:{bound.getsockname()[1]}"]) == 3
        assert "did not answer in 0.1 s" in capsys.readouterr().err
