"""A server in process, for functions of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import triton_lite


@pytest.fixture
def server() -> Iterator[triton_lite.Server]:
    with triton_lite.Server() as running:
        yield running
