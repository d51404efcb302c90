"""A server with models on the GPU, for all tests of this folder; where there is no GPU, all of them are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu_machine
import gpu_models
import gpu_regions
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from server_process import ServerProcess

FOLDER = Path(__file__).parent
LIBRARIES = {"http": httpclient, "grpc": grpcclient}
_SHOWN_LINES = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if FOLDER in item.path.parents]
    missing = gpu_machine.missing() if mine else None
    if missing:
        for item in mine:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Show what the servers said last beside what failed."""
    report = yield
    if report.failed and FOLDER in item.path.parents:
        for number, server in enumerate(gpu_models.running):
            report.sections.append((f"log of server {number}", "".join(server.log[-_SHOWN_LINES:])))
    return report


@pytest.fixture(scope="session")
def gpu_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gpu_models.write_repository(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def gpu_server(gpu_repository: Path) -> Iterator[ServerProcess]:
    with gpu_models.serve_models(gpu_repository, *gpu_models.SERVED) as server:
        yield server


@pytest.fixture(params=["http", "grpc"])
def library(request: pytest.FixtureRequest) -> Any:
    return LIBRARIES[request.param]


@pytest.fixture
def client(gpu_server: ServerProcess, library: Any) -> Iterator[Any]:
    with gpu_regions.connect(gpu_server, library) as connected:
        yield connected
        connected.unregister_cuda_shared_memory()
        connected.unregister_system_shared_memory()
