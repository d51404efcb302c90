"""Checks a model repository without serving it: every fault at once, each with its file, its line and what to write."""

from __future__ import annotations

from triton_lite.check.finding import Finding
from triton_lite.check.options import CheckOptions
from triton_lite.check.repository import check_repository

__all__ = ["CheckOptions", "Finding", "check_repository"]
