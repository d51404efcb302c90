"""The text that Prometheus reads."""

from __future__ import annotations

import time

from triton_lite.version import version

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_started = time.time()


def exposition() -> str:
    """What is known of the server, in Prometheus' text format."""
    return (
        "# HELP triton_lite_build_info Version of the server, as a label\n"
        "# TYPE triton_lite_build_info gauge\n"
        f'triton_lite_build_info{{version="{version()}"}} 1\n'
        "# HELP triton_lite_start_time_seconds When the server was started, in seconds since 1970\n"
        "# TYPE triton_lite_start_time_seconds gauge\n"
        f"triton_lite_start_time_seconds {_started:.3f}\n"
    )
