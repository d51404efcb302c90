"""Control calls are answered side by side, and none of them ends the thread that answers."""

import threading

import fake_native
import pytest
from control_server import Server

from triton_lite.engine import handlers
from triton_lite.engine.handlers import Handler
from triton_lite.errors import Code, TritonError
from triton_lite.proto import METHODS, MethodNumber


@pytest.fixture
def server():
    server = Server()
    server.control_plane.start()
    yield server
    server.engine.calls.put(None)
    server.control_plane.stop()


def call(server, method, message=b""):
    made = fake_native.FakeCall(method, message)
    server.engine.calls.put(made)
    return made


def answer(server, method, message=b""):
    return call(server, method, message).answer.get(timeout=30)


def test_answers(server):
    code, message = answer(server, MethodNumber.SERVER_METADATA)
    assert code == 0
    metadata = METHODS["ServerMetadata"].response.FromString(message)
    assert metadata.name == "triton"
    assert "model_repository(unload_dependents)" in metadata.extensions


def test_errors_are_answers(server):
    request = METHODS["ModelConfig"].request(name="no").SerializeToString()
    assert answer(server, MethodNumber.MODEL_CONFIG, request) == (
        Code.NOT_FOUND,
        "Request for unknown model: 'no' is not found",
    )
    assert answer(server, 9999) == (Code.UNIMPLEMENTED, "method 9999 is not available in this release")
    assert answer(server, MethodNumber.MODEL_READY, b"\xff\xff")[0] == Code.INTERNAL
    assert answer(server, MethodNumber.ADMIN, b"[]")[0] == Code.INVALID_ARGUMENT
    assert answer(server, MethodNumber.ADMIN, b'{"what": "else"}')[0] == Code.INVALID_ARGUMENT
    assert answer(server, MethodNumber.SERVER_LIVE)[0] == 0


@pytest.mark.parametrize("slow", [False, True])
def test_bugs_do_not_end_the_thread(server, monkeypatch, slow):
    def run(context, encoded):
        raise RuntimeError("a bug")

    monkeypatch.setitem(handlers._HANDLERS, MethodNumber.TRACE_SETTING, Handler(run, slow))
    assert answer(server, MethodNumber.TRACE_SETTING) == (Code.INTERNAL, "internal error: a bug")
    assert answer(server, MethodNumber.SERVER_LIVE)[0] == 0


def test_slow_calls_do_not_hold_up_others(server, monkeypatch):
    go_on = threading.Event()

    def run(context, encoded):
        assert go_on.wait(30)
        raise TritonError(Code.ABORTED, "done")

    monkeypatch.setitem(handlers._HANDLERS, MethodNumber.TRACE_SETTING, Handler(run, slow=True))
    waiting = call(server, MethodNumber.TRACE_SETTING)
    assert answer(server, MethodNumber.SERVER_LIVE)[0] == 0
    go_on.set()
    assert waiting.answer.get(timeout=30) == (Code.ABORTED, "done")


def test_parses_versions_as_triton():
    from triton_lite.engine.handlers.version import parse_version

    assert [parse_version(text) for text in ("", "1", " 2x", "+3", "0")] == [-1, 1, 2, 3, 0]
    for text in ("x", "-1", "99999999999999999999"):
        with pytest.raises(TritonError, match="version should be an integral value > 0"):
            parse_version(text)
