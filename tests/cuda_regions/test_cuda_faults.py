"""The driver fails whichever call a test wants to fail, and clients do what they should not."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from cuda_clients import (
    CLOSE,
    FIRST,
    OPEN,
    SECOND,
    SIZE,
    SYNCHRONIZE,
    TO_DEVICE,
    TO_HOST,
    connect,
    inputs_in,
    outputs_in,
    region_output,
    region_tensor,
    register,
    serve_models,
    status_of,
    wait_for,
    wait_until_given_back,
)
from fake_cuda import OUT_OF_MEMORY, Control, device_region
from server_process import ServerProcess
from tritonclient.utils import InferenceServerException


def test_memory_that_its_owner_frees(client: Any, library: Any, gpus: Control) -> None:
    gpus.provoked = {SYNCHRONIZE, TO_HOST}
    with device_region(2 * SIZE) as kept:
        kept.write(FIRST, SECOND)
        register(client, "kept", kept)
        with device_region(2 * SIZE) as freed:
            register(client, "freed", freed)
        for _ in range(2):
            with pytest.raises(InferenceServerException, match="illegal memory access"):
                client.infer("simple", inputs_in(library, "freed"))
            with pytest.raises(InferenceServerException, match="illegal memory access"):
                client.infer("simple", inputs_in(library, "kept"), outputs=outputs_in(library, "freed"))
        answer = client.infer("simple", inputs_in(library, "kept"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)


@pytest.mark.parametrize("function", [OPEN, "cuMemGetAddressRange_v2", "cuCtxPushCurrent_v2"])
def test_registering_fails(client: Any, library: Any, gpus: Control, function: str) -> None:
    with device_region(2 * SIZE) as region:
        region.write(FIRST, SECOND)
        gpus.fail(function)
        before = gpus.injected(function)
        with pytest.raises(InferenceServerException, match="failed to register shared memory region"):
            register(client, "region", region)
        assert gpus.injected(function) == before + 1
        assert status_of(client) == {}
        assert gpus.live()["handles"] == 0
        register(client, "region", region)
        answer = client.infer("simple", inputs_in(library, "region"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)


def calls_of(gpus: Control, request: Callable[[], Any]) -> dict[str, int]:
    """How often `request` has the server call each function of the driver."""
    before = gpus.all_calls()
    request()
    return {name: count - before[name] for name, count in gpus.all_calls().items() if count > before[name]}


def test_requests_fail_call_by_call(client: Any, library: Any, gpus: Control) -> None:
    gpus.provoked = {SYNCHRONIZE}  # Where the context could not be entered.
    with device_region(4 * SIZE) as region:
        register(client, "region", region)

        def infer() -> None:
            outputs = outputs_in(library, "region", 2 * SIZE)
            client.infer("simple", inputs_in(library, "region"), outputs=outputs)

        def request() -> None:
            region.write(FIRST, SECOND, bytes(2 * SIZE))
            infer()
            np.testing.assert_array_equal(region.read(np.int32, 16, 2 * SIZE), FIRST + SECOND)
            np.testing.assert_array_equal(region.read(np.int32, 16, 3 * SIZE), FIRST - SECOND)

        request()  # What is made once is there.
        calls = calls_of(gpus, request)
        assert {TO_HOST, TO_DEVICE, SYNCHRONIZE} <= calls.keys()
        kept = gpus.live()
        # A context that cannot be popped stays: nothing that the server could do.
        for function in calls.keys() - {"cuCtxPopCurrent_v2"}:
            for nth_call in range(1, calls[function] + 1):
                injected = gpus.injected(function)
                gpus.fail(function, nth_call)
                try:
                    request()
                except InferenceServerException as error:
                    assert "unspecified launch failure" in error.message(), (function, nth_call)
                assert gpus.live()["copies"] == 0, (function, nth_call)  # Into memory that is not there any more.
                assert gpus.injected(function) == injected + 1, (function, nth_call)
                request()
        # Inputs of a batch that could not be copied together are copied once more, each alone.
        for function in (TO_HOST, TO_DEVICE, SYNCHRONIZE):
            gpus.fail(function, 0)
            with pytest.raises(InferenceServerException, match="unspecified launch failure"):
                infer()
            gpus.clear()
            request()
        assert gpus.live() == kept


def test_closing_fails(repository: Path, tmp_path: Path, library: Any) -> None:
    """On a server of its own: what cannot be closed stays open."""
    gpus = Control(tmp_path / "control")
    with serve_models(repository, gpus) as fresh, connect(fresh, library) as client, device_region(2 * SIZE) as region:
        region.write(FIRST, SECOND)
        register(client, "region", region)
        gpus.fail(CLOSE)
        client.unregister_cuda_shared_memory("region")
        assert gpus.injected(CLOSE) == 1
        assert status_of(client) == {}
        text = "failed to close CUDA IPC handle: unspecified launch failure"
        wait_for(lambda: text in fresh.text(), fresh.text)
        register(client, "region", region)
        answer = client.infer("simple", inputs_in(library, "region"))
        np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)
        client.unregister_cuda_shared_memory()
        wait_for(lambda: gpus.live()["handles"] == 1, gpus.live)


@pytest.mark.parametrize("function", ["cuStreamCreate", "cuMemHostAlloc", "cuDevicePrimaryCtxRetain"])
def test_what_is_made_once_fails(repository: Path, tmp_path: Path, function: str) -> None:
    gpus = Control(tmp_path / "control")
    with (
        serve_models(repository, gpus) as fresh,
        connect(fresh, grpcclient) as client,
        device_region(2 * SIZE) as region,
    ):
        region.write(FIRST, SECOND)

        def request() -> None:
            if not status_of(client):
                register(client, "region", region)
            answer = client.infer("simple", inputs_in(grpcclient, "region"))
            np.testing.assert_array_equal(answer.as_numpy("OUTPUT0")[0], FIRST + SECOND)

        gpus.fail(function, code=OUT_OF_MEMORY)
        with contextlib.suppress(InferenceServerException):  # It may do without.
            request()
        assert gpus.injected(function) == 1
        request()
        client.unregister_cuda_shared_memory()
        wait_until_given_back(gpus)


def test_many_clients(repository: Path, tmp_path: Path) -> None:
    """With a driver that copies at any time."""
    gpus = Control(tmp_path / "control")
    failures: list[BaseException] = []

    def work(server: ServerProcess, number: int) -> None:
        library = (httpclient, grpcclient)[number % 2]
        try:
            with connect(server, library) as client, device_region(4 * SIZE, number % 2) as region:
                for round_number in range(25):
                    name = f"region{number}"
                    register(client, name, region)
                    first = FIRST + number * 1000 + round_number
                    region.write(first, SECOND, bytes(2 * SIZE))
                    client.infer("simple", inputs_in(library, name), outputs=outputs_in(library, name, 2 * SIZE))
                    np.testing.assert_array_equal(region.read(np.int32, 16, 2 * SIZE), first + SECOND)
                    np.testing.assert_array_equal(region.read(np.int32, 16, 3 * SIZE), first - SECOND)
                    floats = first[:4].astype(np.float32)
                    region.write(floats)
                    batched = region_tensor(library, "INPUT0", [1, 4], "FP32", name, 16)
                    client.infer("dynbatch", [batched], outputs=[region_output(library, "OUTPUT0", name, 16, SIZE)])
                    np.testing.assert_array_equal(region.read(np.float32, 4, SIZE), floats + 10)
                    client.unregister_cuda_shared_memory(name)
        except BaseException as error:
            failures.append(error)

    with serve_models(repository, gpus, FAKE_CUDA_ASYNC="thread") as server:
        threads = [threading.Thread(target=work, args=(server, number)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        wait_until_given_back(gpus)
        assert gpus.refused() == {}
    assert server.process.returncode == 0


def test_nothing_is_made_for_each_request(client: Any, library: Any, gpus: Control) -> None:
    with device_region(4 * SIZE) as region:
        region.write(FIRST, SECOND)
        register(client, "region", region)

        def requests() -> None:
            for _ in range(20):
                client.infer("simple", inputs_in(library, "region"), outputs=outputs_in(library, "region", 2 * SIZE))

        requests()
        kept = gpus.live()
        made = {"cuStreamCreate", "cuStreamDestroy_v2", "cuMemHostAlloc", "cuMemFreeHost", OPEN, CLOSE}
        assert not made & calls_of(gpus, requests).keys()
        assert gpus.live() == kept
