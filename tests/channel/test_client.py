"""The client of the channel as Python sees it: over rings, to an engine of this process that listens."""

from __future__ import annotations

import gc
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import repositories

from triton_lite.engine.control_plane import ControlPlane
from triton_lite.engine.options import EngineOptions
from triton_lite.errors import Code, TritonError
from triton_lite.proto import METHODS, messages

native = pytest.importorskip("triton_lite._native")

MODEL_INFER = METHODS["ModelInfer"].number
SERVER_LIVE = METHODS["ServerLive"].number
MEGABYTE = 1 << 20
TICK_SECONDS = 0.005


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[object]:
    """An engine that serves the identity model at tmp_path/"socket"."""
    engine = native.Engine()
    repository = repositories.write_identity(tmp_path / "models")
    plane = ControlPlane(engine, EngineOptions(model_repository=[str(repository)]), native)
    assert plane.load_models() == ""
    engine.listen(str(tmp_path / "socket"))
    yield engine
    engine.stop()
    plane.stop()


@pytest.fixture
def client(engine: object, tmp_path: Path) -> object:
    return native.ChannelClient(str(tmp_path / "socket"), name="test")


def send_identity(client, body) -> int:
    request = messages.ModelInferRequest(model_name="plain_identity")
    request.inputs.add(name="INPUT0", datatype="UINT8", shape=[len(body)])
    return client.send(MODEL_INFER, request.SerializeToString(), [body])


def echoed(client, body):
    answer = client.wait(send_identity(client, body))
    assert (answer.code, answer.text, answer.last) == (Code.OK, "", True)
    return answer


@contextmanager
def ticks(handler) -> Iterator[None]:
    """Run `handler` on a signal that comes again and again."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_signal_handlers_run_while_waiting(client, engine):
    seen = []

    def answer_at_the_third(*_):
        seen.append(None)
        if len(seen) == 3:
            engine.next_control_call(timeout=10).reply(b"from the handler")

    call = client.send(SERVER_LIVE, b"")
    with ticks(answer_at_the_third):
        answer = client.wait(call)
    assert bytes(answer.message) == b"from the handler"


def test_a_handler_that_raises_ends_the_wait_but_not_the_call(client, engine):
    class Interrupted(Exception):
        pass

    seen = []

    def raise_at_the_third(*_):
        seen.append(None)
        if len(seen) == 3:
            raise Interrupted

    call = client.send(SERVER_LIVE, b"")
    with ticks(raise_at_the_third), pytest.raises(Interrupted):
        client.wait(call)
    engine.next_control_call(timeout=10).reply(b"still there")
    assert client.wait(call).message == b"still there"


def test_wait_gives_up_at_its_timeout(client, engine):
    call = client.send(SERVER_LIVE, b"")
    assert client.wait(call, timeout=0.0) is None
    assert client.wait(call, timeout=TICK_SECONDS) is None
    engine.next_control_call(timeout=10).fail(int(Code.NOT_FOUND), "no such thing")
    answer = client.wait(call, timeout=10)
    assert (answer.code, answer.text, answer.segments) == (Code.NOT_FOUND, "no such thing", [])


def test_poll_and_arm(client, engine):
    readable = select.poll()
    readable.register(client.fileno(), select.POLLIN)
    assert client.poll() == []
    calls = {client.send(SERVER_LIVE, b"%d" % i): b"%d" % i for i in range(3)}
    assert client.poll() == []
    assert client.arm()
    assert readable.poll(0) == []
    taken = [engine.next_control_call(timeout=10) for _ in calls]
    for call in reversed(taken):
        call.reply(call.message)
    assert readable.poll(10_000) != []
    answers = {}
    while len(answers) < len(calls):
        answers.update((answer.call, answer.message) for answer in client.poll())
    assert answers == calls


def test_arm_tells_that_answers_came_before(client, engine):
    call = client.send(SERVER_LIVE, b"")
    engine.next_control_call(timeout=10).reply(b"")
    assert not client.arm()
    assert [answer.call for answer in client.poll()] == [call]


def test_what_is_waited_for_is_not_polled(client, engine):
    waited, polled = client.send(SERVER_LIVE, b"waited"), client.send(SERVER_LIVE, b"polled")
    assert client.wait(waited, timeout=0.0) is None
    for _ in range(2):
        call = engine.next_control_call(timeout=10)
        call.reply(call.message)
    assert [answer.call for answer in client.poll()] == [polled]
    assert client.wait(waited).message == b"waited"


def test_a_body_is_received_into_the_channel(client):
    body = client.allocate_body(MEGABYTE)
    assert (body.nbytes, body.readonly) == (MEGABYTE, False)
    body[:] = bytes(range(256)) * (MEGABYTE // 256)
    part = body[100:-100]
    answer = echoed(client, part)
    assert answer.segments[0] == part
    assert answer.segments[0].readonly


def test_an_empty_body(client):
    assert echoed(client, client.allocate_body(0)).segments[0].nbytes == 0


@pytest.mark.parametrize("allocated", [True, False])
def test_a_body_of_300_megabytes(client, allocated):
    size = 300 * MEGABYTE
    body = client.allocate_body(size) if allocated else bytearray(size)
    for offset in (0, 64 * MEGABYTE, size - 5):
        memoryview(body)[offset : offset + 5] = b"%05d" % (offset % 99991)
    answer = echoed(client, body)
    assert answer.segments[0] == memoryview(body)


def test_more_than_the_budget_is_refused(engine, tmp_path):
    small = native.ChannelClient(str(tmp_path / "socket"), body_budget_byte_size=MEGABYTE)
    with pytest.raises(TritonError) as error:
        small.allocate_body(2 * MEGABYTE)
    assert error.value.code == Code.UNAVAILABLE
    assert echoed(small, b"goes on").segments[0] == b"goes on"


def test_memory_of_answers_goes_back(tmp_path):
    """Answers hold the engine's budget as long as they, or views of their segments, live, and no longer."""
    engine = native.Engine()
    repository = repositories.write_identity(tmp_path / "models")
    plane = ControlPlane(engine, EngineOptions(model_repository=[str(repository)]), native)
    assert plane.load_models() == ""
    engine.listen(str(tmp_path / "socket"), answer_budget_byte_size=8 * MEGABYTE)
    client = native.ChannelClient(str(tmp_path / "socket"))
    body = bytes(MEGABYTE)
    for _ in range(100):
        echoed(client, body)
    views = [echoed(client, body).segments[0] for _ in range(7)]
    call = [send_identity(client, body) for _ in range(2)][-1]
    refused = client.wait(call)
    assert refused.code == Code.UNAVAILABLE
    assert all(view == body for view in views)
    del views
    gc.collect()
    client.poll()
    echoed(client, body)
    engine.stop()
    plane.stop()


def test_the_end_of_the_engine(client, engine):
    call = client.send(SERVER_LIVE, b"")
    polled = client.send(SERVER_LIVE, b"")
    engine.stop()
    assert client.wait(call).code == Code.UNAVAILABLE
    answers = []
    while not answers:
        answers = client.poll()
    assert [(answer.call, answer.code) for answer in answers] == [(polled, Code.UNAVAILABLE)]
    while client.connected:  # Until the goodbye was read; whatever is sent before that is answered, or has no room.
        with suppress(TritonError):
            client.send(SERVER_LIVE, b"")
        client.poll()
    with pytest.raises(TritonError):
        client.send(SERVER_LIVE, b"")


def test_nobody_listens(tmp_path):
    with pytest.raises(TritonError) as error:
        native.ChannelClient(str(tmp_path / "socket"))
    assert error.value.code == Code.UNAVAILABLE
