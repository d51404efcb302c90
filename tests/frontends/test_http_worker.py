"""frontends/http/worker.py: connections of our own change nothing about how gunicorn reads."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from types import SimpleNamespace
from gunicorn.config import Config
from gunicorn.workers import gasgi
from triton_lite.frontends.http.aging_connection import AgingConnection
from triton_lite.frontends.http.worker import take_connections

take_connections(AgingConnection)
worker = SimpleNamespace(cfg=Config(), log=SimpleNamespace(error_log=None), asgi=None)
connection = gasgi.ASGIProtocol(worker)
connection._setup_callback_parser()
print(type(connection).__name__, type(connection._callback_parser).__name__)
"""


def test_the_quick_parser_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["AgingConnection", "H1CProtocol"]
