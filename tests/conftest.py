"""Options of the whole suite."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import hypothesis
import pytest

# The machine may be busy: how long an example takes says nothing.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sanitize", action="store_true", help="native tests under ASan+UBSan and TSan")
    parser.addoption("--long", action="store_true", help="also the runs that take minutes")
    parser.addoption("--oracle", help="program of the real Triton, for comparisons with it (or TRITON_ORACLE)")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the native programs before the first test that wants one: building takes longer than a test may."""
    programs = sys.modules.get("native_programs")
    if programs is not None and not session.config.option.collectonly and not programs.built_elsewhere():
        programs.build()


@pytest.fixture(scope="session")
def oracle(request: pytest.FixtureRequest) -> Path:
    """The program of the real Triton."""
    program = request.config.getoption("--oracle") or os.environ.get("TRITON_ORACLE")
    if not program:
        pytest.skip("the real Triton is not at hand (--oracle or TRITON_ORACLE)")
    return Path(program)


@pytest.fixture
def mutation_count(request: pytest.FixtureRequest) -> int:
    """How many spoiled inputs a test reads (docs/fuzzing.md)."""
    return 1_000_000 if request.config.getoption("--long") else 1_500


@pytest.fixture
def mutation_seed(request: pytest.FixtureRequest) -> int:
    """What they are drawn from: always the same, with --long any; printed."""
    number = random.randrange(2**32) if request.config.getoption("--long") else 1
    print("seed", number)
    return number
