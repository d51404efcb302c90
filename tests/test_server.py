"""triton_lite.Server: the engine in process, sync and async, numpy and DLPack."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from golden_server import make_models
from repositories import MODELS, write_identity
from server_process import run_script

import triton_lite
from triton_lite.errors import Code, TritonError

NAMES = [
    "identity_bytes",
    "identity_bf16",
    "identity_fp16",
    "identity_bool",
    "mixed_types",
    "ensemble_addsub",
    "simple",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton_lite.Server]:
    repository = make_models(tmp_path_factory.mktemp("server"))
    write_identity(repository)
    loaded = [*NAMES, "plain_identity", "multi_all", "gen_text"]
    with triton_lite.Server(repository, model_control_mode="explicit", load_model=loaded) as running:
        yield running


def ones() -> np.ndarray:
    return np.ones((1, 16), np.int32)


def test_infer(server: triton_lite.Server) -> None:
    response = server.model("simple").infer({"INPUT0": ones() * 5, "INPUT1": ones()}, request_id="seven")
    assert (response.model_name, response.model_version, response.request_id) == ("simple", "1", "seven")
    assert np.array_equal(response.outputs["OUTPUT0"].to_numpy(), ones() * 6)
    assert np.array_equal(np.asarray(response.outputs["OUTPUT1"]), ones() * 4)


def test_only_the_outputs_that_were_asked_for(server: triton_lite.Server) -> None:
    response = server.model("simple").infer({"INPUT0": ones(), "INPUT1": ones()}, ["OUTPUT1"])
    assert list(response.outputs) == ["OUTPUT1"]


def test_ensemble_and_versions(server: triton_lite.Server) -> None:
    response = server.model("ensemble_addsub").infer({"INPUT0": ones() * 3, "INPUT1": ones()})
    assert np.array_equal(response.outputs["OUTPUT0"].to_numpy(), ones() * 6)
    value = np.zeros((1, 4), np.float32)
    for version in (1, 2, 3):
        answer = server.model("multi_all", version).infer({"INPUT0": value})
        assert answer.model_version == str(version)
        assert np.array_equal(answer.outputs["OUTPUT0"].to_numpy(), value + version)


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("identity_bytes", np.array([[b"", b"a\0b", "grüß".encode()]], np.object_)),
        ("identity_bf16", np.array([[1.5, -2.0]], ml_dtypes.bfloat16)),
        ("identity_fp16", np.array([[1.5, -2.0]], np.float16)),
        ("identity_bool", np.array([[True, False]])),
    ],
)
def test_datatypes(server: triton_lite.Server, model: str, sent: np.ndarray) -> None:
    got = server.model(model).infer({"INPUT0": sent}).outputs["OUTPUT0"].to_numpy()
    assert got.dtype == sent.dtype
    assert np.array_equal(got, sent)


def test_strided_and_big_endian_inputs(server: triton_lite.Server) -> None:
    first = np.arange(32, dtype=">i4").reshape(1, 32)[:, ::2]
    response = server.model("simple").infer({"INPUT0": first, "INPUT1": ones()})
    assert np.array_equal(response.outputs["OUTPUT0"].to_numpy(), first + 1)


class Exporter:
    """Something that speaks DLPack and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __dlpack__(self, **arguments: object) -> object:
        return self._array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def test_dlpack_in_and_out(server: triton_lite.Server) -> None:
    response = server.model("simple").infer({"INPUT0": Exporter(ones()), "INPUT1": Exporter(ones())})
    assert np.array_equal(np.from_dlpack(response.outputs["OUTPUT0"]), ones() * 2)


def test_outputs_outlive_the_response(server: triton_lite.Server) -> None:
    sent = np.random.default_rng(1).integers(0, 255, 1 << 20, np.uint8)
    got = server.model("plain_identity").infer({"INPUT0": sent}).outputs["OUTPUT0"].to_numpy()
    gc.collect()
    for _ in range(4):
        server.model("plain_identity").infer({"INPUT0": np.zeros(1 << 20, np.uint8)})
    assert np.array_equal(got, sent)
    assert not got.flags.writeable


