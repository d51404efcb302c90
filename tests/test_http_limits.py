"""--http-max-input-size bounds what a body becomes, not only its own bytes."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from golden_server import make_models
from server_process import ServerProcess, serve

LIMIT = 4096


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = make_models(tmp_path_factory.mktemp("limits"))
    arguments = [f"--model-repository={repository}", "--model-control-mode=explicit", "--load-model=identity_fp64"]
    with serve(*arguments, f"--http-max-input-size={LIMIT}") as running:
        yield running


def post(server: ServerProcess, elements: int, coded: bool) -> tuple[int, str]:
    """Send so many FP64 elements of two bytes of JSON each; coded: as gzip, which takes another way in."""
    tensor = {"name": "INPUT0", "datatype": "FP64", "shape": [1, elements], "data": [1] * elements}
    body = json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()
    assert len(body) < LIMIT
    headers = {"Content-Encoding": "gzip"} if coded else {}
    request = urllib.request.Request(
        f"http://{server.http}/v2/models/identity_fp64/infer", gzip.compress(body) if coded else body, headers
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("coded", [False, True])
def test_json_that_grows_past_the_limit_is_refused(server: ServerProcess, coded: bool) -> None:
    status, text = post(server, LIMIT // 8 + 1, coded)
    assert status == 400, text
    assert "--http-max-input-size" in text
    assert post(server, LIMIT // 8, coded)[0] == 200
