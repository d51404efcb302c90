"""Backends that are written in Python (BACKEND/model.py below --backend-directory) do here what they do in Triton.

`python_models/expected_based.json` holds what the real Triton 2.51 answered (python_models/record.py). With --oracle
its program, or the environment variable TRITON_ORACLE, a server of it is asked as well.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from python_models import based
from python_models.calls import Answer

EXPECTED: dict[str, list[Answer]] = json.loads(based.EXPECTED.read_text())


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Answer]]:
    with based.ours(tmp_path_factory.mktemp("ours")) as address:
        return based.ask(address)


def test_every_case_is_recorded(here: dict[str, list[Answer]]) -> None:
    assert list(here) == list(EXPECTED)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_answers_are_those_of_triton(here: dict[str, list[Answer]], name: str) -> None:
    assert here[name] == EXPECTED[name]


def test_triton_still_gives_them(oracle: Path, tmp_path: Path) -> None:
    with based.triton(oracle, tmp_path) as address:
        assert based.ask(address) == EXPECTED
