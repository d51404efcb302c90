"""tritonclient's four clients against a real server: every datatype, infer, async infer, streams, large bodies."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.grpc.aio as grpcaio
import tritonclient.http as httpclient
import tritonclient.http.aio as httpaio
from golden_server import make_models
from repositories import write_identity
from server_process import ServerProcess, serve
from tritonclient.utils import InferenceServerException

MEGABYTE = 1 << 20


def values(datatype: str) -> np.ndarray:
    """[2, 3] of the datatype, with its extremes."""
    if datatype == "BOOL":
        return np.array([[True, False, True], [False, False, True]])
    if datatype == "BYTES":
        return np.array([[b"", b"a\0b", "grüß".encode()], [b"\xff\xfe", b"x" * 1000, b"\0"]], dtype=np.object_)
    if datatype == "BF16":
        return np.array([[0.0, 1.5, -2.0], [3.0, 1024.0, 0.25]], ml_dtypes.bfloat16)
    kind = np.dtype({"FP16": "f2", "FP32": "f4", "FP64": "f8"}.get(datatype) or datatype.lower())
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    return np.array([[limits.min, 0, limits.max], [1, 2, 3]], kind)


DATATYPES = ["BOOL", *(f"{sign}INT{bits}" for sign in ("U", "") for bits in (8, 16, 32, 64))]
DATATYPES += ["FP16", "FP32", "FP64", "BF16", "BYTES"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("clients")
    repository = make_models(folder / "models")
    write_identity(repository)
    names = [*(f"identity_{t.lower()}" for t in DATATYPES), "simple", "plain_identity"]
    arguments = [f"--model-repository={repository}", "--model-control-mode=explicit"]
    with serve(*arguments, *(f"--load-model={name}" for name in names)) as running:
        yield running


def tensor(module: Any, name: str, array: np.ndarray, datatype: str) -> Any:
    made = module.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def simple_inputs(module: Any, base: int) -> tuple[list[Any], np.ndarray]:
    first = np.arange(base, base + 16, dtype=np.int32).reshape(1, 16)
    ones = np.ones((1, 16), np.int32)
    return [tensor(module, "INPUT0", first, "INT32"), tensor(module, "INPUT1", ones, "INT32")], first


@pytest.fixture(params=["http", "grpc"])
def client(request: pytest.FixtureRequest, server: ServerProcess) -> Iterator[tuple[Any, Any]]:
    module = httpclient if request.param == "http" else grpcclient
    address = server.http if request.param == "http" else server.grpc
    with module.InferenceServerClient(address) as made:
        yield module, made


@pytest.mark.parametrize("datatype", DATATYPES)
def test_round_trip(client: tuple[Any, Any], datatype: str) -> None:
    module, connection = client
    sent = values(datatype)
    answer = connection.infer(f"identity_{datatype.lower()}", [tensor(module, "INPUT0", sent, datatype)])
    got = answer.as_numpy("OUTPUT0")
    assert got.shape == sent.shape
    assert np.array_equal(got, sent)


@pytest.mark.parametrize("datatype", [t for t in DATATYPES if t not in ("FP16", "BF16", "BYTES")])
def test_round_trip_as_json(server: ServerProcess, datatype: str) -> None:
    sent = values(datatype)
    given = httpclient.InferInput("INPUT0", list(sent.shape), datatype)
    given.set_data_from_numpy(sent, binary_data=False)
    wanted = httpclient.InferRequestedOutput("OUTPUT0", binary_data=False)
    with httpclient.InferenceServerClient(server.http) as connection:
        answer = connection.infer(f"identity_{datatype.lower()}", [given], outputs=[wanted])
    assert np.array_equal(answer.as_numpy("OUTPUT0"), sent)


def test_async_infer_over_http(server: ServerProcess) -> None:
    with httpclient.InferenceServerClient(server.http, concurrency=4) as connection:
        pending = []
        for base in range(20):
            inputs, first = simple_inputs(httpclient, base)
            pending.append((connection.async_infer("simple", inputs), first))
        for request, first in pending:
            assert np.array_equal(request.get_result().as_numpy("OUTPUT0"), first + 1)


def test_async_infer_over_grpc(server: ServerProcess) -> None:
    answers: queue.Queue[tuple[int, Any, Any]] = queue.Queue()
    with grpcclient.InferenceServerClient(server.grpc) as connection:
        for base in range(20):
            inputs, _ = simple_inputs(grpcclient, base)
            connection.async_infer(
                "simple", inputs, callback=lambda result, error, base=base: answers.put((base, result, error))
            )
        for _ in range(20):
            base, result, error = answers.get(timeout=20)
            assert error is None
            assert result.as_numpy("OUTPUT1")[0, 0] == base - 1


def test_stream_keeps_the_order(server: ServerProcess) -> None:
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with grpcclient.InferenceServerClient(server.grpc) as connection:
        connection.start_stream(callback=lambda result, error: answers.put((result, error)))
        for base in range(50):
            inputs, _ = simple_inputs(grpcclient, base)
            connection.async_stream_infer("simple" if base != 25 else "absent", inputs, request_id=str(base))
        for base in range(50):
            result, error = answers.get(timeout=20)
            if base == 25:
                assert "Request for unknown model" in str(error)
                continue
            assert error is None
            assert result.get_response().id == str(base)
            assert result.as_numpy("OUTPUT0")[0, 0] == base + 1
        connection.stop_stream()


def test_aio_clients(server: ServerProcess) -> None:
    async def many(module: Any, types: Any, address: str) -> None:
        async with module.InferenceServerClient(address) as connection:
            assert await connection.is_server_ready()
            made = [simple_inputs(types, base) for base in range(16)]
            answers = await asyncio.gather(*(connection.infer("simple", inputs) for inputs, _ in made))
            for answer, (_, first) in zip(answers, made, strict=True):
                assert np.array_equal(answer.as_numpy("OUTPUT0"), first + 1)

    async def both() -> None:
        await many(httpaio, httpaio, server.http)
        await many(grpcaio, grpcaio, server.grpc)

    asyncio.run(both())


def test_aio_stream(server: ServerProcess) -> None:
    async def run() -> None:
        async def requests() -> Any:
            for base in range(10):
                yield {"model_name": "simple", "inputs": simple_inputs(grpcaio, base)[0]}

        async with grpcaio.InferenceServerClient(server.grpc) as connection:
            base = 0
            async for result, error in connection.stream_infer(requests()):
                assert error is None
                assert result.as_numpy("OUTPUT0")[0, 0] == base + 1
                base += 1
            assert base == 10

    asyncio.run(run())


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
def test_compression(client: tuple[Any, Any], compression: str) -> None:
    module, connection = client
    inputs, first = simple_inputs(module, 3)
    extra = (
        {"request_compression_algorithm": compression, "response_compression_algorithm": compression}
        if module is httpclient
        else {"compression_algorithm": compression}
    )
    assert np.array_equal(connection.infer("simple", inputs, **extra).as_numpy("OUTPUT0"), first + 1)


@pytest.mark.parametrize("size", [8 * MEGABYTE, 63 * MEGABYTE])
def test_large_bodies(client: tuple[Any, Any], size: int) -> None:
    module, connection = client
    sent = np.random.default_rng(size).integers(0, 255, size, np.uint8)
    answer = connection.infer("plain_identity", [tensor(module, "INPUT0", sent, "UINT8")])
    assert np.array_equal(answer.as_numpy("OUTPUT0"), sent)


def test_past_the_limit_names_the_option(server: ServerProcess) -> None:
    sent = np.zeros(65 * MEGABYTE, np.uint8)
    with httpclient.InferenceServerClient(server.http) as connection:
        with pytest.raises(InferenceServerException) as caught:
            connection.infer("plain_identity", [tensor(httpclient, "INPUT0", sent, "UINT8")])
        assert "--http-max-input-size" in str(caught.value)
        assert caught.value.status() == "400"
        assert connection.is_server_live()


def test_a_gigabyte_with_the_limit_raised(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if not request.config.getoption("--long"):
        pytest.skip("only with --long")
    write_identity(tmp_path)
    sent = np.arange(1 << 27, dtype=np.uint64).view(np.uint8)
    with serve(f"--model-repository={tmp_path}", f"--http-max-input-size={2 << 30}") as server:
        for module, address in ((httpclient, server.http), (grpcclient, server.grpc)):
            extra = {"network_timeout": 300.0, "connection_timeout": 300.0} if module is httpclient else {}
            with module.InferenceServerClient(address, **extra) as connection:
                answer = connection.infer("plain_identity", [tensor(module, "INPUT0", sent, "UINT8")])
                assert np.array_equal(answer.as_numpy("OUTPUT0"), sent)
