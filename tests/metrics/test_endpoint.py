"""The metrics port."""

from __future__ import annotations

import selectors
import socket
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from triton_lite.errors import Code, TritonError
from triton_lite.metrics.endpoint import MetricsEndpoint
from triton_lite.metrics.engine_client import EngineClient
from triton_lite.metrics.exposition import CONTENT_TYPE, exposition


def test_starts_with_the_first_connection_and_serves_one_page(tmp_path: Path) -> None:
    with selectors.DefaultSelector() as selector:
        listener = socket.create_server(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        MetricsEndpoint(listener, tmp_path / "no engine").start_when_used(selector)
        pages: list[bytes] = []

        def read() -> None:
            with urllib.request.urlopen(f"{base}/metrics") as answer:
                assert answer.headers["Content-Type"] == CONTENT_TYPE
                pages.append(answer.read())

        client = threading.Thread(target=read)
        client.start()
        for key, _ in selector.select():
            key.data()
        client.join()
        assert pages == [exposition(lambda: None)]
        for path in ("/other", "/metric"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{base}{path}")
            assert caught.value.code == 404
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/metrics", b"x")
        assert caught.value.code == 405
        assert caught.value.read() == b'{"error":"Method Not Allowed"}'
        with urllib.request.urlopen(f"{base}/metrics/?a=b") as answer:
            assert answer.read() == pages[0]


def test_a_page_without_an_engine_says_so() -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposition(lambda: None).decode())}
    assert families["triton_lite_engine_up"].samples[0].value == 0
    assert families["triton_lite_build_info"].samples[0].labels["version"]
    page = exposition(lambda: b"# TYPE of_the_engine gauge\nof_the_engine 5\n").decode()
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert families["triton_lite_engine_up"].samples[0].value == 1
    assert families["of_the_engine"].samples[0].value == 5


class Channel:
    """An engine that answers once and goes away."""

    def __init__(self, answer: SimpleNamespace | None) -> None:
        self.connected = True
        self._answer = answer
        self.cancelled = False

    def send(self, method: int, message: bytes) -> int:
        if not self.connected:
            raise TritonError(Code.UNAVAILABLE, "it went away")
        return 1

    def wait(self, call: int, timeout: float) -> SimpleNamespace | None:
        self.connected = False
        return self._answer

    def cancel(self, call: int) -> None:
        self.cancelled = True


def test_connects_again_after_a_restart_of_the_engine() -> None:
    engines = [Channel(SimpleNamespace(code=0, text="", message=text)) for text in (b"one", b"two")]
    left = iter(engines)

    def connect(name: str) -> Channel:
        try:
            return next(left)
        except StopIteration:
            raise TritonError(Code.UNAVAILABLE, "nobody listens") from None

    client = EngineClient(connect)  # type: ignore[arg-type]
    assert [client.read(), client.read(), client.read()] == [b"one", b"two", None]


def test_an_engine_that_does_not_answer_or_refuses_is_no_error() -> None:
    silent = Channel(None)
    assert EngineClient(lambda name: silent).read() is None  # type: ignore[arg-type]
    assert silent.cancelled
    refusing = Channel(SimpleNamespace(code=13, text="no", message=b""))
    assert EngineClient(lambda name: refusing).read() is None  # type: ignore[arg-type]
