"""What the tests of the front ends share."""

from __future__ import annotations

import logging

import pytest


@pytest.fixture(autouse=True)
def _log_reaches_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's logger may have been configured by another test."""
    monkeypatch.setattr(logging.getLogger("triton_lite"), "propagate", True)
