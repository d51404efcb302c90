"""The commands of README.md's tour, as they stand there but for the ports."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, environment, serve

ROOT = Path(__file__).resolve().parents[1]
TOUR = (ROOT / "README.md").read_text().split("## A tour of two minutes")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```sh\n(.*?)```", TOUR, re.S)
# What each block of the tour must print, in order.
EXPECTED = [
    ["200", '"name":"simple"', '"datatype":"INT32"'],
    ['"name":"OUTPUT0"', "[2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"],
    ["HTTP:", "gRPC:", "digits right"],
    ["[[2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2]]"],
]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with serve(str(ROOT / "models")) as running:
        yield running


def test_every_block_has_its_expectation() -> None:
    assert len(BLOCKS) == len(EXPECTED)


@pytest.mark.parametrize("index", range(len(EXPECTED)))
def test_tour(server: ServerProcess, index: int) -> None:
    script = BLOCKS[index].replace("localhost:8000", server.http)
    script = re.sub(r"^\.venv/bin/pip install.*$", "", script, flags=re.M)  # What the tests run with is there already.
    script = script.replace("classify.py", f"classify.py --http={server.http} --grpc={server.grpc}")
    script = script.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["sh", "-euc", script], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in EXPECTED[index]:
        assert part in done.stdout
