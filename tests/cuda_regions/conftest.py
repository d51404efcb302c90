"""A server for all tests of a file, on GPUs that are fake (tests/native/fake_cuda)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.grpc as grpcclient
from cuda_clients import LIBRARIES, connect, make_repository, serve_models, wait_until_given_back
from fake_cuda import Control
from server_process import ServerProcess


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Control:
    return Control(tmp_path_factory.mktemp("gpus") / "control")


@pytest.fixture(scope="module")
def server(repository: Path, machine: Control) -> Iterator[ServerProcess]:
    with serve_models(repository, machine) as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def library(request: pytest.FixtureRequest) -> Any:
    return LIBRARIES[request.param]


@pytest.fixture
def gpus(server: ServerProcess, machine: Control) -> Iterator[Control]:
    """The server's GPUs. A test leaves nothing on them, and no call was wrong that was not meant to be."""
    machine.provoked = set()
    refused, before = machine.refused(), machine.live()
    yield machine
    machine.clear()
    with connect(server, grpcclient) as client:
        client.unregister_cuda_shared_memory()
        client.unregister_system_shared_memory()
    wait_until_given_back(machine, before)
    wrong = {name for name, count in machine.refused().items() if count != refused.get(name, 0)}
    assert wrong <= machine.provoked


@pytest.fixture
def client(server: ServerProcess, gpus: Control, library: Any) -> Iterator[Any]:
    with connect(server, library) as connected:
        yield connected
