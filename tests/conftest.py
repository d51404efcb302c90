"""Options of the whole suite."""

from __future__ import annotations

import hypothesis
import pytest

# The machine may be busy: how long an example takes says nothing.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sanitize", action="store_true", help="native tests under ASan+UBSan and TSan")
    parser.addoption("--long", action="store_true", help="also the runs that take minutes")
