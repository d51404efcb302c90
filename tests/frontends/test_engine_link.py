"""frontends/link.py: the client of a process."""

from __future__ import annotations

import os

import pytest
from fakes import FakeAnswer, FakeClient

from triton_lite.errors import Code, TritonError
from triton_lite.frontends.link import EngineLink, raise_for


def test_connects_when_first_needed_and_once() -> None:
    made = []

    def connect(name: str) -> FakeClient:
        made.append(name)
        return FakeClient(lambda sent: [FakeAnswer(message=sent.message)])

    link = EngineLink("http", connect)
    assert made == [] and link.current is None
    assert link.call(4, b"ping").message == b"ping"
    assert link.call(4, b"pong").message == b"pong"
    assert made == ["http"]


def test_connects_again_after_the_engine_went() -> None:
    clients = []

    def connect(name: str) -> FakeClient:
        clients.append(FakeClient(lambda sent: [FakeAnswer()]))
        return clients[-1]

    link = EngineLink("http", connect)
    link.call(1, b"")
    clients[0].die()
    link.call(1, b"")
    assert len(clients) == 2


def test_an_unanswered_call_of_a_lost_engine_is_unavailable() -> None:
    client = FakeClient(lambda sent: None)
    link = EngineLink("http", lambda name: client)
    client.respond = lambda sent: client.die()
    with pytest.raises(TritonError) as raised:
        link.call(1, b"")
    assert raised.value.code == Code.UNAVAILABLE


def test_a_signal_during_the_wait_gives_the_call_up() -> None:
    class Interrupted(FakeClient):
        def wait(self, call: int, timeout: float | None = None) -> FakeAnswer | None:
            raise KeyboardInterrupt

    client = Interrupted(lambda sent: None)
    with pytest.raises(KeyboardInterrupt):
        EngineLink("http", lambda name: client).call(1, b"")
    assert client.cancelled == [1]


def test_a_forked_child_makes_a_client_of_its_own() -> None:
    made = []

    def connect(name: str) -> FakeClient:
        made.append(name)
        return FakeClient(lambda sent: [FakeAnswer()])

    link = EngineLink("http", connect)
    link.call(1, b"")
    child = os.fork()
    if child == 0:
        fresh = link.current is None
        link.call(1, b"")
        os._exit(0 if fresh and len(made) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert link.current is not None


def test_raise_for() -> None:
    raise_for(FakeAnswer())
    with pytest.raises(TritonError, match="gone") as raised:
        raise_for(FakeAnswer(code=14, text="gone"))
    assert raised.value.code == Code.UNAVAILABLE
