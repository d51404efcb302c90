"""Options of the whole suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sanitize", action="store_true", help="native tests under ASan+UBSan and TSan")
    parser.addoption("--long", action="store_true", help="also the runs that take minutes")