def test_errors_are_those_of_the_protocol(server: triton_lite.Server) -> None:
    with pytest.raises(TritonError) as caught:
        server.model("absent").infer({})
    assert caught.value.code == Code.NOT_FOUND
    assert caught.value.text == "Request for unknown model: 'absent' is not found"
    with pytest.raises(TritonError) as caught:
        server.model("simple").infer({"INPUT0": ones()})
    assert caught.value.code == Code.INVALID_ARGUMENT
    assert "missing required input(s) ['INPUT1']" in caught.value.text


def test_types_that_the_protocol_lacks_are_refused(server: triton_lite.Server) -> None:
    with pytest.raises(TritonError) as caught:
        server.model("simple").infer({"INPUT0": ones().astype(np.complex64), "INPUT1": ones()})
    assert "complex64" in caught.value.text
    with pytest.raises(TritonError):
        server.model("simple").infer({"INPUT0": ones(), "INPUT1": ones()}, parameters={"x": None})


def test_async(server: triton_lite.Server) -> None:
    async def many() -> None:
        model = server.model("simple")
        answers = await asyncio.gather(
            *(model.infer_async({"INPUT0": ones() * i, "INPUT1": ones()}) for i in range(40))
        )
        for i, answer in enumerate(answers):
            assert np.array_equal(answer.outputs["OUTPUT0"].to_numpy(), ones() * (i + 1))
        with pytest.raises(TritonError):
            await server.model("absent").infer_async({})

    asyncio.run(many())
    asyncio.run(many())  # A second event loop.


def test_many_threads(server: triton_lite.Server) -> None:
    def run(i: int) -> bool:
        answer = server.model("simple").infer({"INPUT0": ones() * i, "INPUT1": ones()})
        return bool(np.array_equal(answer.outputs["OUTPUT1"].to_numpy(), ones() * (i - 1)))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(400)))


def test_metadata(server: triton_lite.Server) -> None:
    assert server.ready()
    assert server.metadata().name == "triton"
    assert {entry.name for entry in server.models(ready=True)} >= set(NAMES)
    model = server.model("simple")
    assert model.ready()
    assert model.metadata().inputs[0].shape == [-1, 16]
    assert model.config().max_batch_size == 8


def test_a_model_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad" / "1").mkdir(parents=True)
    (tmp_path / "bad" / "1" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(TritonError) as caught:
        triton_lite.Server(tmp_path).start()
    assert "bad" in caught.value.text
    with triton_lite.Server([tmp_path, MODELS], exit_on_error=False) as server:
        assert server.model("simple").ready()


def test_load_and_unload(tmp_path: Path) -> None:
    write_identity(tmp_path)
    with triton_lite.Server(tmp_path, model_control_mode="explicit") as server:
        model = server.load("plain_identity")
        assert model.ready()
        server.unload("plain_identity")
        assert not model.ready()
        simple = (MODELS / "simple" / "1" / "model.onnx").read_bytes()
        made = server.load("made", config='{"backend": "onnxruntime"}', files={"3/model.onnx": simple})
        assert list(made.metadata().versions) == ["3"]
        with pytest.raises(TritonError, match="failed to poll from model repository"):
            server.load("nowhere")


def test_poll_follows_the_repository(tmp_path: Path) -> None:
    write_identity(tmp_path)
    with triton_lite.Server(tmp_path, model_control_mode="poll", repository_poll_secs=1) as server:
        write_identity(tmp_path, "later")
        pause = threading.Event()
        for _ in range(300):
            if server.model("later").ready():
                break
            pause.wait(0.1)
        assert server.model("later").ready()


def test_stopping_ends_the_threads(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    server = triton_lite.Server(MODELS).start()
    started = set(threading.enumerate()) - before
    assert started
    server.stop()
    server.stop()
    assert not [thread for thread in started if thread.is_alive()]
    with pytest.raises(TritonError) as caught:
        server.model("simple").infer({})
    assert caught.value.code == Code.UNAVAILABLE


def test_a_program_that_forgets_to_stop_ends_well() -> None:
    program = f"import triton_lite; server = triton_lite.Server({str(MODELS)!r}).start(); print(server.ready())"
    done = run_script(sys.executable, "-c", program)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
