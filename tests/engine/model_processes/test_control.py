import json
import socket
import threading

import pytest

from triton_lite.engine.model_processes.control import ControlChannel
from triton_lite.engine.model_processes.reactor import Reactor


class Case:
    def __init__(self):
        self.reactor = Reactor()
        ours, self.theirs = socket.socketpair()
        self.theirs.settimeout(30)
        self.messages = []
        self.got, self.ended = threading.Semaphore(0), threading.Event()
        self.channel = self.reactor.run(lambda: ControlChannel(self.reactor, ours, self._take, self.ended.set))

    def _take(self, message):
        self.messages.append(message)
        self.got.release()

    def wait(self, count=1):
        for _ in range(count):
            assert self.got.acquire(timeout=30)
        return self.messages[-count:]


@pytest.fixture
def case():
    made = Case()
    yield made
    made.reactor.run(made.channel.close)
    made.reactor.stop()
    made.theirs.close()


def test_messages_come_whole_however_they_arrive(case):
    text = b'{"op":"log","message":"\xc3\xbc"}\n'
    for byte in text:
        case.theirs.send(bytes([byte]))
    assert case.wait() == [{"op": "log", "message": "ü"}]
    case.theirs.send(text * 3 + text[:10])
    assert len(case.wait(3)) == 3
    case.theirs.send(text[10:])
    assert case.wait() == [{"op": "log", "message": "ü"}]
    assert not case.ended.is_set()


def test_a_side_that_does_not_read_holds_nobody_up(case):
    large = "x" * 1_000_000
    for number in range(5):
        case.reactor.run(lambda number=number: case.channel.send({"number": number, "text": large}))
    with case.theirs.makefile("rb") as lines:
        for number in range(5):
            assert json.loads(lines.readline()) == {"number": number, "text": large}


@pytest.mark.parametrize("nonsense", [b"nonsense\n", b"[1]\n", b"\xff\n", b"[" * 100_000 + b"\n"])
def test_nonsense_is_the_end(case, nonsense):
    case.theirs.sendall(nonsense + b'{"op":"log"}\n')
    assert case.ended.wait(30)
    assert case.messages == []


def test_the_end_comes_after_what_was_said(case):
    case.theirs.sendall(b'{"op":"failed"}\n{"cut')
    case.theirs.close()
    assert case.ended.wait(30)
    assert case.messages == [{"op": "failed"}]
    case.reactor.run(lambda: case.channel.send({"op": "nobody hears"}))


def test_what_was_said_can_be_read_at_once(case):
    def drain():
        case.theirs.sendall(b'{"op":"one"}\n{"op":"two"}\n')
        case.channel.drain()
        return list(case.messages)

    assert case.reactor.run(drain) == [{"op": "one"}, {"op": "two"}]
