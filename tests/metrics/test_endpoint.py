"""The metrics port."""

from __future__ import annotations

import selectors
import socket
import threading
import urllib.error
import urllib.request

import pytest

from triton_lite.metrics.endpoint import MetricsEndpoint
from triton_lite.metrics.exposition import exposition


def test_starts_with_the_first_connection_and_serves_one_page() -> None:
    with selectors.DefaultSelector() as selector:
        listener = socket.create_server(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        MetricsEndpoint(listener).start_when_used(selector)
        pages: list[bytes] = []
        client = threading.Thread(target=lambda: pages.append(urllib.request.urlopen(f"{base}/metrics").read()))
        client.start()
        for key, _ in selector.select():
            key.data()
        client.join()
        assert pages == [exposition().encode()]
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/other")
        assert caught.value.code == 404


def test_every_line_is_prometheus_text() -> None:
    assert exposition().endswith("\n")
    for line in exposition().splitlines():
        if not line.startswith("# "):
            _, value = line.rsplit(" ", 1)
            float(value)
